"""One figure, or several under headings, as an HTML file that needs nothing but a browser."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from bokeh.embed import components
from bokeh.embed.bundle import bundle_for_objs_and_resources
from bokeh.models import LayoutDOM
from bokeh.resources import INLINE

from gwasbone.plots import theme

Sections = Sequence[tuple[str, LayoutDOM]]

# `data-drawn` tells a program that prints or photographs the page when it may do so.
_DRAWN_SCRIPT = """
(function wait() {
  const documents = window.Bokeh ? Bokeh.documents : [];
  if (documents.length > 0 && documents.every((one) => one.roots().length > 0 && one.is_idle)) {
    document.documentElement.dataset.drawn = String(Math.round(performance.now()));
  } else {
    setTimeout(wait, 20);
  }
})();
"""

# The policy lets the browser itself refuse any request: a page about people sends nothing.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline' blob:;"
    " img-src data: blob:; font-src data:"
)

_STYLE = f"""
:root {{ color-scheme: light; }}
body {{ margin: 0; background: {theme.BACKGROUND}; color: {theme.INK};
  font: 15px/1.5 {theme.FONT}; }}
main {{ max-width: 1360px; margin: 0 auto; padding: 28px 32px 40px; }}
h1 {{ font-size: 24px; line-height: 1.25; margin: 0; font-weight: 700; }}
h2 {{ font-size: 18px; margin: 36px 0 8px; font-weight: 700; }}
.subtitle {{ color: {theme.MUTED_INK}; margin: 6px 0 0; max-width: 90ch; }}
figure {{ margin: 20px 0 0; overflow-x: auto; }}
figcaption, .notes {{ color: {theme.MUTED_INK}; font-size: 13px; max-width: 110ch; }}
figcaption {{ margin-top: 8px; }}
.notes {{ margin: 6px 0 0; padding-left: 1.2em; }}
@media print {{ main {{ padding: 0; }} section {{ break-inside: avoid; }} }}
"""


def describe(layout: LayoutDOM, description: str, *, notes: Iterable[str] = ()) -> LayoutDOM:
    """Let words travel with a figure (in its Bokeh ``tags``) until its page is written.

    Parameters
    ----------
    description : what the figure shows, for its caption and for a reader who cannot see it.
    notes : what the reader must know to judge it: rows left out, points not drawn, methods.
    """
    layout.tags = [{"description": description, "notes": list(notes)}]
    return layout


def description_of(layout: LayoutDOM) -> str:
    """What :func:`describe` said about a figure; empty where nothing was said."""
    return _words(layout)[0]


def notes_of(layout: LayoutDOM) -> list[str]:
    """The notes that :func:`describe` gave to a figure."""
    return _words(layout)[1]


def save_page(
    layout: LayoutDOM | Sections,
    path: str | os.PathLike[str],
    *,
    title: str,
    subtitle: str = "",
    notes: Iterable[str] = (),
) -> Path:
    """Write figures as one HTML file that opens without a network.

    BokehJS is inside the file, only the parts the figures use. The file appears whole or not at
    all, and replaces one of the same name.

    Parameters
    ----------
    layout : a figure or Bokeh layout, or a sequence of (heading, figure) shown one below another.
    title : headline of the page and title of the browser window.
    subtitle : one or two sentences below it.
    notes : remarks on the page as a whole; the figures' own stand below each.

    Returns
    -------
    Path of the file.
    """
    sections: Sections = [("", layout)] if isinstance(layout, LayoutDOM) else list(layout)
    assert sections, "a page needs at least one figure"
    models = [model for _, model in sections]
    script, divs = components(models, wrap_script=True)
    bundle = bundle_for_objs_and_resources(models, INLINE)
    body = "\n".join(
        _section(number, heading, model, div)
        for number, ((heading, model), div) in enumerate(zip(sections, divs, strict=True), 1)
    )
    text = "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="generator" content="gwasbone">',
            f"<title>{html.escape(title)}</title>",
            f"<style>{_STYLE}</style>",
            *(f"<script>{source}</script>" for source in bundle.js_raw),
            "</head>",
            "<body>",
            "<main>",
            f"<header><h1>{html.escape(title)}</h1>{_paragraph(subtitle)}</header>",
            body,
            f"<footer>{_note_list(notes)}</footer>",
            "</main>",
            "<noscript>The figures on this page are drawn by JavaScript.</noscript>",
            script,
            f"<script>{_DRAWN_SCRIPT}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )
    return _write_whole(Path(path), text)


def _words(layout: LayoutDOM) -> tuple[str, list[str]]:
    for tag in layout.tags:
        if isinstance(tag, dict) and "description" in tag:
            return tag["description"], tag["notes"]
    return "", []


def _section(number: int, heading: str, model: LayoutDOM, div: str) -> str:
    description, notes = _words(model)
    caption = html.escape(description)
    label = caption or html.escape(heading) or "Figure"
    lines = [
        f"<h2>{html.escape(heading)}</h2>" if heading else "",
        f'<figure id="figure-{number}" role="group" aria-label="{label}">',
        div,
        f"<figcaption>{caption}</figcaption>" if caption else "",
        "</figure>",
        _note_list(notes),
    ]
    return "<section>" + "\n".join(filter(None, lines)) + "</section>"


def _paragraph(text: str) -> str:
    return f'<p class="subtitle">{html.escape(text)}</p>' if text else ""


def _note_list(notes: Iterable[str]) -> str:
    items = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return f'<ul class="notes">{items}</ul>' if items else ""


def _write_whole(path: Path, text: str) -> Path:
    # In the same folder, because a rename is atomic only within one file system.
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    return path
