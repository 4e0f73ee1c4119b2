"""The demo: a simulated cohort in a study folder with its ``study.toml``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gwasbone.errors import InputError
from gwasbone.files import atomic_path, clear_leftovers, staged_outputs

_PICTURES = ("ap_spine", "left_hip", "right_hip")
_SCALE = 0.25
_GENES = "genes.tsv"
#: Written with all others, and by nobody else.
_COMPLETE = Path("images", ".phantoms.json")
_QUESTIONNAIRE = {"n_filler": 10, "imaged_share": 0.9, "twice_share": 0.1, "prevalence": 0.12}

STUDY_TOML = """\
# A simulated study. `gwasbone config show` prints every key with its meaning;
# `gwasbone run` runs the stages that are not up to date.

[study]
name = "gwasbone demo, simulated people"
build = "GRCh37"

[genotypes]
bfile = "data/genotypes"

[phenotypes]
tables = ["data/phenotypes.tsv", "data/covariates.tsv"]

[records]
table = "data/questionnaire.parquet"

[residuals]
model = "nonlinear"

[images]
dicom = ["data/images"]
size = 96
scale = 0.25
mirror = "right"

[training]
regions = ["ap_spine", "hip"]
architecture = "small"
size = 64
epochs = 6
batch_size = 32
learning_rate = 2e-3
folds = 3

[covariates]
quantitative = ["sex", "age", "weight", "PC1-PC4"]
categorical = ["array", "centre"]

[ancestry]
column = "ethnic_background"
reference = ["British", "Irish"]

[association]
traits = [
    "case", "cnn_prob", "cnn_logit_std", "resid_bmd_spine_l1_l4", "resid_bmd_total", "bmd_spine",
    "null_trait",
]

# the network's own phenotype stands for the spine too, which its pictures show; few SNPs, since
# each is learned from the pictures below
[selection]
max_blocks = 5
regions = ["cnn_logit_std=ap_spine", "bmd_spine=ap_spine"]

# a linear model of coarse pixels in two folds, and an early end of the permutations of SNPs that
# are not learned, so that the demo is quick; by default keras in five folds, and stop_at = 10.
# 199 permutations can tell a false-discovery rate below 5 % of up to nine SNPs
[genotype_models]
head = "categorical"
regions = ["ap_spine"]
backend = "reference"
pretrain = false
architecture = "small"
size = 32
permutations = 199
stop_at = 4
folds = 2

# genes that the simulation made up: their names are nobody's
[loci]
genes = "data/genes.tsv"
genes_build = "GRCh37"

[comparison]
scans = ["case", "cnn_prob", "cnn_logit_std", "bmd_spine"]
loci = "simulated truth"
ld_scores = "genotypes"
"""


def write_demo_study(
    folder: Path, *, progress: Callable[[str, int, int], None] | None = None
) -> str:
    """Simulate into ``folder/data`` (once) and write ``folder/study.toml``; says what is there.

    Raises
    ------
    InputError
        The folder holds a study, or data, that no demo made.
    """
    from gwasbone.simulate import QuestionnaireSettings, SimulationSettings, simulate_cohort
    from gwasbone.simulate.genes import simulate_genes
    from gwasbone.simulate.genotypes import simulate_genotypes
    from gwasbone.simulate.phantom_people import cohort_phantoms, write_phantoms
    from gwasbone.simulate.phantoms import PhantomSettings
    from gwasbone.tables import write_table

    data, study = folder / "data", folder / "study.toml"
    if (data / _COMPLETE).exists():
        said = f"{data}: simulated before, kept"
    else:
        _refuse_foreign(data, study)
        settings = SimulationSettings()
        asked = QuestionnaireSettings(**_QUESTIONNAIRE)
        with staged_outputs(data, [], command="demo") as staging:
            genotypes = simulate_genotypes(settings, progress=progress)
            made = simulate_cohort(
                settings, staging.files, formats=("plink",), questionnaire=asked,
                genotypes=genotypes,
            )  # fmt: skip
            pictures = write_phantoms(
                cohort_phantoms(settings, asked, genotypes=genotypes), staging.files,
                settings=PhantomSettings(pictures=_PICTURES, scale=_SCALE), progress=progress,
            )  # fmt: skip
            write_table(simulate_genes(settings), staging.files / _GENES, index=False)
            staging.commit()
        said = (
            f"{made.n_people:,} people of {len(made.group_counts)} ancestries, "
            f"{made.n_variants:,} variants, {made.n_relative_pairs} pairs of relatives, "
            f"{len(pictures):,} bone images"
        )
    if not study.exists():
        with atomic_path(study) as temporary:
            temporary.write_text(STUDY_TOML)
    return said


def _refuse_foreign(data: Path, study: Path) -> None:
    clear_leftovers(data)
    there = [study] if study.exists() else []
    there += [path for path in data.glob("*") if not path.name.startswith(".")]
    if there:
        raise InputError(f"{there[0]} was not made by a demo: choose another folder for the demo")
