"""All traits of a run side by side in one Parquet file."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gwasbone.association.results_table import COLUMNS, KEY

if TYPE_CHECKING:
    from gwasbone.association.results import AssociationResults

#: Columns that belong to the variant; all others are ``<trait>.<column>``.
VARIANT_COLUMNS = (*KEY, "source_id")
TRAIT_COLUMNS = tuple(name for name in COLUMNS if name not in VARIANT_COLUMNS)


def write_wide_parquet(results: AssociationResults, path: Path) -> None:
    """Write one row per variant, with ``<trait>.beta``, ``<trait>.se``, … for each trait.

    Traits are read a row group at a time where all hold the same variants, as one run gives
    them. Where they differ, a variant that a trait's table lacks has ``<trait>.status``
    ``not_in_scan`` and ``n`` 0 there.

    Parameters
    ----------
    results : the run.
    path : the file to write.
    """
    pieces = _pieces(results)
    first = next(pieces)
    with pq.ParquetWriter(path, first.schema, compression="snappy") as writer:
        for piece in itertools.chain([first], pieces):
            writer.write_table(piece)


def _pieces(results: AssociationResults) -> Iterator[pa.Table]:
    """The wide table in row groups; at least one, which may be empty."""
    files = [pq.ParquetFile(results.parquet_path(trait)) for trait in results.traits]
    first = files[0].read(columns=list(VARIANT_COLUMNS))
    if not all(file.read(columns=list(VARIANT_COLUMNS)).equals(first) for file in files[1:]):
        yield _on_all_variants(results)
    elif not len(first):
        yield _side_by_side(results.traits, [file.read() for file in files])
    else:
        for group in range(files[0].num_row_groups):
            yield _side_by_side(results.traits, [file.read_row_group(group) for file in files])


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
