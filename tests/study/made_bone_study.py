"""A small simulated study with genotypes, records and bone images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gwasbone.simulate import QuestionnaireSettings, SimulationSettings, simulate_cohort
from gwasbone.simulate.phantom_people import cohort_phantoms, write_phantoms
from gwasbone.simulate.phantoms import PhantomSettings

#: Sections that both studies have; each adds its own keys.
DATA = """
[study]
build = "GRCh37"
[genotypes]
bfile = "data/genotypes"
[images]
dicom = ["data/images"]
size = 32
scale = 0.08
mirror = "right"
[residuals]
model = "linear"
"""


def make_bone_study(
    folder: Path,
    text: str,
    *,
    n_people: int,
    n_variants: int,
    n_filler: int,
    pictures: Sequence[str],
) -> Path:
    """Simulate into ``folder/data`` and write ``folder/study.toml``; gives its path."""
    settings = SimulationSettings.light(
        n_people=n_people, n_variants=n_variants, n_segments=4, chromosomes=(1, 2), n_causal=10,
        n_planted=1,
    )  # fmt: skip
    asked = QuestionnaireSettings(
        n_filler=n_filler, imaged_share=0.95, prevalence=0.3, weight_missing_rate=0.0
    )
    data = folder / "data"
    simulate_cohort(settings, data, formats=("plink",), questionnaire=asked, table_format="parquet")
    write_phantoms(
        cohort_phantoms(settings, asked), data,
        settings=PhantomSettings(pictures=tuple(pictures), scale=0.08),
    )  # fmt: skip
    path = folder / "study.toml"
    path.write_text(DATA + text)
    return path
