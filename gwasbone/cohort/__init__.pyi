from gwasbone.cohort.ancestry import (
    AncestryDeviation as AncestryDeviation,
    ancestry_deviation as ancestry_deviation,
    british_ancestry as british_ancestry,
)
from gwasbone.cohort.ld import (
    LdMatrix as LdMatrix,
    RelationshipMatrix as RelationshipMatrix,
    ld_matrix as ld_matrix,
    ld_scores as ld_scores,
    ld_table as ld_table,
    ld_with as ld_with,
    relationship_matrix as relationship_matrix,
)
from gwasbone.cohort.masks import (
    Decision as Decision,
    MaskedTable as MaskedTable,
)
from gwasbone.cohort.model import Cohort as Cohort
from gwasbone.cohort.options import (
    AncestryOptions as AncestryOptions,
    PcaOptions as PcaOptions,
    PruningRule as PruningRule,
    QcThresholds as QcThresholds,
    RelatednessOptions as RelatednessOptions,
)
from gwasbone.cohort.pca import (
    PrincipalComponents as PrincipalComponents,
    principal_components as principal_components,
    project as project,
)
from gwasbone.cohort.prune import (
    long_range_ld as long_range_ld,
    prune as prune,
)
from gwasbone.cohort.qc import (
    qc as qc,
    qc_people as qc_people,
    qc_variants as qc_variants,
)
from gwasbone.cohort.read import (
    annotate_phenotypes as annotate_phenotypes,
    cohort_from_mt as cohort_from_mt,
    example_cohort as example_cohort,
    read_genotypes as read_genotypes,
)
from gwasbone.cohort.relatedness import (
    exclude_related as exclude_related,
    maximal_unrelated as maximal_unrelated,
    relatedness as relatedness,
    third_degree_relatives as third_degree_relatives,
)
from gwasbone.cohort.sex import (
    infer_sex as infer_sex,
    read_sex as read_sex,
    with_inferred_sex as with_inferred_sex,
    with_sex as with_sex,
)
