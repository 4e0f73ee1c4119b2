"""UK Biobank's fields by category: what a questionnaire's inputs can be chosen by.

Nothing heavy is imported here, since options name the categories.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files


@lru_cache(maxsize=1)
def field_categories() -> Mapping[str, tuple[int, ...]]:
    """Category -> its fields, of ``resources/field_categories.tsv``.

    Examples
    --------
    >>> sorted(field_categories())[:4], 1289 in field_categories()["diet"]
    (['activity', 'alcohol', 'body', 'diet'], True)
    """
    source = files("gwasbone") / "resources" / "field_categories.tsv"
    lines = [line for line in source.read_text().splitlines() if line and line[0] != "#"]
    found: dict[str, list[int]] = {}
    for row in csv.DictReader(lines, delimiter="\t"):
        found.setdefault(row["category"], []).append(int(row["field"]))
    return {name: tuple(fields) for name, fields in found.items()}
