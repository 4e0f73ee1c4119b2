"""Statistics of people and of variants, each in one pass of Hail over the genotypes.

Chromosome X outside the pseudo-autosomal regions: men count once in allele frequencies, only
women count for Hardy-Weinberg proportions, and sex is judged on calls as the file has them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.cohort.model import FEMALE, MALE, VARIANT_KEY, Cohort
from gwasbone.cohort.variant_table import chromosome_codes
from gwasbone.genome import MT, Y, in_x_non_par
from gwasbone.session import hail, temporary_path
from gwasbone.stats.hardy_weinberg import hardy_weinberg_neg_log10_p

#: Dosages further than this from a whole number are no hard call (PLINK 2's default).
HARD_CALL_DISTANCE = 0.1


def hard_calls(mt: Any) -> Any:
    """Copies of ALT as an int32 expression: from ``GT``, else from dosages near a whole number."""
    hl = hail()
    if "GT" in mt.entry:
        return mt.GT.n_alt_alleles()
    nearest = hl.floor(mt.dosage + 0.5)
    return hl.or_missing(hl.abs(mt.dosage - nearest) <= HARD_CALL_DISTANCE, hl.int32(nearest))


def people_statistics(cohort: Cohort) -> pd.DataFrame:
    """What the genotypes say of each kept person, over the kept variants.

    Returns
    -------
    Indexed by person ID, in the order of the people table: ``n_called`` and ``call_rate`` (of
    autosomal variants), ``het_rate`` (heterozygous among called), ``observed_hom`` and
    ``expected_hom`` over autosomal variants that vary, ``f`` = (observed − expected) /
    (called − expected) there, the inbreeding coefficient; ``n_called_x`` (variants that vary)
    and ``f_x``, the same on X outside the pseudo-autosomal regions (near 1 in men, near 0 in
    women); ``call_rate_x``, in which a man's heterozygous calls count as missing. NaN where there
    is nothing to judge by.

    Notes
    -----
    A variant with allele frequency p among the N alleles called is expected to be homozygous
    with probability 1 − 2p(1 − p)·N/(N − 1), as in PLINK's ``--het``.
    """
    hl = hail()
    sex = cohort.people.table["sex"]
    # With sex unknown, calls on X come as the file has them; otherwise a man's heterozygous
    # calls, which tell that he is none, would already be missing.
    columns = pd.DataFrame({"sex": np.zeros(len(sex), np.int8), "reported_sex": sex})
    mt = replace(cohort, people=cohort.people.annotate(columns)).mt
    mt = mt.annotate_rows(x=mt.locus.in_x_nonpar(), autosomal=mt.locus.in_autosome())
    mt = mt.filter_rows(mt.x | mt.autosomal)
    mt = mt.select_entries(n_alt=hard_calls(mt))
    copies = hl.if_else(mt.x & (mt.reported_sex == MALE), 1, 2)
    called = hl.is_defined(mt.n_alt)
    mt = mt.annotate_rows(
        alleles_called=hl.agg.sum(hl.if_else(called, copies, 0)),
        alt=hl.agg.sum(mt.n_alt * copies) / 2,
    )
    p = mt.alt / mt.alleles_called
    mt = mt.annotate_rows(
        varies=(p > 0) & (p < 1),
        hom_probability=1 - 2 * p * (1 - p) * mt.alleles_called / (mt.alleles_called - 1),
    )
    agg = hl.agg
    called, het = hl.is_defined(mt.n_alt), mt.n_alt == 1
    wrong = (mt.reported_sex == MALE) & het
    judged = called & mt.varies
    counts = {
        "n_variants": agg.count_where(mt.autosomal),
        "n_called": agg.count_where(mt.autosomal & called),
        "n_het": agg.count_where(mt.autosomal & het),
        "n_judged": agg.count_where(mt.autosomal & judged),
        "observed_hom": agg.count_where(mt.autosomal & judged & ~het),
        "expected_hom": _exact(hl, agg.filter(mt.autosomal & judged, agg.sum(mt.hom_probability))),
        "n_variants_x": agg.count_where(mt.x),
        "n_right_x": agg.count_where(mt.x & called & ~wrong),
        "n_called_x": agg.count_where(mt.x & judged),
        "observed_hom_x": agg.count_where(mt.x & judged & ~het),
        "expected_hom_x": _exact(hl, agg.filter(mt.x & judged, agg.sum(mt.hom_probability))),
    }
    raw = _exported(mt.select_cols(**counts).cols(), text=("s",)).set_index("s")
    raw = raw.reindex(cohort.people.kept_table().index)
    return pd.DataFrame(
        {
            "n_called": raw["n_called"],
            "call_rate": _ratio(raw["n_called"], raw["n_variants"]),
            "het_rate": _ratio(raw["n_het"], raw["n_called"]),
            "observed_hom": raw["observed_hom"],
            "expected_hom": raw["expected_hom"],
            "f": _inbreeding(raw["observed_hom"], raw["expected_hom"], raw["n_judged"]),
            "n_called_x": raw["n_called_x"],
            "f_x": _inbreeding(raw["observed_hom_x"], raw["expected_hom_x"], raw["n_called_x"]),
            "call_rate_x": _ratio(raw["n_right_x"], raw["n_variants_x"]),
        }
    )


def variant_statistics(cohort: Cohort, *, midp: bool = False) -> pd.DataFrame:
    """What the genotypes of the kept people say of each kept variant.

    Parameters
    ----------
    midp : Hardy-Weinberg mid-p (as Hail) instead of the plain exact p (as PLINK).

    Returns
    -------
    Aligned to ``cohort.variants.table``, NaN for variants that are excluded: ``call_rate`` (on Y
    among men); ``alt_frequency``, ``mac`` and ``maf`` (from dosages where the file has them; men
    count once on X outside the pseudo-autosomal regions); ``hom_ref``, ``het`` and ``hom_alt``
    among those who count for Hardy-Weinberg proportions (on X outside the pseudo-autosomal
    regions women), ``hwe_neg_log10_p`` (NaN on Y and mitochondria); ``info``: the file's own
    where it has one, else, for dosages, their variance over 2p(1 − p) (the MACH ratio).
    """
    hl = hail()
    agg = hl.agg
    source = cohort.source.matrix_table(cohort.build, cohort.people.table.index.tolist())
    has_dosage = "dosage" in source.entry
    mt = cohort.mt
    x = mt.locus.in_x_nonpar()
    mt = mt.annotate_entries(n_alt=hard_calls(mt), counts=~x | (mt.sex == FEMALE))
    male, called = mt.sex == MALE, hl.is_defined(mt.dosage)
    fields = {
        "n": agg.count_where(called),
        "n_men": agg.count_where(called & male),
        "alt": _exact(hl, agg.sum(mt.dosage)),
        "alt_men": _exact(hl, agg.filter(male, agg.sum(mt.dosage))),
        "hom_ref": agg.count_where(mt.counts & (mt.n_alt == 0)),
        "het": agg.count_where(mt.counts & (mt.n_alt == 1)),
        "hom_alt": agg.count_where(mt.counts & (mt.n_alt == 2)),
    }
    if has_dosage:
        fields |= {
            "n_info": agg.count_where(mt.counts & called),
            "sum_info": _exact(hl, agg.filter(mt.counts, agg.sum(mt.dosage))),
            "squares_info": _exact(hl, agg.filter(mt.counts, agg.sum(mt.dosage**2))),
        }
    rows = mt.select_rows(**fields).rows().key_by()
    rows = rows.transmute(
        chromosome=rows.locus.contig,
        position_bp=rows.locus.position,
        ref=rows.alleles[0],
        alt_allele=rows.alleles[1],
    )
    raw = _exported(rows, text=("chromosome", "ref", "alt_allele"))
    raw = raw.rename(columns={"alt": "alt_copies", "alt_allele": "alt"})
    raw["chromosome"] = chromosome_codes(raw["chromosome"])
    table = cohort.variants.table
    raw = table[VARIANT_KEY].merge(raw, on=VARIANT_KEY, how="left").set_axis(table.index)
    n_people = cohort.people.n_kept
    n_men = int((cohort.people.kept_table()["sex"] == MALE).sum())
    return _variant_columns(raw, cohort, n_people=n_people, n_men=n_men, midp=midp)


def _variant_columns(
    raw: pd.DataFrame, cohort: Cohort, *, n_people: int, n_men: int, midp: bool
) -> pd.DataFrame:
    """Frequencies, tests and INFO from counts; see :func:`variant_statistics`."""
    chromosome = raw["chromosome"].to_numpy()
    x = in_x_non_par(chromosome, raw["position_bp"].to_numpy(), cohort.build)
    on_y = chromosome == Y
    men_once = raw["n_men"].where(x, 0)
    alleles = 2 * raw["n"] - men_once
    alt = raw["alt_copies"] - raw["alt_men"].where(x, 0) / 2
    frequency = _ratio(alt, alleles)
    tested = raw["n"].notna().to_numpy() & ~on_y & (chromosome != MT)
    hwe = np.full(len(raw), np.nan)
    counts = raw.loc[tested, ["hom_ref", "het", "hom_alt"]].astype(np.int64)
    hwe[tested] = hardy_weinberg_neg_log10_p(
        counts["hom_ref"], counts["het"], counts["hom_alt"], midp=midp
    )
    called = raw["n_men"].where(on_y, raw["n"])
    columns = {
        "call_rate": _ratio(called, pd.Series(np.where(on_y, n_men, n_people), raw.index)),
        "alt_frequency": frequency,
        "mac": np.minimum(alt, alleles - alt).round(6),
        "maf": np.minimum(frequency, 1 - frequency),
        "hom_ref": raw["hom_ref"],
        "het": raw["het"],
        "hom_alt": raw["hom_alt"],
        "hwe_neg_log10_p": hwe,
        "info": np.nan,
    }
    given = cohort.variants.table.get("info")
    if given is not None:
        columns["info"] = given
    elif "n_info" in raw:
        p = _ratio(raw["sum_info"], 2 * raw["n_info"])
        variance = _ratio(raw["squares_info"], raw["n_info"]) - (2 * p) ** 2
        columns["info"] = _ratio(variance, 2 * p * (1 - p))
    return pd.DataFrame(columns, index=raw.index)


def _exact(hl: Any, number: Any) -> Any:
    """A float as text: Hail writes floats to TSV with five significant digits."""
    return hl.format("%.14e", hl.float64(number))


def _exported(table: Any, *, text: tuple[str, ...]) -> pd.DataFrame:
    """A Hail Table through a TSV file, which is several times faster than ``to_pandas``."""
    import pyarrow.csv as pacsv

    path = Path(temporary_path("statistics") + ".tsv")
    table.export(str(path))
    data = pacsv.read_csv(
        path,
        parse_options=pacsv.ParseOptions(delimiter="\t", quote_char=False),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(text, "string"), null_values=["NA", "null"]
        ),
    )
    path.unlink()
    return data.to_pandas()


def _ratio(numerator: pd.Series, denominator: pd.Series) -> pd.Series:
    """NaN, without a warning, where the denominator is 0."""
    return numerator / denominator.where(denominator > 0)


def _inbreeding(observed: pd.Series, expected: pd.Series, n: pd.Series) -> pd.Series:
    return _ratio(observed - expected, n - expected)
