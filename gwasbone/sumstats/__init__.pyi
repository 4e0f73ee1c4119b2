from gwasbone.sumstats.align import (
    AlignedScans as AlignedScans,
    PairedScans as PairedScans,
    align_scans as align_scans,
    pair_scans as pair_scans,
)
from gwasbone.sumstats.coloc import (
    Coloc as Coloc,
    ColocTrait as ColocTrait,
    coloc_abf as coloc_abf,
    implied_sd as implied_sd,
)
from gwasbone.sumstats.gsmr import (
    Gsmr as Gsmr,
    gsmr as gsmr,
    significant_ld as significant_ld,
    standardised as standardised,
)
from gwasbone.sumstats.hits import map_hits as map_hits
from gwasbone.sumstats.ld_score_files import (
    LdScores as LdScores,
    read_ld_scores as read_ld_scores,
)
from gwasbone.sumstats.ldsc import (
    GeneticCorrelation as GeneticCorrelation,
    Heritability as Heritability,
    genetic_correlation as genetic_correlation,
    heritability as heritability,
)
from gwasbone.sumstats.ldsc_input import (
    LdscInput as LdscInput,
    ldsc_input as ldsc_input,
)
from gwasbone.sumstats.ldsc_matrix import (
    PairOfTraits as PairOfTraits,
    genetic_correlations as genetic_correlations,
    heritabilities as heritabilities,
    liability_factor as liability_factor,
)
from gwasbone.sumstats.ldsc_tables import (
    correlation_table as correlation_table,
    heritability_table as heritability_table,
)
from gwasbone.sumstats.leads import (
    lead_blocks as lead_blocks,
    leads_in_scan as leads_in_scan,
    read_leads as read_leads,
)
from gwasbone.sumstats.mr import (
    Harmonised as Harmonised,
    MrEstimate as MrEstimate,
    egger as egger,
    ivw as ivw,
    leave_one_out as leave_one_out,
    single_snp as single_snp,
    steiger as steiger,
    wald_ratio as wald_ratio,
    weighted_median as weighted_median,
)
from gwasbone.sumstats.mr_modes import (
    simple_mode as simple_mode,
    weighted_mode as weighted_mode,
)
from gwasbone.sumstats.mr_multivariable import (
    conditional_f as conditional_f,
    correlated_ivw as correlated_ivw,
    multivariable as multivariable,
)
from gwasbone.sumstats.mr_pairs import (
    MrPair as MrPair,
    read_harmonised as read_harmonised,
)
from gwasbone.sumstats.mr_presso import presso as presso
from gwasbone.sumstats.mr_robust import (
    cml_ma as cml_ma,
    contamination_mixture as contamination_mixture,
    divw as divw,
    lasso as lasso,
    pivw as pivw,
    raps as raps,
)
from gwasbone.sumstats.mr_run import estimate_pairs as estimate_pairs
from gwasbone.sumstats.mr_screen import (
    funnel_of_screen as funnel_of_screen,
    screen as screen,
)
from gwasbone.sumstats.options import (
    ColocOptions as ColocOptions,
    LdscOptions as LdscOptions,
    MrOptions as MrOptions,
)
from gwasbone.sumstats.scan import (
    Scan as Scan,
    ScanHits as ScanHits,
    Scans as Scans,
)
from gwasbone.sumstats.scans import (
    as_scans as as_scans,
    open_scans as open_scans,
    read_scan as read_scan,
)
from gwasbone.sumstats.ssf_write import write_ssf as write_ssf
from gwasbone.sumstats.variants import (
    Variants as Variants,
    match_variants as match_variants,
)
