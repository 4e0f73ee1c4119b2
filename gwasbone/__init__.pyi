from gwasbone import (
    association as assoc,
    cohort as cohort,
    comparison as comparison,
    genes as genes,
    images as images,
    learning as learning,
    loci as loci,
    phenotypes as phenotypes,
    plots as plots,
    simulate as simulate,
    stats as stats,
    sumstats as sumstats,
)
from gwasbone.association.associate import associate as associate
from gwasbone.association.results import AssociationResults as AssociationResults
from gwasbone.cohort.ancestry import british_ancestry as british_ancestry
from gwasbone.cohort.ld import (
    ld_matrix as ld_matrix,
    ld_scores as ld_scores,
    ld_table as ld_table,
    relationship_matrix as relationship_matrix,
)
from gwasbone.cohort.model import Cohort as Cohort
from gwasbone.cohort.options import QcThresholds as QcThresholds
from gwasbone.cohort.pca import principal_components as principal_components, project as project
from gwasbone.cohort.prune import prune as prune
from gwasbone.cohort.qc import qc as qc
from gwasbone.cohort.read import (
    annotate_phenotypes as annotate_phenotypes,
    cohort_from_mt as cohort_from_mt,
    example_cohort as example_cohort,
    read_genotypes as read_genotypes,
)
from gwasbone.cohort.relatedness import (
    exclude_related as exclude_related,
    relatedness as relatedness,
)
from gwasbone.comparison.compare import compare_scans as compare_scans
from gwasbone.errors import (
    ConfigError as ConfigError,
    GwasboneError as GwasboneError,
    GwasboneWarning as GwasboneWarning,
    InputError as InputError,
    NotBuiltError as NotBuiltError,
    UsageError as UsageError,
)
from gwasbone.genes.files import read_genes as read_genes
from gwasbone.loci.clump import clump as clump
from gwasbone.loci.genotype_effects import (
    genotype_effects as genotype_effects,
    selected_genotypes as selected_genotypes,
)
from gwasbone.loci.loci import find_loci as find_loci
from gwasbone.loci.options import ClumpRule as ClumpRule, SelectionRule as SelectionRule
from gwasbone.loci.region_selection import (
    RegionSelection as RegionSelection,
    select_regions as select_regions,
)
from gwasbone.phenotypes.table import read_people_table as read_people_table
from gwasbone.sumstats.leads import lead_blocks as lead_blocks
from gwasbone.sumstats.scans import open_scans as open_scans, read_scan as read_scan
from gwasbone.table_limit import table_limit as table_limit

__version__: str
