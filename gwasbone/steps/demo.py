"""The demo: a simulated cohort in a study folder with its ``study.toml``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gwasbone.files import atomic_path

_PICTURES = ("ap_spine", "left_hip", "right_hip")
_SCALE = 0.25
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
epochs = 12
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

# the network's own phenotype stands for the spine too, which its pictures show
[selection]
regions = ["cnn_logit_std=ap_spine", "bmd_spine=ap_spine"]

# a linear model of coarse pixels and few permutations, so that the demo is quick; by default
# keras and 199
[genotype_models]
head = "categorical"
regions = ["ap_spine"]
backend = "reference"
pretrain = false
architecture = "small"
size = 32
permutations = 9
stop_at = 2
folds = 3

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
    """Simulate into ``folder/data`` (once) and write ``folder/study.toml``; says what is there."""
    from gwasbone.simulate import QuestionnaireSettings, SimulationSettings, simulate_cohort
    from gwasbone.simulate.genes import simulate_genes
    from gwasbone.simulate.phantom_people import cohort_phantoms, write_phantoms
    from gwasbone.simulate.phantoms import PhantomSettings
    from gwasbone.tables import write_table

    data = folder / "data"
    # the last file of all: what is simulated is whole where it is there
    complete = data / "images" / ".phantoms.json"
    if complete.exists():
        said = f"{data}: simulated before, kept"
    else:
        settings = SimulationSettings()
        asked = QuestionnaireSettings(**_QUESTIONNAIRE)
        made = simulate_cohort(
            settings, data, formats=("plink",), force=True, questionnaire=asked, progress=progress
        )
        pictures = write_phantoms(
            cohort_phantoms(settings, asked), data,
            settings=PhantomSettings(pictures=_PICTURES, scale=_SCALE), progress=progress,
        )  # fmt: skip
        said = (
            f"{made.n_people:,} people of {len(made.group_counts)} ancestries, "
            f"{made.n_variants:,} variants, {made.n_relative_pairs} pairs of relatives, "
            f"{len(pictures):,} bone images"
        )
    if not (data / "genes.tsv").exists():
        write_table(simulate_genes(SimulationSettings()), data / "genes.tsv", index=False)
    study = folder / "study.toml"
    if not study.exists():
        with atomic_path(study) as temporary:
            temporary.write_text(STUDY_TOML)
    return said
