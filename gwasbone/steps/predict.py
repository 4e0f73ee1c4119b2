"""``gwasbone predict``: trained networks on the images of a cache, of participants old and new."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from gwasbone.images.cache import open_cache
from gwasbone.learning.backend import load_backend
from gwasbone.learning.predict import predict
from gwasbone.tables import write_table

OUTPUTS = (".predicted.tsv",)


def predict_people(
    backend: str, models: Path, images: Path, prefix: Path, tables: Mapping[str, pd.DataFrame]
) -> str:
    """Write the scores of all participants with an image; returns a line about them."""
    table = predict(load_backend(backend), models, open_cache(images), tables)
    write_table(table.rename_axis("IID"), Path(f"{prefix}{OUTPUTS[0]}"))
    return (
        f"{len(table):,} participants, {int(table['in_training'].sum()):,} of whom were in "
        f"training: {prefix}{OUTPUTS[0]}"
    )
