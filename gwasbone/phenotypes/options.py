"""Options of tables of participants, and names of models; nothing heavy is imported here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gwasbone.options import InputPath
from gwasbone.table_limit import TableLimit

#: What 0, 1, 2 and -9 of a case-control trait mean.
BinaryCoding = Literal["01", "12"]
ResidualModel = Literal["nonlinear", "linear", "formula", "deepnull", "transformer"]


@dataclass(frozen=True, kw_only=True)
class TableReading(TableLimit):
    """How tables of participants are read.

    Parameters
    ----------
    missing_codes : codes of a missing value, as numbers or words, in every column of the tables of
        participants; auto is -9, except in a column of whole numbers that also holds -8 or -10;
        none takes every number as it is.
    withdrawn : list of the participants who withdrew consent, who are excluded from genotypes and
        tables; those with a negative ID are always excluded.
    """

    missing_codes: tuple[str, ...] = ("auto",)
    withdrawn: InputPath | None = None

    def contradictions(self) -> list[str]:
        several = len(self.missing_codes) != 1
        words = [w for w in ("none", "auto") if w in self.missing_codes]
        if not self.missing_codes or (several and words):
            given = ",".join(self.missing_codes) or "nothing"
            return [f"missing_codes = {given} (expected auto, none, or a list of codes)"]
        return super().contradictions()
