"""A study: its configuration, its runner, and where it keeps its files.

A command asks here whether it runs inside a study; the rest is imported only then, for the options
of every method take longer to import than a small table takes to read.
"""

from __future__ import annotations

from pathlib import Path

#: The configuration of a study, in its folder.
FILE_NAME = "study.toml"

#: The record in the folder of a finished stage.
RECORD = "stage.json"


def find_study(folder: Path | None = None) -> Path | None:
    """The ``study.toml`` of the current folder (or of ``folder``), if there is one."""
    path = (folder or Path.cwd()) / FILE_NAME
    return path if path.is_file() else None
