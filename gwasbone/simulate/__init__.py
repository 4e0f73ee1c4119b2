"""A small biobank with known truth: coalescent genotypes, bone traits, questionnaires, and files.

Names are loaded on first use, so that reading :class:`SimulationSettings` from a configuration
does not import msprime or pandas.

>>> from gwasbone.simulate import SimulationSettings, simulate_genotypes
>>> settings = SimulationSettings.light(n_people=50, n_variants=100, n_segments=2, chromosomes=(1,))
>>> simulate_genotypes(settings).G.shape
(100, 50)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gwasbone.simulate.cohort import SimulatedCohort, simulate_cohort
    from gwasbone.simulate.genotypes import MISSING, SimulatedGenotypes, simulate_genotypes
    from gwasbone.simulate.phenotypes import SimulatedPhenotypes, simulate_phenotypes
    from gwasbone.simulate.questionnaire import (
        SimulatedQuestionnaire,
        questionnaire_people,
        simulate_questionnaire,
    )
    from gwasbone.simulate.questionnaire_files import save_questionnaire
    from gwasbone.simulate.questionnaire_settings import QuestionnaireSettings
    from gwasbone.simulate.settings import SimulationSettings

__all__ = [
    "MISSING",
    "QuestionnaireSettings",
    "SimulatedCohort",
    "SimulatedGenotypes",
    "SimulatedPhenotypes",
    "SimulatedQuestionnaire",
    "SimulationSettings",
    "questionnaire_people",
    "save_questionnaire",
    "simulate_cohort",
    "simulate_genotypes",
    "simulate_phenotypes",
    "simulate_questionnaire",
]

_HOME = {
    "MISSING": "genotypes",
    "QuestionnaireSettings": "questionnaire_settings",
    "SimulatedCohort": "cohort",
    "SimulatedGenotypes": "genotypes",
    "SimulatedPhenotypes": "phenotypes",
    "SimulatedQuestionnaire": "questionnaire",
    "SimulationSettings": "settings",
    "questionnaire_people": "questionnaire",
    "save_questionnaire": "questionnaire_files",
    "simulate_cohort": "cohort",
    "simulate_genotypes": "genotypes",
    "simulate_phenotypes": "phenotypes",
    "simulate_questionnaire": "questionnaire",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
