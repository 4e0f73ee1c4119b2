"""Dosage blocks: dense (variants × samples) arrays and the kernels that run over them.

``blocks.export`` writes block files of any cohort or MatrixTable; it lives with the cohort, in
:func:`gwasbone.cohort.export.export`, since Hail does the writing.
"""

from __future__ import annotations

import importlib
from typing import Any


def __getattr__(name: str) -> Any:
    # the one name here that knows the cohort, found by name so that the kernels never load it
    if name == "export":
        return importlib.import_module("gwasbone.cohort.export").export
    raise AttributeError(f"module 'gwasbone.blocks' has no attribute {name!r}")
