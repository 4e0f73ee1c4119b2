"""Many small images in rows, each with a caption: to see at a glance that all is as it should."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from bokeh.models import Div
from PIL import Image

from gwasbone.plots import theme

_STYLE = f"""
.sheet {{ display: flex; flex-wrap: wrap; gap: 14px 10px; font-family: {theme.FONT}; }}
.sheet figure {{ margin: 0; }}
.sheet img {{ display: block; border: 1px solid {theme.GRID}; }}
.sheet figcaption {{ font-size: {theme.NOTE_PX}px; line-height: 1.35; color: {theme.MUTED_INK};
  margin-top: 3px; overflow-wrap: anywhere; }}
"""

_TABLE_STYLE = f"""
table {{ border-collapse: collapse; font-size: {theme.LABEL_PX}px; font-family: {theme.FONT};
  font-variant-numeric: tabular-nums; }}
th, td {{ padding: 3px 18px 3px 0; text-align: right; border-bottom: 1px solid {theme.GRID}; }}
th:first-child, td:first-child {{ text-align: left; }}
"""


def contact_sheet(
    pictures: npt.NDArray[np.uint8], captions: Sequence[str], *, height_px: int = 160
) -> Div:
    """Pictures side by side, as many in a row as the page is wide.

    Parameters
    ----------
    pictures : (k, height, width) uint8 grey levels, shown as they are.
    captions : (k,) text below each.
    height_px : of an image on the page; its file has twice that, for fine screens.
    """
    width_px = round(pictures.shape[2] / pictures.shape[1] * height_px)
    figures = []
    for picture, caption in zip(pictures, captions, strict=True):
        text = html.escape(caption)
        figures.append(
            f'<figure style="width:{width_px + 2}px"><img src="{_png(picture, height_px)}" '
            f'width="{width_px}" height="{height_px}" alt="{text}">'
            f"<figcaption>{text}</figcaption></figure>"
        )
    text = f'<div class="sheet">{"".join(figures)}</div>'
    return Div(text=text, stylesheets=[_STYLE], sizing_mode="stretch_width")


def plain_table(table: pd.DataFrame) -> Div:
    """A table as it is, the first column to the left; ``none`` where it has no rows."""
    if table.empty:
        return Div(text="<p>none</p>")
    return Div(text=table.to_html(index=False, border=0), stylesheets=[_TABLE_STYLE])


def _png(picture: npt.NDArray[np.uint8], height_px: int) -> str:
    image = Image.fromarray(np.ascontiguousarray(picture))
    image.thumbnail((8 * height_px, 2 * height_px))
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
