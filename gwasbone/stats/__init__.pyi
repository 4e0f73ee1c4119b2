from gwasbone.stats.agreement import (
    Correlation as Correlation,
    OutOfFoldR2 as OutOfFoldR2,
    correlation as correlation,
    out_of_fold_r2 as out_of_fold_r2,
)
from gwasbone.stats.bernoulli import (
    BernoulliTerms as BernoulliTerms,
    bernoulli_terms as bernoulli_terms,
)
from gwasbone.stats.bootstrap import (
    BootstrapInterval as BootstrapInterval,
    bootstrap_interval as bootstrap_interval,
)
from gwasbone.stats.calibration import (
    BrierScore as BrierScore,
    Calibration as Calibration,
    Recalibration as Recalibration,
    ReliabilityBins as ReliabilityBins,
    brier_score as brier_score,
    calibration as calibration,
    expected_calibration_error as expected_calibration_error,
    wilson_interval as wilson_interval,
)
from gwasbone.stats.concordance import (
    Concordance as Concordance,
    ConcordanceDifference as ConcordanceDifference,
    compare_concordance as compare_concordance,
    concordance as concordance,
)
from gwasbone.stats.deming import (
    DemingLine as DemingLine,
    deming_line as deming_line,
)
from gwasbone.stats.f_distribution import neg_log10_p_f as neg_log10_p_f
from gwasbone.stats.false_discovery import (
    neg_log10_q as neg_log10_q,
    simes_by_group as simes_by_group,
)
from gwasbone.stats.firth import (
    FirthTests as FirthTests,
    firth_lrt_many as firth_lrt_many,
)
from gwasbone.stats.genomic_control import (
    lambda_gc as lambda_gc,
    lambda_gc_from_chi2 as lambda_gc_from_chi2,
    lambda_gc_without as lambda_gc_without,
)
from gwasbone.stats.genotype_means import (
    GenotypeMeans as GenotypeMeans,
    genotype_means as genotype_means,
    means_by_genotype as means_by_genotype,
)
from gwasbone.stats.hardy_weinberg import hardy_weinberg_neg_log10_p as hardy_weinberg_neg_log10_p
from gwasbone.stats.jackknife import (
    JackknifeInterval as JackknifeInterval,
    block_edges as block_edges,
    block_sums as block_sums,
    critical_value as critical_value,
    jackknife_covariance as jackknife_covariance,
    jackknife_interval as jackknife_interval,
    jackknife_se as jackknife_se,
    means_without as means_without,
    ratio_interval as ratio_interval,
)
from gwasbone.stats.least_squares import (
    AddedTerms as AddedTerms,
    LeastSquaresFit as LeastSquaresFit,
    added_terms_test as added_terms_test,
    dependent_columns as dependent_columns,
    least_squares as least_squares,
    orthonormal as orthonormal,
)
from gwasbone.stats.logistic import (
    FirthTest as FirthTest,
    LogisticFit as LogisticFit,
    firth_lrt as firth_lrt,
    fit_firth as fit_firth,
    fit_logistic as fit_logistic,
)
from gwasbone.stats.permutation import (
    SequentialTest as SequentialTest,
    false_discovery_rates as false_discovery_rates,
    quantile_strata as quantile_strata,
    sequential_test as sequential_test,
    shuffled_within as shuffled_within,
)
from gwasbone.stats.precision_recall import (
    PrecisionRecallCurve as PrecisionRecallCurve,
    average_precision as average_precision,
    precision_recall_curve as precision_recall_curve,
)
from gwasbone.stats.pvalues import (
    chi2_1_from_neg_log10_p as chi2_1_from_neg_log10_p,
    neg_log10_p_chi2 as neg_log10_p_chi2,
    neg_log10_p_normal as neg_log10_p_normal,
    neg_log10_p_t as neg_log10_p_t,
)
from gwasbone.stats.quantile_plot import (
    QuantilePlotPoints as QuantilePlotPoints,
    quantile_plot_points as quantile_plot_points,
)
from gwasbone.stats.random_intercept import (
    RandomInterceptFit as RandomInterceptFit,
    random_intercept_reml as random_intercept_reml,
)
from gwasbone.stats.roc import (
    Auc as Auc,
    AucComparison as AucComparison,
    RocCurve as RocCurve,
    area_under_curve as area_under_curve,
    auc_covariance as auc_covariance,
    compare_paired_auc as compare_paired_auc,
    compare_unpaired_auc as compare_unpaired_auc,
    cumulative_counts as cumulative_counts,
    roc_curve as roc_curve,
)
from gwasbone.stats.saddlepoint import (
    SaddlepointTests as SaddlepointTests,
    saddlepoint_tests as saddlepoint_tests,
)
from gwasbone.stats.sample_size_ratio import (
    SampleSizeRatio as SampleSizeRatio,
    sample_size_ratio as sample_size_ratio,
)
from gwasbone.stats.scores import (
    ScoredPeople as ScoredPeople,
    scored_people as scored_people,
)
from gwasbone.stats.smoothing import (
    SmoothLine as SmoothLine,
    natural_spline as natural_spline,
    smooth_line as smooth_line,
    spline_knots as spline_knots,
)
from gwasbone.stats.variation import varies as varies
from gwasbone.stats.winners_curse import shrunken_z as shrunken_z
