"""The demo: a simulated cohort in a study folder with its ``study.toml``."""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.errors import InputError
from gwasbone.files import Staging, atomic_path, clear_leftovers, staged_outputs
from gwasbone.simulate.cohort import simulate_cohort
from gwasbone.simulate.genotypes import simulate_genotypes
from gwasbone.simulate.phantom_people import cohort_phantoms, write_phantoms
from gwasbone.simulate.phantoms import PhantomSettings
from gwasbone.simulate.places import place_segments
from gwasbone.simulate.questionnaire_settings import QuestionnaireSettings
from gwasbone.simulate.settings import SimulationSettings
from gwasbone.tables import write_table

Progress = Callable[[str, int, int], None]

#: What the records of the demo's participants hold.
QUESTIONNAIRE = QuestionnaireSettings(
    n_filler=10, imaged_share=0.9, twice_share=0.1, prevalence=0.12
)
_PICTURES = PhantomSettings(pictures=("ap_spine", "left_hip", "right_hip"), scale=0.25)
_GENES = "genes.tsv"
#: Written with all others, and by nobody else.
_COMPLETE = Path("images", ".phantoms.json")
#: Of real genes: some ten in a megabase, half of them longer than 25 kb.
_SPACING_BP, _MEDIAN_BP, _LOG_SD = 100_000, 25_000, 1.0


def write_demo_study(folder: Path, *, progress: Progress | None = None) -> str:
    """Simulate into ``folder/data`` (once) and write ``folder/study.toml``; says what is there.

    Raises
    ------
    InputError
        The folder holds a study, or data, that no demo made.
    """
    data, study = folder / "data", folder / "study.toml"
    if (data / _COMPLETE).exists():
        said = f"{data}: simulated before, kept"
    else:
        _refuse_foreign(data, study)
        with staged_outputs(data, [], command="demo") as staging:
            said = _simulate(staging, progress)
            staging.commit()
    if not study.exists():
        text = resources.files("gwasbone").joinpath("resources/demo_study.toml").read_text("utf-8")
        with atomic_path(study) as temporary:
            temporary.write_text(text, "utf-8")
    return said


def _simulate(staging: Staging, progress: Progress | None) -> str:
    """Write genotypes, phenotypes, records, images and genes of one cohort; says how many."""
    settings = SimulationSettings()
    genotypes = simulate_genotypes(settings, progress=progress)
    made = simulate_cohort(
        settings, staging.files, formats=("plink",), questionnaire=QUESTIONNAIRE,
        genotypes=genotypes,
    )  # fmt: skip
    pictures = write_phantoms(
        cohort_phantoms(settings, QUESTIONNAIRE, genotypes=genotypes), staging.files,
        settings=_PICTURES, progress=progress,
    )  # fmt: skip
    write_table(simulate_genes(settings), staging.files / _GENES, index=False)
    return (
        f"{made.n_people:,} participants of {len(made.group_counts)} ancestries, "
        f"{made.n_variants:,} variants, {made.n_relative_pairs} pairs of relatives, "
        f"{len(pictures):,} bone images"
    )


def _refuse_foreign(data: Path, study: Path) -> None:
    clear_leftovers(data)
    there = [study] if study.exists() else []
    there += [path for path in data.glob("*") if not path.name.startswith(".")]
    if there:
        raise InputError(f"{there[0]} was not made by a demo: choose another folder for the demo")


def simulate_genes(settings: SimulationSettings) -> pd.DataFrame:
    """Genes that do not exist, where the simulated variants lie.

    Their names, ``MADEUP1`` and so on, are nobody's: nothing that is said about one of them can be
    taken for a finding. Equal settings give equal genes.

    Returns
    -------
    ``gene chromosome start_bp end_bp strand``, sorted by place; 1-based, both ends included.
    """
    rng = np.random.default_rng([settings.seed, 7])
    parts = []
    for segment in place_segments(settings):
        n = max(1, segment.length_bp // _SPACING_BP)
        start = np.sort(rng.integers(0, segment.length_bp, n)) + segment.start_bp
        length = np.exp(rng.normal(np.log(_MEDIAN_BP), _LOG_SD, n)).astype(np.int64)
        end = np.minimum(start + length, segment.start_bp + segment.length_bp - 1)
        strand = rng.choice(["+", "-"], n)
        parts.append(
            pd.DataFrame(
                {"chromosome": segment.chromosome, "start_bp": start, "end_bp": end,
                 "strand": strand}
            )
        )  # fmt: skip
    genes = pd.concat(parts, ignore_index=True)
    genes = genes.sort_values(["chromosome", "start_bp"], kind="stable", ignore_index=True)
    genes.insert(0, "gene", [f"MADEUP{number}" for number in range(1, len(genes) + 1)])
    return genes
