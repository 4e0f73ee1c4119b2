"""What a plot asks of the table it is given."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from gwasbone.errors import InputError


def require_columns(table: pd.DataFrame, names: Iterable[str], *, figure: str) -> None:
    """Raise :class:`InputError` naming every column a figure needs and the table lacks."""
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise InputError(
            f"{figure} needs the columns {', '.join(missing)}; the table has "
            f"{', '.join(map(str, table.columns)) or 'none'}"
        )
