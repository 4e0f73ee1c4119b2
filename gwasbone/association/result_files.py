"""The files that a run leaves: their names, and all traits side by side in one Parquet file."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from gwasbone.errors import UsageError
from gwasbone.sumstats.parquet import results_writer
from gwasbone.sumstats.ssf_write import SsfPaths
from gwasbone.sumstats.table import COLUMNS, TRAIT_COLUMNS, VARIANT_COLUMNS

if TYPE_CHECKING:
    from gwasbone.association.results import AssociationResults

FORMATS = ("ssf", "parquet")

_ROWS_PER_GROUP = 65_536


def output_paths(
    prefix: str | Path, traits: Iterable[str], formats: Iterable[str] = ("ssf",)
) -> tuple[Path, ...]:
    """The files that ``AssociationResults.write`` will write, known before anything is computed.

    Raises
    ------
    UsageError
        For an unknown format, or two traits whose files would have one name.
    """
    formats = tuple(formats)
    if unknown := [name for name in formats if name not in FORMATS]:
        raise UsageError(f"format: expected some of {', '.join(FORMATS)}, got {unknown[0]!r}")
    paths = [Path(f"{prefix}.parquet")] if "parquet" in formats else []
    if "ssf" in formats:
        paths += [path for stem in trait_stems(prefix, traits) for path in SsfPaths.of(stem)]
    return tuple(paths)


def trait_stem(prefix: str | Path, trait: str) -> str:
    """``PREFIX.<trait>``, with characters that file names should not hold as ``_``."""
    safe = re.sub(r"[^\w.+=-]", "_", trait)
    return f"{prefix}.{safe}"


def trait_stems(prefix: str | Path, traits: Iterable[str]) -> Iterator[str]:
    """``PREFIX.<trait>`` of each trait.

    Raises
    ------
    UsageError
        Two traits would have one name.
    """
    by_stem: dict[str, str] = {}
    for trait in traits:
        stem = trait_stem(prefix, trait)
        if stem in by_stem:
            raise UsageError(
                f"traits {by_stem[stem]!r} and {trait!r} would both be written to {stem}.*: "
                "rename one"
            )
        by_stem[stem] = trait
    return iter(by_stem)


def write_wide_parquet(results: AssociationResults, path: Path) -> None:
    """Write one row per variant, with columns ``<trait>.beta``, … for each trait.

    A scan keeps its results in such a file already. Where tables were given trait by trait, a
    variant that a trait's table lacks has ``<trait>.status`` ``not_in_scan`` and ``n`` 0 there.

    Parameters
    ----------
    results : the run.
    path : the file to write.
    """
    if results.wide_path is not None:
        try:
            os.link(results.wide_path, path)
        except OSError:  # another file system, or one without links
            shutil.copyfile(results.wide_path, path)
        return
    table = _on_all_variants(results)
    with results_writer(path, table.schema, results.build) as writer:
        writer.write_table(table, row_group_size=_ROWS_PER_GROUP)


def _side_by_side(traits: tuple[str, ...], tables: list[pa.Table]) -> pa.Table:
    columns = {name: tables[0][name] for name in VARIANT_COLUMNS}
    for trait, table in zip(traits, tables, strict=True):
        columns |= {f"{trait}.{name}": table[name] for name in TRAIT_COLUMNS}
    return pa.table(columns)


def _on_all_variants(results: AssociationResults) -> pa.Table:
    """Every trait's table brought to the union of the variants."""
    tables = [results.table(trait).set_index(list(VARIANT_COLUMNS)) for trait in results.traits]
    union = pd.MultiIndex.from_frame(
        pd.concat([table.index.to_frame(index=False) for table in tables])
        .drop_duplicates()
        .sort_values(list(VARIANT_COLUMNS))
        .astype({name: np.dtype(COLUMNS[name]) for name in VARIANT_COLUMNS})
    )
    filled = [
        table.reindex(union)
        .fillna({"status": "not_in_scan", "test": "", "n": 0})
        .astype({name: np.dtype(COLUMNS[name]) for name in TRAIT_COLUMNS})
        .reset_index()[list(COLUMNS)]
        for table in tables
    ]
    arrow = [pa.Table.from_pandas(table, preserve_index=False) for table in filled]
    return _side_by_side(results.traits, arrow)
