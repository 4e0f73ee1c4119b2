"""The ``Parameters`` section of a NumPy docstring, read back as data."""

from __future__ import annotations

import inspect
import re
from typing import Any


def parameter_docs(documented: Any) -> dict[str, str]:
    """Meaning of each parameter that a docstring names, wrapped as it is written there.

    ``a, b : text`` documents both; ``first, ..., last : text`` documents every dataclass field
    from the first to the last. A dataclass has its bases' documentation too, its own first.

    Raises
    ------
    ValueError
        A dataclass field has no documentation.
    """
    fields = list(getattr(documented, "__dataclass_fields__", {}))
    docs: dict[str, str] = {}
    for part in reversed(documented.__mro__ if fields else [documented]):
        docs |= _own_docs(part)
    missing = [name for name in fields if name not in docs]
    if missing:
        raise ValueError(f"{documented.__name__}: fields without documentation: {missing}")
    return docs


def _own_docs(documented: Any) -> dict[str, str]:
    text = inspect.cleandoc(getattr(documented, "__doc__", None) or "")
    section = re.search(r"Parameters\n-+\n(.*?)(?=\n\n\S[^\n]*\n-+\n|\Z)", text, re.S)
    fields = list(getattr(documented, "__dataclass_fields__", {}))
    docs: dict[str, str] = {}
    for entry in re.split(r"\n(?=\S)", section[1].strip() if section else ""):
        names, _, meaning = entry.partition(" : ")
        listed = [name.strip() for name in names.split(",")]
        if "..." in listed:
            first, last = fields.index(listed[0]), fields.index(listed[-1])
            listed = fields[first : last + 1]
        lines = [line.strip() for line in meaning.splitlines()]
        docs.update(dict.fromkeys(listed, "\n".join(lines)))
    return docs
