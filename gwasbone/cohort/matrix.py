"""The cohort as a Hail MatrixTable: masks applied, one coding of sex chromosomes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from gwasbone.cohort.masks import MaskedTable
from gwasbone.cohort.sources.tables import READ_STAGE
from gwasbone.genome import hail_contig
from gwasbone.session import hail, temporary_path

if TYPE_CHECKING:
    from gwasbone.cohort.model import Cohort


def kept_matrix(cohort: Cohort) -> Any:
    """The kept people and variants of a cohort; see :attr:`gwasbone.cohort.model.Cohort.mt`."""
    people = cohort.people.kept_table()
    mt = cohort.source.matrix_table(cohort.build, cohort.people.table.index.tolist())
    if cohort.people.n_kept < len(cohort.people):
        mt = mt.choose_cols(np.flatnonzero(cohort.people.kept).tolist())
    mt = code_as_diploid(annotate_people(mt, people))
    if _needs_variant_filter(cohort.variants):
        mt = mt.semi_join_rows(variant_keys(cohort.variants.kept_table(), cohort.build))
    return mt


def _needs_variant_filter(variants: MaskedTable) -> bool:
    # Hail has already skipped variants without a valid locus
    unplaced = {"unknown_chromosome", "position_outside_chromosome"}
    return any(
        d.excluded.any()
        for d in variants.decisions
        if not (d.stage == READ_STAGE and d.reason in unplaced)
    )


def variant_keys(variants: pd.DataFrame, build: str) -> Any:
    """A Hail Table keyed by (locus, alleles) of the rows of a variant table."""
    hl = hail()
    path = temporary_path("variants") + ".tsv"
    contigs = {c: hail_contig(c, build) for c in variants["chromosome"].unique()}
    variants.assign(contig=variants["chromosome"].map(contigs))[
        ["contig", "base_pair_location", "ref", "alt"]
    ].to_csv(path, sep="\t", index=False)
    table = hl.import_table(path, types={"base_pair_location": hl.tint32})
    table = table.select(
        locus=hl.locus(table.contig, table.base_pair_location, reference_genome=build),
        alleles=[table.ref, table.alt],
    )
    return table.key_by("locus", "alleles")


def annotate_people(mt: Any, people: pd.DataFrame) -> Any:
    """Put the columns of a people table on the columns of ``mt``, matched by order."""
    hl = hail()
    frame = people.reset_index(drop=True)
    rows = hl.literal(
        [
            dict(zip(frame.columns, _plain(row), strict=True))
            for row in frame.itertuples(index=False)
        ],
        hl.tarray(hl.tstruct(**{str(c): _hail_type(hl, frame[c]) for c in frame.columns})),
    )
    mt = mt.add_col_index("person")
    return mt.annotate_cols(**rows[hl.int32(mt.person)]).drop("person")


def _plain(row: tuple[Any, ...]) -> list[Any]:
    return [None if pd.isna(v) else v.item() if isinstance(v, np.generic) else v for v in row]


def _hail_type(hl: Any, column: pd.Series) -> Any:
    if pd.api.types.is_bool_dtype(column):
        return hl.tbool
    if pd.api.types.is_integer_dtype(column):
        return hl.tint64
    return hl.tfloat64 if pd.api.types.is_float_dtype(column) else hl.tstr


def code_as_diploid(mt: Any) -> Any:
    """Give every call two alleles and every genotype a dosage of 0 to 2 copies of ALT.

    A haploid call (men on X, Y; mitochondria) counts double, so men have dosage 0 or 2 there.
    On X outside the pseudo-autosomal regions a heterozygous man and a haploid woman are errors
    of genotyping and become missing. Needs the column field ``sex`` (1, 2, 0).
    """
    hl = hail()
    entry = {}
    if "GT" in mt.entry:
        x_non_par = mt.locus.in_x_nonpar()
        wrong = x_non_par & hl.if_else(
            mt.GT.ploidy == 1, mt.sex == 2, (mt.sex == 1) & mt.GT.is_het()
        )
        twice = hl.if_else(mt.GT.ploidy == 1, hl.call(mt.GT[0], mt.GT[0]), mt.GT)
        entry["GT"] = hl.or_missing(~wrong, twice)
        if "dosage" not in mt.entry:
            entry["dosage"] = hl.float64(entry["GT"].n_alt_alleles())
        else:
            haploid = hl.is_defined(mt.GT) & (mt.GT.ploidy == 1)
            entry["dosage"] = hl.if_else(haploid, 2.0, 1.0) * hl.float64(mt.dosage)
    else:
        entry["dosage"] = hl.float64(mt.dosage)
    return mt.select_entries(**entry)


def export_rows(mt: Any) -> pd.DataFrame:
    """The rows of a MatrixTable as a raw variant table, in Hail's order.

    Columns ``chromosome`` (1-22, X, Y, MT), ``position_bp``, ``ref``, ``alt``, ``source_id``, and
    ``info`` where the rows have a field ``imputation_info``.
    """
    import pyarrow.csv as pacsv

    hl = hail()
    rows = mt.rows().key_by()
    fields = {
        "chromosome": rows.locus.contig,
        "base_pair_location": rows.locus.position,
        "ref": rows.alleles[0],
        "alt": rows.alleles[1],
        "source_id": hl.or_else(rows.source_id, "."),
    }
    if "imputation_info" in rows.row:
        fields["info"] = rows.imputation_info
    path = Path(temporary_path("rows") + ".tsv")
    rows.select(**fields).export(str(path))
    text = {"chromosome", "ref", "alt", "source_id"}
    table = pacsv.read_csv(
        path,
        parse_options=pacsv.ParseOptions(delimiter="\t", quote_char=False),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(text, "string"), null_values=["NA"]
        ),
    )
    path.unlink()
    return table.to_pandas()
