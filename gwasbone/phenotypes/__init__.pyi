from gwasbone.phenotypes.biobank_table import (
    BiobankTable as BiobankTable,
    read_biobank_table as read_biobank_table,
)
from gwasbone.phenotypes.bone_density import (
    Bmd as Bmd,
    make_bmd as make_bmd,
)
from gwasbone.phenotypes.case_definition import (
    CaseDefinition as CaseDefinition,
    osteoporosis_definition as osteoporosis_definition,
    read_definition as read_definition,
)
from gwasbone.phenotypes.cases import (
    Cases as Cases,
    find_cases as find_cases,
)
from gwasbone.phenotypes.codings import (
    BinaryWords as BinaryWords,
    binary_words as binary_words,
)
from gwasbone.phenotypes.formula_comparison import (
    FormulaComparison as FormulaComparison,
    compare_formulas as compare_formulas,
)
from gwasbone.phenotypes.formulas import (
    Formula as Formula,
    read_formula as read_formula,
    read_formulas as read_formulas,
)
from gwasbone.phenotypes.imputation import (
    Imputed as Imputed,
    impute as impute,
)
from gwasbone.phenotypes.residuals import (
    ResidualPhenotypes as ResidualPhenotypes,
    ResidualWarning as ResidualWarning,
    measured_traits as measured_traits,
    residual_phenotypes as residual_phenotypes,
)
from gwasbone.phenotypes.special_codes import (
    Recoded as Recoded,
    SpecialCodes as SpecialCodes,
)
from gwasbone.phenotypes.table import read_people_table as read_people_table
from gwasbone.phenotypes.traits import (
    Trait as Trait,
    rank_inverse_normal as rank_inverse_normal,
)
from gwasbone.phenotypes.transforms import (
    normal_scores as normal_scores,
    standardise as standardise,
)
