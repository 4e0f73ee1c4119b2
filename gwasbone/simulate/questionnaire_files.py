"""A simulated questionnaire as files: the table as a release would be, and its truth apart."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from gwasbone.errors import UsageError
from gwasbone.simulate.files import all_or_nothing
from gwasbone.simulate.questionnaire import SimulatedQuestionnaire

TableFormat = Literal["parquet", "csv"]
TABLE_FORMATS: tuple[TableFormat, ...] = ("parquet", "csv")

_ROWS_PER_BATCH = 20_000


def questionnaire_names(table_format: TableFormat) -> list[str]:
    """The files of a questionnaire, relative to their folder; the settings come last.

    Raises
    ------
    UsageError
        The format is none of ``TABLE_FORMATS``.
    """
    if table_format not in TABLE_FORMATS:
        raise UsageError(
            f"simulate: a questionnaire is written as {' or '.join(TABLE_FORMATS)}, got "
            f"{table_format!r}"
        )
    return [
        f"questionnaire.{table_format}",
        "truth/questionnaire_people.parquet",
        "truth/planted_codes.parquet",
        "truth/true_bmd.parquet",
        "truth/removed_bmd.parquet",
        "truth/bmd_effects.tsv",
        "truth/questionnaire_settings.json",
    ]


def save_questionnaire(
    made: SimulatedQuestionnaire,
    out_dir: str | os.PathLike[str],
    *,
    table_format: TableFormat = "parquet",
    force: bool = False,
) -> Path:
    """Write a simulated questionnaire to a folder and return the path of its table.

    Parameters
    ----------
    out_dir : made where absent; holds ``questionnaire.parquet`` or ``.csv`` and ``truth/``.
    force : replace files of an earlier simulation.

    Raises
    ------
    UsageError
        Files exist and ``force`` is not set, or the format is unknown.
    GwasboneError
        The folder cannot be written; nothing is left then.
    """
    folder = Path(out_dir)
    names = questionnaire_names(table_format)
    there = [name for name in names if (folder / name).exists()]
    if there and not force:
        raise UsageError(
            f"simulate: {folder} already holds {there[0]}: choose another folder or pass force"
        )
    with all_or_nothing(folder, names) as unfinished:
        write_questionnaire(unfinished, made, table_format)
    return folder / names[0]


def write_questionnaire(
    folder: Path, made: SimulatedQuestionnaire, table_format: TableFormat
) -> None:
    """Write all files of :func:`questionnaire_names` into a folder that has ``truth/``."""
    table, people, codes, true_bmd, removed, effects, settings = (
        folder / name for name in questionnaire_names(table_format)
    )
    if table_format == "csv":
        _write_csv(table, made.table)
    else:
        with pyarrow.parquet.ParquetWriter(table, _batch(made.table.iloc[:0]).schema) as writer:
            for batch in _batches(made.table):
                writer.write_table(batch)
    for path, truth in (
        (people, made.people),
        (codes, made.planted_codes),
        (true_bmd, made.true_bmd),
        (removed, made.removed),
    ):
        truth.to_parquet(path, index=False)
    made.effects.to_csv(effects, sep="\t", index=False, float_format="%.10g")
    settings.write_text(json.dumps(dataclasses.asdict(made.settings), indent=2) + "\n")


def _write_csv(path: Path, table: pd.DataFrame) -> None:
    schema = _batch(table.iloc[:0]).schema
    options = pyarrow.csv.WriteOptions(quoting_style="needed")
    with pyarrow.csv.CSVWriter(path, schema, write_options=options) as writer:
        for batch in _batches(table):
            writer.write_table(batch)


def _batches(table: pd.DataFrame) -> Iterator[pa.Table]:
    for start in range(0, len(table), _ROWS_PER_BATCH):
        yield _batch(table.iloc[start : start + _ROWS_PER_BATCH])


def _batch(rows: pd.DataFrame) -> pa.Table:
    """Rows as Arrow: codes as text, visits as dates without a time of day."""
    batch = pa.Table.from_pandas(rows, preserve_index=False)
    plain = [
        field.with_type(pa.string())
        if pa.types.is_dictionary(field.type)
        else field.with_type(pa.date32())
        if pa.types.is_timestamp(field.type)
        else field
        for field in batch.schema
    ]
    return batch.cast(pa.schema(plain)).replace_schema_metadata(None)
