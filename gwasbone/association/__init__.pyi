from gwasbone.association.associate import associate as associate
from gwasbone.association.covariates import DroppedCovariateWarning as DroppedCovariateWarning
from gwasbone.association.design import (
    BinaryTraitWarning as BinaryTraitWarning,
    Design as Design,
    build_design as build_design,
)
from gwasbone.association.options import AssociationOptions as AssociationOptions
from gwasbone.association.results import AssociationResults as AssociationResults
from gwasbone.association.summary import TraitSummary as TraitSummary
