"""The demo: a simulated cohort in a study folder with its ``study.toml``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gwasbone.files import atomic_path

STUDY_TOML = """\
# A simulated study. `gwasbone config show` prints every key with its meaning;
# `gwasbone run` runs the stages that are not up to date.

[study]
name = "gwasbone demo"
build = "GRCh37"

[genotypes]
bfile = "data/genotypes"

[phenotypes]
tables = ["data/phenotypes.tsv", "data/covariates.tsv"]

[covariates]
quantitative = ["sex", "age", "weight", "PC1-PC4"]
categorical = ["array", "centre"]

[ancestry]
column = "ethnic_background"
reference = ["British", "Irish"]

[association]
traits = ["bmd_spine", "bmd_hip", "bmd_femur", "null_trait"]
"""


def write_demo_study(
    folder: Path, *, progress: Callable[[str, int, int], None] | None = None
) -> str:
    """Simulate into ``folder/data`` (once) and write ``folder/study.toml``; says what is there."""
    from gwasbone.simulate import SimulationSettings, simulate_cohort

    data = folder / "data"
    complete = data / "truth" / "settings.json"
    if complete.exists():
        said = f"{data}: simulated before, kept"
    else:
        made = simulate_cohort(
            SimulationSettings(), data, formats=("plink",), force=True, progress=progress
        )
        said = (
            f"{made.n_people:,} people of {len(made.group_counts)} ancestries, "
            f"{made.n_variants:,} variants, {made.n_relative_pairs} pairs of relatives"
        )
    study = folder / "study.toml"
    if not study.exists():
        with atomic_path(study) as temporary:
            temporary.write_text(STUDY_TOML)
    return said
