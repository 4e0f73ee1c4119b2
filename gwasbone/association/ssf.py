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
import gzip
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from gwasbone.association.results_table import canonical_table
from gwasbone.association.ssf_metadata import sidecar_text, ssf_metadata
from gwasbone.errors import InputError
from gwasbone.files import atomic_path

MISSING = "#NA"

#: SSF column -> canonical column; the first eight have the order that the standard fixes.
SSF_COLUMNS = {
    "chromosome": "chromosome",
    "base_pair_location": "position_bp",
    "effect_allele": "effect_allele",
    "other_allele": "other_allele",
    "beta": "beta",
    "standard_error": "se",
    "effect_allele_frequency": "effect_allele_frequency",
    "neg_log_10_p_value": "neg_log10_p",
    "n": "n",
    "call_rate": "call_rate",
    "test": "test",
    "source_id": "source_id",
}

# The validator refuses a bare 0 in the p-value column (it takes it for an underflowed p), yet
# −log10(1) is 0. Ten to the power of −1e-17 is exactly 1 in float64.
_P_OF_ONE = 1e-17
_GZIP_LEVEL = 4
_ROWS_PER_CHUNK = 200_000


@dataclass(frozen=True)
class SsfPaths:
    """The three files of one trait."""

    data: Path
    metadata: Path
    untested: Path

    @classmethod
    def of(cls, stem: str | Path) -> SsfPaths:
        """``STEM.tsv.gz``, ``STEM.tsv.gz-meta.yaml`` and ``STEM.untested.tsv.gz``."""
        return cls(
            data=Path(f"{stem}.tsv.gz"),
            metadata=Path(f"{stem}.tsv.gz-meta.yaml"),
            untested=Path(f"{stem}.untested.tsv.gz"),
        )

    def __iter__(self) -> Iterator[Path]:
        return iter((self.data, self.metadata, self.untested))


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
        return stage_ssf(
            stack, table, stem, trait=trait, build=build, provenance=provenance, study=study
        )


def stage_ssf(
    stack: contextlib.ExitStack,
    table: pd.DataFrame,
    stem: str | Path,
    *,
    trait: str,
    build: str,
    provenance: Mapping[str, Any],
    study: Mapping[str, Any] | None = None,
) -> SsfPaths:
    """As ``write_ssf``, but the files take their names when ``stack`` closes without error.

    So that several traits appear together or, after a failure, not at all.
    """
    paths = SsfPaths.of(stem)
    # The stack closes backwards: the data file, whose presence means "done", is renamed last.
    data = stack.enter_context(atomic_path(paths.data))
    untested = stack.enter_context(atomic_path(paths.untested))
    sidecar = stack.enter_context(atomic_path(paths.metadata))
    status = catalog_status(table)
    accepted = status == ""
    md5 = _write_chunks(_ssf_chunks(table[accepted]), data)
    _write_chunks(_untested_chunks(table[~accepted].assign(status=status[~accepted])), untested)
    fields = ssf_metadata(
        table[accepted], trait=trait, build=build, provenance=provenance, study=study,
        data_file_name=paths.data.name, data_file_md5sum=md5,
    )  # fmt: skip
    sidecar.write_text(sidecar_text(fields), "utf-8")
    return paths


def catalog_status(table: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Why each variant cannot go into a GWAS-SSF file, '' where it can.

    The table's own status where set; else ``symbolic_allele`` (``<DEL>``, ``*``, breakends),
    ``non_acgt_allele`` (``N``, ``I``/``D``), or ``not_finite`` (a number is missing).
    """
    own = table["status"].to_numpy(dtype=object)
    numbers = table[["beta", "se", "effect_allele_frequency", "neg_log10_p"]].to_numpy()
    symbolic = _either_allele(table, r"[<>\[\]*]")
    odd = _either_allele(table, r"[^ACGTacgt]|^$")
    return np.select(
        [own != "", symbolic, odd, ~np.isfinite(numbers).all(axis=1)],
        [own, "symbolic_allele", "non_acgt_allele", "not_finite"],
        default="",
    ).astype(object)


def _either_allele(table: pd.DataFrame, pattern: str) -> npt.NDArray[np.bool_]:
    """Where a regular expression is found in one of the alleles."""
    found = [
        pc.match_substring_regex(pa.array(table[name], pa.string()), pattern)
        for name in ("other_allele", "effect_allele")
    ]
    return np.asarray(pc.or_(*found).to_numpy(zero_copy_only=False), dtype=bool)


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
    raw = _read_text(path)
    needed = list(SSF_COLUMNS)[:9]
    if absent := [name for name in needed if name not in raw.column_names]:
        raise InputError(
            f"{path}: expected the GWAS-SSF columns {' '.join(needed)}; no {', '.join(absent)}"
        )
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
            statistic=table["beta"] / table["se"],
            dof=np.nan,
            status="",
        )
    )


def _read_text(path: Path) -> pa.Table:
    """The columns of a TSV that the reader knows, typed."""
    text = ["effect_allele", "other_allele", "test", "source_id", "rsid", "variant_id"]
    whole = ["chromosome", "base_pair_location", "n"]
    floats = set(SSF_COLUMNS) - set(text) - set(whole)
    types = dict.fromkeys(text, pa.string()) | dict.fromkeys(whole, pa.int64())
    try:
        return csv.read_csv(
            path,
            parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=csv.ConvertOptions(
                column_types=types | dict.fromkeys(floats, pa.float64()),
                null_values=[MISSING, "NA", ""],
                strings_can_be_null=True,
            ),
        )
    except (OSError, EOFError, pa.ArrowInvalid) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: expected a GWAS-SSF table, got {reason}") from error


def _write_chunks(chunks: Iterator[pa.Table], path: Path) -> str:
    """Write text columns as gzipped TSV; returns the md5 of the compressed bytes."""
    options = csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    # An empty name and no time in the gzip header: equal tables give equal bytes.
    with (
        open(path, "wb") as raw,
        gzip.GzipFile("", "wb", compresslevel=_GZIP_LEVEL, fileobj=raw, mtime=0) as out,
    ):
        for number, chunk in enumerate(chunks):
            if number == 0:
                out.write(("\t".join(chunk.column_names) + "\n").encode())
            csv.write_csv(chunk, out, options)
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "md5").hexdigest()


def _slices(table: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Pieces of bounded size; one, empty, of an empty table, so that its header is written."""
    for start in range(0, max(len(table), 1), _ROWS_PER_CHUNK):
        yield table.iloc[start : start + _ROWS_PER_CHUNK]


def _ssf_chunks(table: pd.DataFrame) -> Iterator[pa.Table]:
    """Rows as text columns in the order of the format."""
    has_rsids = _is_rsid(table["source_id"]).any()
    for piece in _slices(table):
        columns = {theirs: _text(piece[ours]) for theirs, ours in SSF_COLUMNS.items()}
        columns["neg_log_10_p_value"] = _text(piece["neg_log10_p"].clip(lower=_P_OF_ONE))
        source_id = columns["source_id"]
        variant_id = ("chromosome", "base_pair_location", "other_allele", "effect_allele")
        ordered = {name: columns[name] for name in list(SSF_COLUMNS)[:8]}
        ordered["variant_id"] = pc.binary_join_element_wise(*(columns[c] for c in variant_id), "_")
        ordered |= {name: columns[name] for name in ("n", "call_rate", "test")}
        if has_rsids:
            ordered["rsid"] = pc.if_else(_is_rsid(piece["source_id"]), source_id, MISSING)
        yield pa.table(ordered | {"source_id": source_id})


def _untested_chunks(table: pd.DataFrame) -> Iterator[pa.Table]:
    names = ["chromosome", "base_pair_location", "effect_allele", "other_allele"]
    names += ["effect_allele_frequency", "n", "call_rate", "test", "source_id"]
    for piece in _slices(table):
        columns = {name: _text(piece[SSF_COLUMNS[name]]) for name in names}
        yield pa.table(columns | {"status": _text(piece["status"])})


def _text(column: pd.Series) -> pa.Array:
    """A column as text; floats as the shortest decimal of their float32, missing as ``#NA``."""
    if column.dtype == np.float64:
        array = pa.array(column.to_numpy().astype(np.float32), from_pandas=True)
        return pc.fill_null(array.cast(pa.string()), MISSING)
    array = pa.array(column).cast(pa.string())
    # An ID or allele with a tab, line break or quote would break the table.
    array = pc.replace_substring_regex(array, r"[\s\"]", "_")
    return pc.if_else(pc.equal(array, ""), MISSING, array)


def _is_rsid(source_id: pd.Series) -> npt.NDArray[np.bool_]:
    found = pc.match_substring_regex(pa.array(source_id, pa.string()), r"^rs[0-9]+$")
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)
