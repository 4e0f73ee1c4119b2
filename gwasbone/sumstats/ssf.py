"""Results as the GWAS Catalog takes them: GWAS-SSF v1.0, its YAML sidecar, and what is left out.

The Catalog's validator refuses missing effects, standard errors and p-values, and alleles that
are not spelled in A, C, G, T. Variants of that kind go to a third file with a named status, so
that the two tables together always hold every variant of the scan.

References
----------
GWAS-SSF v1.0 (EBISPOT/gwas-summary-statistics-standard): the first eight columns have a fixed
order, ``neg_log_10_p_value`` may stand in the place of ``p_value``; missing is ``#NA``.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from gwasbone.association.ssf_files import SsfPaths, stage_ssf
from gwasbone.errors import InputError
from gwasbone.sumstats.ssf_write import MISSING
from gwasbone.sumstats.table import TRAIT_COLUMNS, VARIANT_COLUMNS, canonical_table

#: SSF column -> canonical column; the first eight have the order that the standard fixes.
SSF_COLUMNS = {
    "chromosome": "chromosome",
    "base_pair_location": "base_pair_location",
    "effect_allele": "effect_allele",
    "other_allele": "other_allele",
    "beta": "beta",
    "standard_error": "standard_error",
    "effect_allele_frequency": "effect_allele_frequency",
    "neg_log_10_p_value": "neg_log_10_p_value",
    "n": "n",
    "call_rate": "call_rate",
    "test": "test",
    "source_id": "source_id",
}

_ROWS_PER_CHUNK = 65_536


def write_ssf(
    table: pd.DataFrame,
    stem: str | Path,
    *,
    trait: str,
    build: str,
    provenance: Mapping[str, Any],
    study: Mapping[str, Any] | None = None,
) -> SsfPaths:
    """Write one trait as GWAS-SSF with its sidecar and the table of untested variants.

    The three files appear together once all are complete, the data file last; existing files
    are replaced. Floats are written with the 8 to 9 digits that identify a float32. The bytes of
    the two tables depend on the results only.

    Parameters
    ----------
    table : canonical results table of the trait.
    stem : path without extension; files are named by ``SsfPaths.of``.
    trait : name of the trait.
    build : ``GRCh37`` or ``GRCh38``.
    provenance : as in ``AssociationResults``.
    study : further sidecar fields that the scan cannot know (``STUDY_FIELDS``).

    Returns
    -------
    SsfPaths.

    Raises
    ------
    UsageError
        Where ``study`` holds a field that the sidecar does not have.
    """
    with contextlib.ExitStack() as stack:
        stage_ssf(
            stack, _OneTable(table), {trait: stem}, build=build, provenance=provenance, study=study
        )
    return SsfPaths.of(stem)


def read_ssf(path: str | Path) -> pd.DataFrame:
    """A GWAS-SSF file with ``beta`` and ``neg_log_10_p_value`` as a canonical results table.

    Parameters
    ----------
    path : ``.tsv`` or ``.tsv.gz``.

    Returns
    -------
    Canonical results table. ``statistic`` is beta / se; ``dof`` is NaN, since the format does
    not hold it; ``source_id`` falls back on ``rsid``, then on ``variant_id``.

    Raises
    ------
    InputError
        Where the file is missing, cut short, or lacks a column.
    """
    path = Path(path)
    return table_of_text(path, path)


def table_of_text(source: Path | pa.NativeFile, where: str | Path) -> pd.DataFrame:
    """GWAS-SSF text, header first, as a canonical results table; see :func:`read_ssf`.

    Parameters
    ----------
    source : a file, or text in memory. where : what messages call it.
    """
    raw = _read_text(source, where)
    refuse_absent_columns(raw.column_names, where)
    ids = [raw[name] for name in ("source_id", "rsid", "variant_id") if name in raw.column_names]
    empty = pa.array([""] * len(raw), pa.string())
    present = {
        ours: raw[theirs].to_pandas()
        for theirs, ours in SSF_COLUMNS.items()
        if theirs in raw.column_names
    }
    table = pd.DataFrame({"call_rate": np.nan, "test": ""} | present)
    return canonical_table(
        table.assign(
            source_id=pc.coalesce(*ids, empty).to_pandas(),
            test=table["test"].fillna(""),
            statistic=table["beta"] / table["standard_error"],
            dof=np.nan,
            status="",
        )
    )


def read_ssf_columns(
    path: str | Path, needed: Sequence[str], wanted: Sequence[str] = ()
) -> pd.DataFrame:
    """Some columns of a GWAS-SSF file, by their canonical names, in the order of the file.

    For those who look at a scan but do not compute with it: faster and smaller than ``read_ssf``,
    since texts stay in Arrow and other columns are not converted.

    Parameters
    ----------
    path : ``.tsv`` or ``.tsv.gz``.
    needed, wanted : columns that must be there, and columns that are taken where they are.

    Raises
    ------
    InputError
        Where the file is missing, cut short, or lacks a needed column.
    """
    path = Path(path)
    header = _header(path)
    ids = [name for name in ("source_id", "rsid", "variant_id") if name in header]
    theirs = {ours: name for name, ours in SSF_COLUMNS.items() if name in header}
    if ids:
        theirs["source_id"] = ids[0]
    names = {ours: name for name, ours in SSF_COLUMNS.items()}
    if absent := [names[name] for name in needed if name not in theirs]:
        raise InputError(
            f"{path}: expected the GWAS-SSF columns {' '.join(names[n] for n in needed)}; no "
            f"{', '.join(absent)}"
        )
    chosen = [name for name in dict.fromkeys([*needed, *wanted]) if name in theirs]
    others = ids[1:] if "source_id" in chosen else []
    raw = _read_text(path, path, include=[*(theirs[name] for name in chosen), *others])
    columns = {name: raw[theirs[name]] for name in chosen}
    if others:
        columns["source_id"] = pc.coalesce(*(raw[name] for name in ids))
    return arrow_backed(pa.table(columns))


def arrow_backed(table: pa.Table) -> pd.DataFrame:
    """A table in pandas whose texts stay in Arrow; numbers become NumPy's."""
    types = {pa.string(): pd.ArrowDtype(pa.string())}
    return table.to_pandas(types_mapper=types.get, self_destruct=True, split_blocks=True)


def _header(path: Path) -> list[str]:
    """Names of the columns."""
    try:
        with pa.input_stream(path) as stream:
            first = stream.read(1 << 16)
    except (OSError, EOFError) as error:
        raise InputError(f"{path}: expected a GWAS-SSF table, got {error}") from error
    return first.split(b"\n", 1)[0].decode("utf-8", "replace").rstrip("\r").split("\t")


def refuse_absent_columns(names: Sequence[str], where: str | Path) -> None:
    """Raise where a header lacks columns that :func:`read_ssf` needs."""
    needed = list(SSF_COLUMNS)[:9]
    if absent := [name for name in needed if name not in names]:
        raise InputError(
            f"{where}: expected the GWAS-SSF columns {' '.join(needed)}; no {', '.join(absent)}"
        )


def _read_text(
    source: Path | pa.NativeFile, where: str | Path, include: Sequence[str] = ()
) -> pa.Table:
    """The columns of a TSV that the reader knows, typed; only those included, if any are."""
    text = ["effect_allele", "other_allele", "test", "source_id", "rsid", "variant_id"]
    whole = ["chromosome", "base_pair_location", "n"]
    floats = set(SSF_COLUMNS) - set(text) - set(whole)
    types = dict.fromkeys(text, pa.string()) | dict.fromkeys(whole, pa.int64())
    try:
        return csv.read_csv(
            source,
            parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=csv.ConvertOptions(
                column_types=types | dict.fromkeys(floats, pa.float64()),
                null_values=[MISSING, "NA", ""],
                strings_can_be_null=True,
                include_columns=list(include),
            ),
        )
    except (OSError, EOFError, pa.ArrowInvalid) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{where}: expected a GWAS-SSF table, got {reason}") from error


@dataclass(frozen=True)
class _OneTable:
    """A table in memory as ``ScanRows`` of one trait."""

    table: pd.DataFrame

    @property
    def n_pieces(self) -> int:
        return max(1, -(-len(self.table) // _ROWS_PER_CHUNK))

    def variants(self, piece: int) -> pa.Table:
        return self._piece(piece, VARIANT_COLUMNS)

    def trait(self, trait: str, piece: int) -> pa.Table:
        return self._piece(piece, TRAIT_COLUMNS)

    def _piece(self, piece: int, columns: tuple[str, ...]) -> pa.Table:
        rows = slice(piece * _ROWS_PER_CHUNK, (piece + 1) * _ROWS_PER_CHUNK)
        table = self.table[list(columns)].iloc[rows]
        text = {name: pa.string() for name in table.columns if table[name].dtype == object}
        arrow = pa.Table.from_pandas(table, preserve_index=False)
        schema = pa.schema([(f.name, text.get(f.name, f.type)) for f in arrow.schema])
        return arrow.cast(schema)
