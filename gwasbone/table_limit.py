"""How much text may come out of a compressed table: one limit, for every table that is read whole.

A small compressed file can be made to grow without end. The limit is an option of every command
that reads tables, and a key of ``study.toml``; in Python it is set by :func:`table_limit`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path

from gwasbone.errors import InputError
from gwasbone.options import Options, PositiveNumber

_limit_gb: ContextVar[float] = ContextVar("max_table_gb", default=1.0)


@dataclass(frozen=True, kw_only=True)
class TableLimit(Options):
    """Maximum size of compressed tables.

    Parameters
    ----------
    max_table_gb : maximum size in gigabytes, after decompression, of a compressed table that is
        read into memory as a whole: tables of participants, genes, loci, LD scores, genetic maps
        and the like.
    """

    max_table_gb: PositiveNumber = field(default_factory=_limit_gb.get)


@contextlib.contextmanager
def table_limit(max_table_gb: float) -> Iterator[None]:
    """Raise or lower the maximum size of compressed tables within a ``with`` block.

    Parameters
    ----------
    max_table_gb : gigabytes of text that may come out of a compressed table; 1 otherwise.

    Raises
    ------
    OptionError
        The limit is not above 0.

    Examples
    --------
    >>> with gb.table_limit(4):
    ...     table = gb.read_people_table(example / "example.tsv")
    """
    before = _limit_gb.set(TableLimit(max_table_gb=max_table_gb).max_table_gb)
    try:
        yield
    finally:
        _limit_gb.reset(before)


class UnpackedSize:
    """Counts the text that comes out of a table, up to the limit.

    Parameters
    ----------
    path : the table.
    max_gb : the limit in gigabytes; the one in effect where None.
    """

    def __init__(self, path: Path, max_gb: float | None = None) -> None:
        self._path = path
        self._max_gb = _limit_gb.get() if max_gb is None else max_gb
        self._n_bytes = 0

    def add(self, n_bytes: int) -> None:
        """Count more bytes.

        Raises
        ------
        InputError
            They are more than the limit, and more than the file has on disk.
        """
        self._n_bytes += n_bytes
        if self._n_bytes > self._max_gb * 1e9 and self._n_bytes > self._path.stat().st_size:
            raise InputError(
                f"expected at most {self._max_gb:g} GB of text in the compressed table "
                f"{self._path}, more comes out of it: if that is right, raise --max-table-gb "
                "(phenotypes.max_table_gb in study.toml)"
            )
