from gwasbone.loci.clump import clump as clump
from gwasbone.loci.clump_tables import (
    Clumps as Clumps,
    clump_by_distance as clump_by_distance,
)
from gwasbone.loci.genotype_effects import (
    genotype_effects as genotype_effects,
    selected_genotypes as selected_genotypes,
)
from gwasbone.loci.instruments import (
    read_confounders as read_confounders,
    select_instruments as select_instruments,
)
from gwasbone.loci.loci import (
    Loci as Loci,
    find_loci as find_loci,
)
from gwasbone.loci.options import (
    ClumpRule as ClumpRule,
    LociOptions as LociOptions,
    SelectionRule as SelectionRule,
    clump_rule as clump_rule,
)
from gwasbone.loci.region_selection import (
    RegionSelection as RegionSelection,
    select_regions as select_regions,
)
from gwasbone.loci.regional import regional_plots as regional_plots
