"""Numbers between NumPy and a MatrixTable: designs go in by columns, results come out by rows.

Both ways lead through text files in the session's temporary folder: `hl.Table.from_pandas`
needs 49 s for 100,000 rows and `to_pandas` is no better, while Hail reads and writes text in
parallel (0.4 s per million numbers). Hail prints a plain float64 with five digits, but those
inside an array in full, so numbers leave as one array per row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from gwasbone import session
from gwasbone.association.design import Design
from gwasbone.association.trait_groups import TraitGroup
from gwasbone.errors import InputError
from gwasbone.genome import chromosome_code

FloatArray = npt.NDArray[np.float64]


def add_people_columns(
    mt: Any, ids: npt.NDArray[np.str_], columns: Mapping[str, FloatArray]
) -> Any:
    """Keep the participants of ``ids`` in a MatrixTable and give each their numbers.

    Parameters
    ----------
    mt : hl.MatrixTable keyed by ``s`` in columns.
    ids : (n,) names.
    columns : name -> (n,) numbers, NaN for missing.

    Returns
    -------
    hl.MatrixTable with the column field ``people``, a struct of float64, whose only entry field
    is ``dosage`` (float64) and whose only row field besides the key is ``source_id``.
    """
    hl = session.hail()
    path = session.temporary_path("people") + ".tsv"
    table = pd.DataFrame({"s": ids, **columns})
    with _open(path, "w") as file:
        table.to_csv(file, sep="\t", index=False, na_rep="NA")
    types = {"s": hl.tstr, **dict.fromkeys(columns, hl.tfloat64)}
    people = hl.import_table(path, types=types, missing="NA", key="s", quote='"')
    mt = mt.select_entries(dosage=hl.float64(mt.dosage))
    mt = mt.select_rows(source_id=hl.or_else(mt.source_id, "") if "source_id" in mt.row else "")
    mt = mt.select_cols(people=people[mt.s]).select_globals()
    return mt.filter_cols(hl.is_defined(mt.people))


def row_statistics(mt: Any, in_group: Any) -> Any:
    """Row expression: the numbers of `RowStatistics` for people where ``in_group`` is true."""
    hl = session.hail()
    s = hl.agg.filter(in_group, hl.agg.stats(mt.dosage))
    return hl.array([hl.float64(s.n), s.mean, s.stdev, s.min, s.max])


def collect_numbers(ht: Any, arrays: Sequence[Any]) -> FloatArray:
    """(m, f) numbers of the rows of a table, in its order; missing and infinite ones are NaN.

    Parameters
    ----------
    arrays : expressions of array<float64>, each of one length in all rows; put side by side.
    """
    hl = session.hail()
    # The brackets stick to the first and the last number of a line, so those are padding.
    line = hl.array([0.0])
    for array in arrays:
        line = line.extend(array.map(lambda v: hl.or_missing(hl.is_finite(v), v)))
    table = _export(ht.select(line=line.extend([0.0])), ",", ["null"], pa.float64())
    columns = [column.to_numpy() for column in table.columns]
    return np.column_stack(columns) if columns else np.empty((0, 0))


def collect_variants(ht: Any) -> pd.DataFrame:
    """The variants of a table of results, in its order, in the canonical columns.

    Raises
    ------
    InputError
        A multi-allelic variant, or a contig that is no chromosome.
    """
    hl = session.hail()
    fields = ht.select(
        contig=ht.locus.contig,
        position=hl.str(ht.locus.position),
        ref=ht.alleles[0],
        alt=hl.delimit(ht.alleles[1:], ","),
        n_alleles=hl.str(hl.len(ht.alleles)),
        source_id=ht.source_id,
    )
    table = _export(fields, "\t", [], pa.string())
    if table.num_columns == 0:
        raise InputError("expected variants to test, there are none left: check the filters")
    contig, position, ref, alt, n_alleles, source_id = (c.to_pandas() for c in table.columns)
    many = n_alleles != "2"
    if many.any():
        raise InputError(
            f"expected variants of two alleles, {many.sum():,} have others "
            f"({contig[many].iloc[0]}:{position[many].iloc[0]}): split them (hl.split_multi_hts)"
        )
    codes = {name: chromosome_code(name) for name in contig.unique()}
    unknown = [name for name, code in codes.items() if code is None]
    if unknown:
        raise InputError(f"expected chromosomes 1-22, X, Y, MT, got {', '.join(unknown[:5])}")
    return pd.DataFrame(
        {
            "chromosome": contig.map(codes).astype(np.int16),
            "base_pair_location": position.astype(np.int32),
            "other_allele": ref,
            "effect_allele": alt,
            "source_id": source_id,
        }
    )


def keep_variants(mt: Any, variants: pd.DataFrame, flags: npt.NDArray[np.bool_]) -> Any:
    """Rows of a MatrixTable in a set of variants, with row field ``flags`` (array of bool).

    Parameters
    ----------
    variants : as from `collect_variants`; ``flags`` : (len(variants), f).
    """
    hl = session.hail()
    path = session.temporary_path("variants") + ".tsv"
    genome = mt.locus.dtype.reference_genome
    contigs = {chromosome_code(name): name for name in genome.contigs[:25]}
    table = pd.DataFrame(
        {
            "contig": variants["chromosome"].map(contigs),
            "position": variants["base_pair_location"],
            "ref": variants["other_allele"],
            "alt": variants["effect_allele"],
            "flags": ["".join("1" if flag else "0" for flag in row) for row in flags],
        }
    ).drop_duplicates(["contig", "position", "ref", "alt"])
    with _open(path, "w") as file:
        table.to_csv(file, sep="\t", index=False)
    kept = hl.import_table(path, types={"position": hl.tint32}, missing="")
    kept = kept.select(
        locus=hl.locus(kept.contig, kept.position, genome),
        alleles=[kept.ref, kept.alt],
        flags=hl.range(flags.shape[1]).map(lambda i: kept.flags[i] == "1"),
    ).key_by("locus", "alleles")
    mt = mt.semi_join_rows(kept)
    return mt.annotate_rows(flags=kept[mt.row_key].flags)


def collect_dosages(mt: Any, ids: npt.NDArray[np.str_]) -> FloatArray:
    """(m, len(ids)) dosages of a few variants, mean-imputed over these people, in their order."""
    position = {person: i for i, person in enumerate(mt.s.collect())}
    ht = mt.select_cols().localize_entries("entries", "people")
    columns = [position[person] for person in ids]
    G = collect_numbers(ht, [ht.entries.map(lambda entry: entry.dosage)])[:, columns]
    return np.where(np.isnan(G), np.nanmean(G, axis=1, keepdims=True), G)


def _open(path: str, mode: str) -> Any:
    """A file of the temporary folder; one on this machine is not sent through the JVM (slow)."""
    local = path.removeprefix("file://")
    if "://" in local:
        return session.hail().current_backend().fs.open(path, mode)
    return open(local, mode)


def _export(ht: Any, delimiter: str, null_values: list[str], dtype: pa.DataType) -> pa.Table:
    hl = session.hail()
    path = session.temporary_path("rows") + ".tsv"
    ht = ht.key_by().select(*ht.row_value)
    ht.export(path, header=False, delimiter=delimiter)
    with _open(path, "r") as file:
        first = file.readline()
    n_fields = first.count(delimiter) + 1
    # An array's first and last field carry a bracket and are never read.
    padding = 1 if first.startswith("[") else 0
    names = [f"f{i}" for i in range(padding, n_fields - padding)] if first else []
    if not names:
        return pa.table({})
    with _open(path, "rb") as file:
        table = pa.csv.read_csv(
            file,
            read_options=pa.csv.ReadOptions(autogenerate_column_names=True),
            parse_options=pa.csv.ParseOptions(delimiter=delimiter, quote_char=False),
            convert_options=pa.csv.ConvertOptions(
                column_types=dict.fromkeys(names, dtype),
                include_columns=names,
                null_values=null_values,
                strings_can_be_null=False,
            ),
        )
    hl.current_backend().fs.remove(path)
    return table


def covariate_fields(design: Design, group: TraitGroup) -> dict[str, FloatArray]:
    """Covariates of everybody that a group uses, but the intercept, as ``x1``, ``x2``, ..."""
    used = [1 + design.covariates.index(name) for name in group.covariates[1:]]
    return {f"x{j}": design.covariate_matrix[:, j] for j in used}
