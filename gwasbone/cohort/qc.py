"""Quality control: named reasons to exclude samples and variants.

Nothing is deleted: each rule becomes a decision of the cohort, worded with its threshold. People
are judged first, then variants in the people who are left. The rules are those of UK Biobank
analyses; where the biobank's own quality-control columns are given they are used, where not the
same quantities are computed from the genotypes.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.cohort.masks import MaskedTable
from gwasbone.cohort.options import QcThresholds, at_least
from gwasbone.genome import AUTOSOMES

if TYPE_CHECKING:
    from gwasbone.cohort.biobank import BiobankQcColumns
    from gwasbone.cohort.model import Cohort

log = logging.getLogger(__name__)

STAGE = "qc"

#: Rules about people that are judged on autosomes.
_ON_AUTOSOMES = ("low_call_rate", "missing_heterozygosity", "heterozygosity_outlier")
#: A person with so many times the missing calls allowed is a failed sample.
_FAILED = 4
#: Failures of Hardy-Weinberg that are worth a warning: their number, their share of the variants
#: tested, and the share of them with too few heterozygotes.
_MANY_FAILING, _SHARE_FAILING, _SHARE_WITH_FEW_HETS = 10, 0.01, 0.8

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Reason:
    """A rule and whom it hits: ``excluded`` is (rows,) in the order of the judged table."""

    name: str
    description: str
    excluded: BoolArray


def qc(
    cohort: Cohort,
    thresholds: QcThresholds | None = None,
    *,
    biobank: BiobankQcColumns | None = None,
    pairs: pd.DataFrame | None = None,
    withdrawn: Collection[str] = (),
) -> Cohort:
    """Run sample QC, then variant QC in the retained samples.

    Parameters
    ----------
    cohort : cohort; samples and variants that earlier steps excluded are not tested again.
    thresholds : thresholds of quality control; the defaults where None.
    biobank : the biobank's own columns; what they hold is not computed.
    pairs : related pairs as :func:`gwasbone.cohort.relatedness.relatedness` gives them, to count
        third-degree relatives (with ``min_kinship=0.0442``); without them, and without the
        biobank's column, that rule is skipped and the log says so (all pairs of people are
        costly: ask for it).
    withdrawn : IDs of participants who withdrew consent.

    Returns
    -------
    The cohort with decisions of stage ``qc`` and, on its tables, the columns of
    :func:`~gwasbone.cohort.statistics.people_statistics` and ``sex_inferred`` (1, 2; 0 where X
    does not tell), and of :func:`~gwasbone.cohort.statistics.variant_statistics`. Where no sex is
    stated the inferred one is taken, which the log says; a stated one is left as it is.

    Examples
    --------
    >>> gb.qc(gb.example_cohort(), gb.QcThresholds(maf=0.05))
    Cohort: 300 samples, 254 of 400 variants, GRCh37, PLINK .bed
    """
    cohort = replace(cohort, variants=_undecided(cohort.variants))
    cohort = qc_people(cohort, thresholds, biobank=biobank, pairs=pairs, withdrawn=withdrawn)
    if cohort.people.n_kept == 0:
        log.warning("no sample passes quality control; variants are not judged")
        return cohort
    return qc_variants(cohort, thresholds)


def qc_people(
    cohort: Cohort,
    thresholds: QcThresholds | None = None,
    *,
    biobank: BiobankQcColumns | None = None,
    pairs: pd.DataFrame | None = None,
    withdrawn: Collection[str] = (),
) -> Cohort:
    """Run sample QC, the first half of :func:`qc`.

    Where anybody's call rate is too low, variants that are called in too few go first, as
    ``--geno`` goes before ``--mind``: those typed on one of several arrays, or failed in
    everybody, would count against people.
    """
    from gwasbone.cohort.sex import fill_unknown_sex, infer_sex

    thresholds = thresholds or QcThresholds()
    cohort = replace(cohort, people=_undecided(cohort.people))
    measured = _people_measured(cohort, thresholds)
    measured["sex_inferred"] = infer_sex(measured, thresholds)
    cohort = fill_unknown_sex(cohort.annotate_people(measured), measured["sex_inferred"])
    _say_calls_on_y(cohort.people.kept_table())
    reasons = people_reasons(
        cohort.people.kept_table(),
        thresholds,
        biobank=biobank,
        third_degree=_third_degree(pairs, cohort),
        withdrawn=withdrawn,
    )
    autosomal = cohort.variants.kept_table("chromosome")["chromosome"].isin(list(AUTOSOMES))
    if not autosomal.any() and biobank is None:
        log.warning(
            "no autosomal variants: call rates and heterozygosity of samples are not judged (%s)",
            ", ".join(_ON_AUTOSOMES),
        )
        reasons = [reason for reason in reasons if reason.name not in _ON_AUTOSOMES]
    return replace(cohort, people=_decide(cohort.people, reasons))


def _people_measured(cohort: Cohort, thresholds: QcThresholds) -> pd.DataFrame:
    """Statistics of samples over the variants that are called in enough of them."""
    from gwasbone.cohort.statistics import people_statistics, variant_call_rates

    measured = people_statistics(cohort)
    limit = thresholds.sample_call_rate
    low = measured["call_rate"].lt(limit)
    if not thresholds.variant_call_rate or not low.any():
        return measured
    # failed samples say nothing of variants
    failed = measured["call_rate"].lt(1 - _FAILED * (1 - limit)) | measured["call_rate"].isna()
    failed = failed.reindex(cohort.people.table.index, fill_value=False)
    if not (cohort.people.kept & ~failed.to_numpy()).any():
        return measured
    whole = cohort.exclude_people(STAGE, "failed", failed, description="far too few calls")
    rates = variant_call_rates(whole)
    poor = rates.lt(thresholds.variant_call_rate).to_numpy()
    n_poor, n_kept = int(poor.sum()), cohort.variants.n_kept
    if not n_poor or 2 * n_poor > n_kept:
        if n_poor:
            log.warning(
                "%d of %d variants are called in fewer than %g of samples: too many to leave out "
                "before samples are judged", n_poor, n_kept, thresholds.variant_call_rate,
            )  # fmt: skip
        return measured
    log.info(
        "%d of %d variants are called in fewer than %g of samples: they do not count against "
        "samples' call rate and heterozygosity", n_poor, n_kept, thresholds.variant_call_rate,
    )  # fmt: skip
    return people_statistics(
        cohort.exclude_variants(STAGE, "poor", poor, description="called in too few")
    )


def _say_calls_on_y(people: pd.DataFrame) -> None:
    """On Y only men count; that others are called there is said."""
    others = people.loc[people["sex"] != 1, "call_rate_y"]
    called = others[others > 0]
    if len(called):
        log.warning(
            "%d of %d participants who are not men are called on Y, at up to %.0f %% of its "
            "variants: these calls are ignored",
            len(called), len(others), 100 * called.max(),
        )  # fmt: skip


def qc_variants(cohort: Cohort, thresholds: QcThresholds | None = None) -> Cohort:
    """Run variant QC in the retained samples, the second half of :func:`qc`.

    Methods §1 wants Hardy-Weinberg in the final people, so a study calls this after ancestry and
    relatedness.
    """
    from gwasbone.cohort.statistics import variant_statistics

    thresholds = thresholds or QcThresholds()
    cohort = replace(cohort, variants=_undecided(cohort.variants))
    cohort = cohort.annotate_variants(variant_statistics(cohort, midp=thresholds.hwe_midp))
    judged = cohort.variants.kept_table("call_rate", "maf", "mac", "hwe_neg_log10_p", "info")
    reasons = variant_reasons(judged, thresholds)
    _warn_of_mixed_ancestry(cohort.variants.kept_table(), reasons)
    return replace(cohort, variants=_decide(cohort.variants, reasons))


def heterozygosity_limits(
    people: pd.DataFrame, thresholds: QcThresholds
) -> tuple[float, float] | None:
    """The least and the greatest inbreeding coefficient F that is no outlier.

    Mean and standard deviation are those of the well called: of others F is noise, and would
    widen the limits. None where the rule is off, or where fewer than two participants have F.

    Parameters
    ----------
    people : one row per person: ``call_rate``, ``f``.
    """
    f = people["f"].where(~_poorly_called(people, thresholds))
    centre, reach = float(f.mean()), thresholds.het_sd * float(f.std())
    if not thresholds.het_sd or not np.isfinite(reach):
        return None
    return centre - reach, centre + reach


def _poorly_called(people: pd.DataFrame, thresholds: QcThresholds) -> pd.Series:
    return people["call_rate"].lt(thresholds.sample_call_rate) | people["call_rate"].isna()


def people_reasons(
    people: pd.DataFrame,
    thresholds: QcThresholds,
    *,
    biobank: BiobankQcColumns | None = None,
    third_degree: pd.Series | None = None,
    withdrawn: Collection[str] = (),
) -> list[Reason]:
    """Whom each rule about samples hits.

    Parameters
    ----------
    people : one row per person: ``sex``, ``sex_inferred``, ``call_rate``, ``f``.
    biobank : the biobank's own columns, used instead of computed values where given.
    third_degree : number of third-degree relatives by person ID.

    Returns
    -------
    Reasons in the order of the funnel; each with an ``excluded`` of length len(people).
    """
    flags = None if biobank is None else biobank.aligned(people.index)
    reasons = []

    def add(name: str, excluded: npt.ArrayLike, description: str) -> None:
        reasons.append(Reason(name, description, np.asarray(excluded, dtype=bool)))

    if len(withdrawn):
        add("withdrawn", people.index.isin(list(withdrawn)), "withdrew from the study")
    low = _poorly_called(people, thresholds)
    if thresholds.sample_call_rate:
        add("low_call_rate", low, f"autosomal call rate below {thresholds.sample_call_rate:g}")
    add(
        "missing_heterozygosity",
        *_by_biobank(
            flags and flags.no_heterozygosity, "no heterozygosity released",
            people["f"].isna(), "heterozygosity cannot be computed",
        ),
    )  # fmt: skip
    outlier, far = flags and flags.outlier, None
    if thresholds.het_sd:
        lower, upper = heterozygosity_limits(people, thresholds) or (-np.inf, np.inf)
        far = (people["f"] < lower) | (people["f"] > upper)
    if far is not None or outlier is not None:
        add(
            "heterozygosity_outlier",
            *_by_biobank(
                outlier, "heterozygosity or missingness (field 22027)",
                far, f"|F - mean| > {thresholds.het_sd:g} SD",
            ),
        )  # fmt: skip
    known = people["sex"].isin([1, 2]) & people["sex_inferred"].isin([1, 2])
    rule = (
        f"X shows the other sex (man: F >= {thresholds.male_min_f:g}, "
        f"woman: F <= {thresholds.female_max_f:g})"
    )
    add(
        "sex_mismatch",
        *_by_biobank(
            flags and flags.sex_mismatch, "genetic sex (field 22001) is not the reported one",
            known & (people["sex"] != people["sex_inferred"]), rule,
        ),
    )  # fmt: skip
    if flags is not None and flags.aneuploidy is not None:
        add(
            "karyotype", *_by_biobank(flags.aneuploidy, "karyotype neither XX nor XY (field 22019)")
        )
    if flags is not None and flags.kinship_exclusion is not None:
        rule = "excluded from kinship inference (22021)"
        add("kinship_exclusion", *_by_biobank(flags.kinship_exclusion, rule))
    many, count = flags and flags.many_relatives, None
    if third_degree is not None and thresholds.max_third_degree:
        count = third_degree.reindex(people.index).fillna(0) > thresholds.max_third_degree
    if many is None and count is None:
        log.info("third-degree relatives are not counted: neither pairs nor field 22021 are given")
    else:
        add(
            "excess_relatives",
            *_by_biobank(
                many, "ten or more third-degree relatives (field 22021)",
                count, f"more than {thresholds.max_third_degree} third-degree relatives",
            ),
        )  # fmt: skip
    if flags is not None and flags.no_components is not None:
        absent = _by_biobank(flags.no_components, flags.components_rule)
        add("no_principal_components", *absent)
    return reasons


def _by_biobank(
    biobank: pd.Series | None,
    biobank_rule: str,
    computed: pd.Series | None = None,
    computed_rule: str = "",
) -> tuple[BoolArray, str]:
    """Who is excluded by the biobank's own column and, where a participant is not in its table or
    there is none, by what the genotypes show; and the rule in words."""
    if biobank is None:
        assert computed is not None
        return computed.to_numpy(dtype=bool), computed_rule
    absent = biobank.isna().to_numpy()
    excluded = biobank.fillna(False).to_numpy(dtype=bool)
    if computed is None or not absent.any():
        return excluded, biobank_rule
    computed_here = absent & computed.to_numpy(dtype=bool)
    return excluded | computed_here, f"{biobank_rule}; {computed_rule} where not in the table"


def variant_reasons(variants: pd.DataFrame, thresholds: QcThresholds) -> list[Reason]:
    """Which variants each rule hits.

    Parameters
    ----------
    variants : one row per variant: ``call_rate``, ``maf``, ``mac``, ``hwe_neg_log10_p``,
        ``info``; a missing value never fails a rule.
    """
    t = thresholds
    reasons = [
        Reason("all_missing", "no sample was called", variants["call_rate"].eq(0).to_numpy()),
        Reason("monomorphic", "one allele only", variants["mac"].eq(0).to_numpy()),
    ]
    if t.variant_call_rate:
        low = variants["call_rate"].lt(t.variant_call_rate).to_numpy()
        reasons.append(Reason("low_call_rate", f"call rate below {t.variant_call_rate:g}", low))
    if t.maf:
        rare = variants["maf"].lt(at_least(t.maf)).to_numpy()
        reasons.append(Reason("low_maf", f"minor-allele frequency below {t.maf:g}", rare))
    if t.hwe:
        p = f"exact {'mid-' if t.hwe_midp else ''}p"
        far = variants["hwe_neg_log10_p"].gt(-np.log10(at_least(t.hwe))).to_numpy()
        reasons.append(Reason("hwe", f"Hardy-Weinberg {p} below {t.hwe:g}", far))
    if t.info:
        poor = variants["info"].lt(t.info).to_numpy()
        reasons.append(Reason("low_info", f"imputation INFO below {t.info:g}", poor))
    return reasons


def _warn_of_mixed_ancestry(variants: pd.DataFrame, reasons: list[Reason]) -> None:
    """Several ancestries in one sample show as too few heterozygotes at many variants."""
    failing = next((r.excluded for r in reasons if r.name == "hwe"), np.zeros(0, dtype=bool))
    n_failing, n_tested = int(failing.sum()), int(variants["hwe_neg_log10_p"].notna().sum())
    if n_failing < _MANY_FAILING or n_failing < _SHARE_FAILING * n_tested:
        return
    counts = variants.loc[failing, ["hom_ref", "het", "hom_alt"]]
    p = (counts["hom_ref"] + counts["het"] / 2) / counts.sum(axis=1)
    few = int((counts["het"] < 2 * p * (1 - p) * counts.sum(axis=1)).sum())
    if few > _SHARE_WITH_FEW_HETS * n_failing:
        log.warning(
            "%d of %d variants fail Hardy-Weinberg, %d of them with too few heterozygotes, as "
            "where several ancestries are in one sample: filter by ancestry first (gwasbone "
            "ancestry), or leave the test out (--hwe 0)",
            n_failing, n_tested, few,
        )  # fmt: skip


def _third_degree(pairs: pd.DataFrame | None, cohort: Cohort) -> pd.Series | None:
    if pairs is None:
        return None
    from gwasbone.cohort.relatedness import third_degree_relatives

    return third_degree_relatives(pairs, cohort.people.kept_table().index)


def _undecided(table: MaskedTable) -> MaskedTable:
    """The table without the decisions of an earlier quality control."""
    return replace(table, decisions=tuple(d for d in table.decisions if d.stage != STAGE))


def _decide(table: MaskedTable, reasons: list[Reason]) -> MaskedTable:
    """Add reasons, all judged on the rows that were kept before the first of them.

    So the flagged counts of the funnel do not depend on the order of the rules.
    """
    judged = table.kept
    for reason in reasons:
        mask = np.zeros(len(table), dtype=bool)
        mask[judged] = reason.excluded
        table = table.exclude(STAGE, reason.name, mask, description=reason.description)
    for row in table.funnel().itertuples():
        if row.step == STAGE:
            log.info(
                "%s: %s (%s) flags %d, removes %d, %d remain",
                table.label, row.reason, row.description, row.flagged, row.removed, row.remaining,
            )  # fmt: skip
    return table
