"""Tables with named reasons for exclusion: nothing is deleted, everything is counted.

A :class:`MaskedTable` holds all rows that were ever read (people or variants) and a list of
decisions. Each decision names a stage, a reason and the rows it excludes; a row is kept while no
decision excludes it. So the way from everyone to the people analysed stays a table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gwasbone.display import Shown, counted
from gwasbone.errors import InputError, reads
from gwasbone.files import atomic_path

BoolArray = npt.NDArray[np.bool_]

_METADATA_KEY = b"gwasbone_decisions"


@dataclass(frozen=True)
class Decision:
    """An exclusion rule of quality control and the rows that it excluded.

    Parameters
    ----------
    stage : the step that decided, such as ``read``, ``qc`` or ``ancestry``.
    reason : a short name such as ``low_call_rate``; unique within the stage.
    description : the rule in words, thresholds included.
    excluded : (rows,) True where the rule excludes the row.
    """

    stage: str
    reason: str
    description: str
    excluded: BoolArray


@dataclass(frozen=True, repr=False)
class MaskedTable(Shown):
    """A table of samples or variants with the exclusions that were applied to it, in order.

    Parameters
    ----------
    noun : what a row is: ``people`` or ``variants``.
    table : one row each; the index identifies the row.
    decisions : reasons for exclusion, first taken first.
    """

    noun: str
    table: pd.DataFrame
    decisions: tuple[Decision, ...] = ()

    def __len__(self) -> int:
        return len(self.table)

    @property
    def label(self) -> str:
        """What a row is, in messages: ``samples`` or ``variants``."""
        return "samples" if self.noun == "people" else self.noun

    @property
    def kept(self) -> BoolArray:
        """(rows,) True where no decision excludes the row."""
        kept = np.ones(len(self.table), dtype=bool)
        for decision in self.decisions:
            kept &= ~decision.excluded
        return kept

    @property
    def n_kept(self) -> int:
        return int(self.kept.sum())

    def kept_table(self, *columns: str) -> pd.DataFrame:
        """The rows that are kept, with some columns or all; for reading only."""
        table = self.table[list(columns)] if columns else self.table
        kept = self.kept
        return table if kept.all() else table[kept]

    def pieces(self, rows: int = 65_536) -> Iterator[MaskedTable]:
        """The table in pieces of so many rows, one empty piece where there are none."""
        for top in range(0, max(1, len(self.table)), rows):
            part = slice(top, top + rows)
            decisions = (replace(d, excluded=d.excluded[part]) for d in self.decisions)
            yield replace(self, table=self.table.iloc[part], decisions=tuple(decisions))

    def exclude(
        self, stage: str, reason: str, excluded: npt.ArrayLike, *, description: str
    ) -> MaskedTable:
        """Add a decision, or replace the one of the same stage and reason.

        Raises
        ------
        ValueError
            ``excluded`` has another length than the table.
        """
        mask = np.asarray(excluded, dtype=bool)
        if mask.shape != (len(self.table),):
            raise ValueError(
                f"{reason}: expected a mask of {len(self.table)} {self.label}, got {mask.shape}"
            )
        decision = Decision(stage, reason, description, mask)
        others = tuple(d for d in self.decisions if (d.stage, d.reason) != (stage, reason))
        return replace(self, decisions=(*others, decision))

    def annotate(self, columns: pd.DataFrame) -> MaskedTable:
        """Add (or replace) columns; rows are matched by index, unmatched ones become NaN."""
        same = columns.index.equals(self.table.index)
        added = columns if same else columns.reindex(self.table.index)
        kept = {name: self.table[name] for name in self.table if name not in columns}
        together = kept | {name: added[name] for name in added}
        # tables are not changed in place, so the new one shares the columns of the old one
        table = pd.DataFrame(together, index=self.table.index, copy=False)
        return replace(self, table=table)

    def funnel(self) -> pd.DataFrame:
        """The way from all rows to the kept ones.

        Returns
        -------
        One row per decision, in order, after a first row for everything read; columns ``step``
        (stage), ``reason``, ``description``, ``flagged`` (rows the rule excludes), ``removed``
        (of these, rows no earlier rule had excluded) and ``remaining``.
        """
        remaining = np.ones(len(self.table), dtype=bool)
        rows = [("read", "all", f"all {self.label} read", 0, 0, len(self.table))]
        for d in self.decisions:
            removed = int((remaining & d.excluded).sum())
            remaining &= ~d.excluded
            flagged = int(d.excluded.sum())
            rows.append((d.stage, d.reason, d.description, flagged, removed, int(remaining.sum())))
        names = ["step", "reason", "description", "flagged", "removed", "remaining"]
        return pd.DataFrame(rows, columns=names)

    def reasons(self) -> pd.Series:
        """(rows,) all reasons that exclude the row, joined by ``;``; empty where it is kept."""
        text = np.full(len(self.table), "", dtype=object)
        for d in self.decisions:
            held = text[d.excluded]
            text[d.excluded] = [f"{old};{d.reason}" if old else d.reason for old in held]
        return pd.Series(text, index=self.table.index, name="excluded_by")

    def write(self, path: Path) -> None:
        """Write table and decisions as one Parquet file, atomically."""
        masks = {f"excluded:{i}": d.excluded for i, d in enumerate(self.decisions)}
        index_name = str(self.table.index.name or "row")
        frame = self.table.rename_axis(index_name).reset_index().assign(**masks)
        about = {
            "noun": self.noun,
            "index": index_name,
            "decisions": [(d.stage, d.reason, d.description) for d in self.decisions],
        }
        data = pa.Table.from_pandas(frame, preserve_index=False)
        metadata = {**(data.schema.metadata or {}), _METADATA_KEY: json.dumps(about).encode()}
        with atomic_path(path) as temporary:
            pq.write_table(data.replace_schema_metadata(metadata), temporary)

    @classmethod
    @reads("a table of participants or variants written by gwasbone")
    def read(cls, path: Path) -> MaskedTable:
        """Read what :meth:`write` wrote.

        Raises
        ------
        InputError
            The file is no such table.
        """
        data = pq.read_table(path)
        about = json.loads((data.schema.metadata or {}).get(_METADATA_KEY, b"null"))
        if about is None:
            raise InputError(
                f"{path}: expected a table of samples or variants written by gwasbone, "
                "found another Parquet file; give the .parquet that `gwasbone qc` wrote"
            )
        frame = data.to_pandas().set_index(about["index"])
        decisions = tuple(
            Decision(stage, reason, description, frame.pop(f"excluded:{i}").to_numpy(dtype=bool))
            for i, (stage, reason, description) in enumerate(about["decisions"])
        )
        return cls(about["noun"], frame, decisions)

    def headline(self) -> str:
        return f"MaskedTable: {counted(self.n_kept, len(self), self.label)}"

    def preview(self) -> pd.DataFrame:
        return self.kept_table().reset_index()
