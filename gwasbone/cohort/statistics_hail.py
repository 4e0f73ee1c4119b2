"""Counts of calls per sample and per variant, each in one pass of Hail, for any source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.cohort.model import Cohort
from gwasbone.cohort.sources.matrix_table import hard_calls, kept_matrix, on_y, variant_keys
from gwasbone.cohort.sources.tables import FEMALE, MALE, VARIANT_KEY, chromosome_codes
from gwasbone.session import hail, temporary_path


def count_people(cohort: Cohort, tells_sex: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """Counts per kept sample; see :func:`gwasbone.cohort.statistics.people_statistics`.

    Parameters
    ----------
    tells_sex : (variants,) those of X that sex is judged by.
    """
    hl = hail()
    chosen = variant_keys(cohort.variants.table[tells_sex], cohort.build)
    # a man's heterozygous calls, which tell that he is none, would otherwise be missing
    mt = kept_matrix(cohort, as_filed=True)
    mt = mt.annotate_rows(
        x=mt.locus.in_x_nonpar(),
        autosomal=mt.locus.in_autosome(),
        y=on_y(mt),
        tells_sex=hl.is_defined(chosen[mt.row_key]),
    )
    mt = mt.filter_rows(mt.x | mt.y | mt.autosomal)
    mt = mt.select_entries(n_alt=hard_calls(mt))
    copies = hl.if_else(mt.x & (mt.sex == MALE), 1, 2)
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
    wrong = (mt.sex == MALE) & het
    judged = called & mt.varies
    counts = {
        "n_variants": agg.count_where(mt.autosomal),
        "n_called": agg.count_where(mt.autosomal & called),
        "n_het": agg.count_where(mt.autosomal & het),
        "n_judged": agg.count_where(mt.autosomal & judged),
        "observed_hom": agg.count_where(mt.autosomal & judged & ~het),
        "expected_hom": _exact(hl, agg.filter(mt.autosomal & judged, agg.sum(mt.hom_probability))),
        "n_variants_x": agg.count_where(mt.x),
        "n_variants_y": agg.count_where(mt.y),
        "n_called_y": agg.count_where(mt.y & called),
        "n_right_x": agg.count_where(mt.x & called & ~wrong),
        "n_called_x": agg.count_where(mt.tells_sex & judged),
        "observed_hom_x": agg.count_where(mt.tells_sex & judged & ~het),
        "expected_hom_x": _exact(
            hl, agg.filter(mt.tells_sex & judged, agg.sum(mt.hom_probability))
        ),
    }
    return _exported(mt.select_cols(**counts).cols(), text=("s",)).set_index("s")


def count_variants(cohort: Cohort) -> pd.DataFrame:
    """Counts per variant; see :func:`gwasbone.cohort.statistics.variant_statistics`."""
    hl = hail()
    agg = hl.agg
    mt = cohort.mt
    x = mt.locus.in_x_nonpar()
    mt = mt.annotate_entries(n_alt=hard_calls(mt), counts=~x | (mt.sex == FEMALE))
    called = hl.is_defined(mt.dosage)
    fields = {"n": agg.count_where(called), "alt": _exact(hl, agg.sum(mt.dosage))}
    for who, code in (("men", MALE), ("women", FEMALE)):
        fields[f"n_{who}"] = agg.count_where(called & (mt.sex == code))
        fields[f"alt_{who}"] = _exact(hl, agg.filter(mt.sex == code, agg.sum(mt.dosage)))
    fields |= {
        "hom_ref": agg.count_where(mt.counts & (mt.n_alt == 0)),
        "het": agg.count_where(mt.counts & (mt.n_alt == 1)),
        "hom_alt": agg.count_where(mt.counts & (mt.n_alt == 2)),
    }
    if cohort.source.capabilities.dosages:
        fields |= {
            "n_info": agg.count_where(mt.counts & called),
            "sum_info": _exact(hl, agg.filter(mt.counts, agg.sum(mt.dosage))),
            "squares_info": _exact(hl, agg.filter(mt.counts, agg.sum(mt.dosage**2))),
        }
    rows = mt.select_rows(**fields).rows().key_by()
    rows = rows.transmute(
        chromosome=rows.locus.contig,
        base_pair_location=rows.locus.position,
        ref=rows.alleles[0],
        alt_allele=rows.alleles[1],
    )
    raw = _exported(rows, text=("chromosome", "ref", "alt_allele"))
    raw = raw.rename(columns={"alt": "alt_copies", "alt_allele": "alt"})
    raw["chromosome"] = chromosome_codes(raw["chromosome"])
    table = cohort.variants.table
    counts = table[VARIANT_KEY].merge(raw, on=VARIANT_KEY, how="left").set_axis(table.index)
    numbers = counts.columns.difference(VARIANT_KEY)
    # a copy that was set aside has the place and alleles of the one that was counted
    counts.loc[~cohort.variants.kept, numbers] = np.nan
    return counts


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
