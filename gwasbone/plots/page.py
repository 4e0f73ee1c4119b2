"""One figure, or several under headings, as an HTML file that needs nothing but a browser.

A page also keeps its figures: :func:`read_page` gives them back with their words, so that a report
can show them as they were drawn.
"""

from __future__ import annotations

import html
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bokeh.embed import json_item
from bokeh.embed.bundle import bundle_for_objs_and_resources
from bokeh.models import Div, LayoutDOM
from bokeh.resources import INLINE

from gwasbone.errors import InputError
from gwasbone.files import atomic_path
from gwasbone.plots import theme

Sections = Sequence[tuple[str, LayoutDOM]]

# `data-drawn` tells a program that prints or photographs the page when it may do so.
_DRAW_SCRIPT = """
(async function draw() {
  const bokeh = window.Bokeh;
  for (const block of document.querySelectorAll("script.figure")) {
    const item = JSON.parse(block.textContent).item;
    if (item) await bokeh.embed.embed_item(item, block.dataset.into);
  }
  (function wait() {
    if (!bokeh || bokeh.documents.every((one) => one.roots().length > 0 && one.is_idle)) {
      document.documentElement.dataset.drawn = String(Math.round(performance.now()));
    } else {
      setTimeout(wait, 20);
    }
  })();
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


@dataclass(frozen=True, slots=True)
class PageFigure:
    """A figure as a page keeps it.

    Attributes
    ----------
    heading : of its section; may be empty.
    description : what it shows, in words.
    notes : what the reader must know to judge it.
    item : the figure as BokehJS embeds it, as JSON text; empty where ``markup`` is the figure.
    bundles : the parts of BokehJS that draw it.
    markup : HTML of what needs no drawing: a table, a sheet of pictures.
    """

    heading: str
    description: str
    notes: tuple[str, ...]
    item: str = ""
    bundles: tuple[str, ...] = ()
    markup: str = ""

    @property
    def label(self) -> str:
        """Its name to a reader who cannot see it."""
        return self.description or self.heading or "Figure"


@dataclass(frozen=True, slots=True)
class Page:
    """What :func:`save_page` was told, read back."""

    title: str
    subtitle: str
    notes: tuple[str, ...]
    figures: tuple[PageFigure, ...]


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
    figures = [page_figure(heading, model) for heading, model in sections]
    about = {"title": title, "subtitle": subtitle, "notes": list(notes)}
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
            bokeh_scripts(figures),
            "</head>",
            "<body>",
            "<main>",
            f"<header><h1>{html.escape(title)}</h1>{_paragraph(subtitle)}</header>",
            *(_section(number, figure) for number, figure in enumerate(figures, 1)),
            f"<footer>{_note_list(about['notes'])}</footer>",
            "</main>",
            "<noscript>The figures on this page are drawn by JavaScript.</noscript>",
            f'<script type="application/json" id="page">{script_json(about)}</script>',
            f"<script>{_DRAW_SCRIPT}</script>",
            "</body>",
            "</html>",
            "",
        ]
    )
    with atomic_path(Path(path)) as partial:
        partial.write_text(text, encoding="utf-8")
    return Path(path)


def read_page(path: str | os.PathLike[str]) -> Page:
    """The figures and words of a page that :func:`save_page` wrote.

    Raises
    ------
    InputError
        The file is no such page.
    """
    text = Path(path).read_text(encoding="utf-8")
    about = _ABOUT.search(text)
    if about is None:
        raise InputError(f"{path}: expected a page that gwasbone drew: run its stage again")
    said = json.loads(about[1])
    figures = []
    for number, block in _FIGURES.findall(text):
        kept = json.loads(block)
        found = re.search(_MARKUP.format(number), text, re.DOTALL)
        item = kept["item"]
        figures.append(
            PageFigure(
                kept["heading"],
                kept["description"],
                tuple(kept["notes"]),
                item="" if item is None else script_json(item),
                bundles=tuple(kept["bundles"]),
                markup="" if found is None else found[1],
            )
        )
    return Page(said["title"], said["subtitle"], tuple(said["notes"]), tuple(figures))


def page_figure(heading: str, model: LayoutDOM) -> PageFigure:
    """A figure as a page keeps it, with what :func:`describe` said about it."""
    description, notes = _words(model)
    if isinstance(model, Div):
        return PageFigure(heading, description, tuple(notes), markup=_plain(model))
    sources = bundle_for_objs_and_resources([model], INLINE).js_raw
    bundles = tuple(_BUNDLE.findall("".join(sources)))
    item = script_json(json_item(model))
    return PageFigure(heading, description, tuple(notes), item=item, bundles=bundles)


def bokeh_scripts(figures: Iterable[PageFigure]) -> str:
    """The script elements of BokehJS, only the parts that the figures need."""
    wanted = {bundle for figure in figures for bundle in figure.bundles}
    # in the order in which they must be loaded
    known = [name for name in INLINE.components if name in wanted]
    sources = INLINE.clone(components=known).js_raw if known else []
    return "\n".join(f"<script>{source}</script>" for source in sources)


def script_json(value: object) -> str:
    """JSON that no text in it can end the script element of."""
    return json.dumps(value, separators=(",", ":")).replace("<", "\\u003c")


_BUNDLE = re.compile(r"BEGIN (bokeh[\w-]*)\.min\.js")
_ABOUT = re.compile(r'<script type="application/json" id="page">(.*?)</script>', re.DOTALL)
_FIGURES = re.compile(
    r'<script type="application/json" class="figure" data-into="drawing-(\d+)">(.*?)</script>',
    re.DOTALL,
)
_MARKUP = '<div id="drawing-{0}" class="markup">(.*?)</div><!-- drawing-{0} -->'


def _words(layout: LayoutDOM) -> tuple[str, list[str]]:
    for tag in layout.tags:
        if isinstance(tag, dict) and "description" in tag:
            return tag["description"], tag["notes"]
    return "", []


def _plain(div: Div) -> str:
    """A Div as plain HTML, its style nested so that it reaches nothing else."""
    styles = [str(sheet) for sheet in div.stylesheets]
    nested = "".join(f"<style>.markup {{ {sheet} }}</style>" for sheet in styles)
    return nested + div.text


def _section(number: int, figure: PageFigure) -> str:
    caption = html.escape(figure.description)
    kept = {
        "heading": figure.heading,
        "description": figure.description,
        "notes": list(figure.notes),
        "bundles": list(figure.bundles),
        "item": None,
    }
    text = script_json(kept)
    if figure.item:
        # it is JSON already, and large
        text = text.replace('"item":null', f'"item":{figure.item}')
    drawing = f"drawing-{number}"
    lines = [
        f"<h2>{html.escape(figure.heading)}</h2>" if figure.heading else "",
        f'<figure id="figure-{number}" role="group" aria-label="{html.escape(figure.label)}">',
        f'<div id="{drawing}" class="markup">{figure.markup}</div><!-- {drawing} -->',
        f"<figcaption>{caption}</figcaption>" if caption else "",
        "</figure>",
        _note_list(figure.notes),
        f'<script type="application/json" class="figure" data-into="{drawing}">{text}</script>',
    ]
    return "<section>" + "\n".join(filter(None, lines)) + "</section>"


def _paragraph(text: str) -> str:
    return f'<p class="subtitle">{html.escape(text)}</p>' if text else ""


def _note_list(notes: Iterable[str]) -> str:
    items = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return f'<ul class="notes">{items}</ul>' if items else ""
