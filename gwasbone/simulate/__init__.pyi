from gwasbone.simulate.cohort import (
    SimulatedCohort as SimulatedCohort,
    simulate_cohort as simulate_cohort,
)
from gwasbone.simulate.genotypes import (
    MISSING as MISSING,
    SimulatedGenotypes as SimulatedGenotypes,
    simulate_genotypes as simulate_genotypes,
)
from gwasbone.simulate.phenotypes import (
    SimulatedPhenotypes as SimulatedPhenotypes,
    simulate_phenotypes as simulate_phenotypes,
)
from gwasbone.simulate.questionnaire import (
    SimulatedQuestionnaire as SimulatedQuestionnaire,
    questionnaire_people as questionnaire_people,
    simulate_questionnaire as simulate_questionnaire,
)
from gwasbone.simulate.questionnaire_files import save_questionnaire as save_questionnaire
from gwasbone.simulate.questionnaire_settings import QuestionnaireSettings as QuestionnaireSettings
from gwasbone.simulate.settings import SimulationSettings as SimulationSettings
