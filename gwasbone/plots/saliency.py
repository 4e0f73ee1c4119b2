"""Mean saliency maps by class over the mean image, side by side (Eriksson & Nakamori, Figure 10).

Panels are PNG images of eight bits, not arrays of numbers, so that a page stays small.
"""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from bokeh.models import Div
from bokeh.palettes import Inferno256
from PIL import Image

from gwasbone.plots import disclosure, theme
from gwasbone.plots.page import describe

FloatArray = npt.NDArray[np.floating]
Rgb = npt.NDArray[np.float64]

_PANEL_PX = 250


def _rgb(colour: str) -> list[float]:
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


#: (k, 3) bright to dark, so that more is darker on a light image; without the nearly black end.
_MORE = np.array([_rgb(colour) for colour in reversed(Inferno256[40:])])
#: (256, 3) less is blue, more is orange, which nobody confuses.
_DIFFERENCE = np.column_stack(
    [
        np.interp(np.linspace(-1, 1, 256), [-1, 0, 1], channel)
        for channel in zip(*map(_rgb, ("#0059a0", "#ffffff", "#b04000")), strict=True)
    ]
)
#: The image is drawn pale, so that colours stand out; colour hides at most so much of it.
_PALEST, _MOST_COLOUR = 0.45, 0.85

_STYLE = f"""
.maps {{ display: flex; flex-wrap: wrap; gap: 18px 22px; font-family: {theme.FONT};
  align-items: flex-start; }}
.maps figure {{ margin: 0; overflow: visible; }}
.maps img {{ display: block; border: 1px solid {theme.GRID}; }}
.maps figcaption {{ font-size: {theme.LABEL_PX}px; line-height: 1.35; color: {theme.INK};
  margin: 0 0 4px; }}
.maps .n {{ color: {theme.MUTED_INK}; font-size: {theme.TICK_PX}px; display: block; }}
.maps .scale {{ font-size: {theme.TICK_PX}px; color: {theme.INK}; margin-top: 8px; }}
.maps .scale img {{ border: 1px solid {theme.AXIS}; width: 100%;
  height: 12px; box-sizing: border-box; }}
.maps .ends {{ display: flex; justify-content: space-between; color: {theme.INK}; }}
"""


def saliency_figure(
    picture: npt.NDArray[np.uint8],
    mean: FloatArray,
    slope: FloatArray,
    t: FloatArray,
    *,
    names: Sequence[str],
    n: Sequence[int] | npt.NDArray[np.integer],
    critical: float,
    title: str,
    target: npt.NDArray[np.bool_] | None = None,
    notes: Sequence[str] = (),
) -> Div:
    """Draw the mean map of each class over the mean image, and the change between classes.

    The map of a class of fewer than five participants is not drawn, and neither is the change,
    which would give it away, unless :func:`gwasbone.plots.small_counts` allows them.

    Parameters
    ----------
    picture : (h, w) mean image.
    mean : (k, h, w) mean maps in units of the mean over an image; all on one scale.
    slope : (h, w) change of the map per class; t : (h, w) over its standard error.
    names, n : names of the classes and their numbers of participants.
    critical : |t| that noise does not reach; NaN where it is not known.
    target : (h, w) the known location of the signal, to be outlined.

    Returns
    -------
    Bokeh layout; :func:`gwasbone.plots.page.save_page` writes it with its notes.
    """
    hidden = np.array([disclosure.is_small(count) for count in n])
    shown = np.asarray(n) > 0
    shown &= ~hidden
    top = (float(np.nanmax(mean[shown])) if shown.any() else 0.0) or 1.0
    if disclosure.is_small(sum(n)):
        picture = np.full_like(picture, 255)
    panels = []
    for name, size, has_map, map_ in zip(
        names, disclosure.cell_texts(n, hidden), shown.tolist(), mean, strict=True
    ):
        caption = f"{html.escape(name)} <span class='n'>{html.escape(size)} participants</span>"
        if not has_map:
            panels.append(f"<figure><figcaption>{caption}: no map</figcaption></figure>")
            continue
        drawn = _over(picture, map_ / top, np.clip(map_ / top, 0, 1) ** 0.7, _MORE)
        panels.append(_panel(drawn, caption, f"Mean saliency of {name}", target))
    if shown.any():
        last = int(np.flatnonzero(shown)[-1])
        scale = _scale(_MORE, "0", f"{theme.format_number(top, 2)} × the mean")
        panels[last] = panels[last].replace("</figure>", f"{scale}</figure>")
    if not hidden.any():
        panels.append(_difference(picture, slope, np.abs(t) > critical, names))
    figure = Div(
        text=f'<div class="maps">{"".join(panels)}</div>',
        stylesheets=[_STYLE],
        sizing_mode="stretch_width",
    )
    outlined = " The outline in the maps of the classes is the true location."
    known = (
        f"|t| above {critical:.1f}, which 5% of shuffles of classes within folds reach anywhere"
        if np.isfinite(critical)
        else "not known: too few participants"
    )
    told = [*notes, f"Differences beyond noise: {known}."]
    if hidden.any():
        told = [
            *notes,
            f"A class of {disclosure.FEWER} participants has no map, and no change between classes "
            "is drawn, which would give it away.",
        ]
    change = "" if hidden.any() else ", and its change from class to class"
    return describe(
        figure,
        f"{title}: mean saliency of {len(names)} classes over the mean image of all, on one "
        f"scale (1 is the mean over an image){change}.{outlined * (target is not None)}",
        notes=told,
    )


def _difference(
    picture: npt.NDArray[np.uint8],
    slope: FloatArray,
    beyond: npt.NDArray[np.bool_],
    names: Sequence[str],
) -> str:
    most = float(np.nanmax(np.abs(slope))) if np.isfinite(slope).any() else 1.0
    share = np.nan_to_num(slope) / (most or 1.0)
    drawn = _over(picture, 0.5 + share / 2, np.abs(share) ** 0.7, _DIFFERENCE)
    words = f"{names[-1]} − {names[0]}" if len(names) == 2 else "Change per class"
    caption = f"{html.escape(words)} <span class='n'>outlined: beyond noise</span>"
    text = _panel(drawn, caption, f"{words}, difference of mean saliency", beyond)
    low, high = (f"{sign}{theme.format_number(most, 2)}" for sign in ("−", "+"))
    return text.replace("</figure>", _scale(_DIFFERENCE, low, high) + "</figure>")


def _over(
    picture: npt.NDArray[np.uint8], level: FloatArray, alpha: FloatArray, palette: Rgb
) -> Rgb:
    """(h, w, 3) colours of levels 0 to 1 laid over a pale grey image."""
    grey = picture.astype(float)
    low, high = grey.min(), max(grey.max(), grey.min() + 1)
    pale = _PALEST + (1 - _PALEST) * (grey - low) / (high - low)
    index = np.clip(np.rint(level * (len(palette) - 1)), 0, len(palette) - 1).astype(int)
    share = (_MOST_COLOUR * np.clip(alpha, 0, 1))[..., None]
    return np.asarray((1 - share) * pale[..., None] + share * palette[index])


def _panel(drawn: Rgb, caption: str, alt: str, outline: npt.NDArray[np.bool_] | None) -> str:
    height, width = drawn.shape[:2]
    factor = max(1, round(2 * _PANEL_PX / max(height, width)))
    large = Image.fromarray((255 * drawn).round().astype(np.uint8)).resize(
        (width * factor, height * factor), Image.Resampling.BICUBIC
    )
    pixels = np.asarray(large).copy()
    if outline is not None:
        edge = _edge(np.kron(outline, np.ones((factor, factor), dtype=bool)))
        pixels[edge] = np.rint(255 * np.array(_rgb(theme.INK)))
    shown_px = round(_PANEL_PX * width / max(height, width))
    return (
        f'<figure style="width:{shown_px + 2}px"><figcaption>{caption}</figcaption>'
        f'<img src="{_png(pixels)}" width="{shown_px}" alt="{html.escape(alt)}"></figure>'
    )


def _edge(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Pixels of a mask within two pixels of what is outside; the border of an image is none."""
    inner = mask.copy()
    for _ in range(2):
        padded = np.pad(inner, 1, mode="edge")
        inner = (
            inner & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
        )  # fmt: skip
    return mask & ~inner


def _scale(palette: Rgb, low: str, high: str) -> str:
    picture = _png(np.rint(255 * palette[None]).astype(np.uint8), colours=None)
    return (
        f'<div class="scale"><img src="{picture}" alt="colour scale from {low} to {high}">'
        f'<div class="ends"><span>{low}</span><span>{high}</span></div></div>'
    )


def _png(pixels: npt.NDArray[np.uint8], *, colours: int | None = 256) -> str:
    """As the address of an image; a palette halves the file and is not seen in a map."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    if colours is not None:
        image = image.quantize(colours, method=Image.Quantize.FASTOCTREE)
    file = io.BytesIO()
    image.save(file, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
