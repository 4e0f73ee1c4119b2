"""Names of models and codings of phenotypes, for options; nothing heavy is imported here."""

from __future__ import annotations

from typing import Literal

#: What 0, 1, 2 and -9 of a case-control trait mean.
BinaryCoding = Literal["01", "12"]
ResidualModel = Literal["nonlinear", "linear", "deepnull", "transformer"]
