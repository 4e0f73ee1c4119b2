"""One figure, or several under headings, as an HTML file that needs nothing but a browser.

Within :func:`figures_kept` a page also leaves its figures as JSON, which :func:`read_page` reads,
so that a report shows them as they were drawn.
"""

from __future__ import annotations

import gzip
import html
import json
import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, replace
from importlib import resources
from pathlib import Path

from bokeh.embed import json_item
from bokeh.embed.bundle import bundle_for_objs_and_resources
from bokeh.models import Div, LayoutDOM, Title
from bokeh.resources import INLINE

from gwasbone.errors import InputError
from gwasbone.files import atomic_path
from gwasbone.plots import disclosure, theme

Sections = Sequence[tuple[str, LayoutDOM]]

# The policy lets the browser itself refuse any request: a page about people sends nothing.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline' blob:;"
    " img-src data: blob:; font-src data:"
)

_STYLE = f"""
:root {{ color-scheme: light; --ink: {theme.INK}; --muted: {theme.MUTED_INK};
  --main: {theme.MAIN}; --accent: {theme.ACCENT}; }}
*, *::before, *::after {{ box-sizing: border-box; }}
body {{ margin: 0; background: {theme.BACKGROUND}; color: {theme.INK};
  font: 15px/1.5 {theme.FONT}; }}
main {{ max-width: 1500px; margin: 0 auto; padding: 28px 32px 40px; }}
h1 {{ font-size: 24px; line-height: 1.25; margin: 0; font-weight: 700; }}
h2 {{ font-size: 18px; margin: 36px 0 8px; font-weight: 700; }}
.unseen {{ position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%);
  white-space: nowrap; }}
.subtitle {{ color: {theme.MUTED_INK}; margin: 6px 0 0; max-width: 90ch; }}
@media (max-width: 640px) {{ main {{ padding: 20px 16px 32px; }} }}
@media print {{ main {{ padding: 0; }} section {{ break-inside: avoid; }} }}
"""
#: A frame up to this wide finds room beside another one.
_HALF_PX = 640
#: Room that a legend beside a frame takes.
_LEGEND_PX = 200
_LEGEND_BESIDE = re.compile(r'"right":\[\{"type":"object","name":"Legend"')
_FRAME_WIDTH = re.compile(r'"frame_width":(\d+)')
_FRAME_HEIGHT = re.compile(r'"frame_height":(\d+)')
_BUNDLE = re.compile(r"BEGIN (bokeh[\w-]*)\.min\.js")

#: Stands after what may be wider than the screen, and is shown where it is.
SCROLL_HINT = '<p class="hint" hidden>Wider than the screen: scroll →</p>'

#: Where :func:`save_page` also keeps figures as JSON; nowhere by default.
_kept_in: ContextVar[Path | None] = ContextVar("kept_in", default=None)


@dataclass(frozen=True, slots=True)
class PageFigure:
    """A figure as a page keeps it.

    Attributes
    ----------
    heading : of its section; may be empty.
    description : what it shows, in words.
    notes : what the reader must know to judge it.
    title : written on the figure itself, such as the trait of a scan; may be empty.
    item : the figure as BokehJS embeds it, as JSON text; empty where ``markup`` is the figure.
    bundles : the parts of BokehJS that draw it.
    markup : HTML of what needs no drawing: a table, a sheet of images.
    """

    heading: str
    description: str
    notes: tuple[str, ...]
    title: str = ""
    item: str = ""
    bundles: tuple[str, ...] = ()
    markup: str = ""

    @property
    def label(self) -> str:
        """Its name to a reader who cannot see it."""
        return self.description or self.heading or "Figure"

    @property
    def name(self) -> str:
        """What tells it from other figures of its page: its heading, else its title."""
        return self.heading or self.title.strip()

    @property
    def shape(self) -> str:
        """Classes of its place on a page.

        ``wide`` takes a row of its own; ``square`` leaves room for words beside it, less of it
        where there is a ``legend`` too.
        """
        widths = _FRAME_WIDTH.findall(self.item)
        legends = len(_LEGEND_BESIDE.findall(self.item))
        wide = not self.item or sum(map(int, widths)) + _LEGEND_PX * legends > _HALF_PX
        square = len(widths) == 1 and widths == _FRAME_HEIGHT.findall(self.item)
        # rows with names are as high as they are many
        square &= '"FactorRange"' not in self.item
        kinds = {"wide": wide, "square": square, "legend": square and legends}
        return " ".join(name for name, holds in kinds.items() if holds)


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its words and its figures.

    Attributes
    ----------
    small_counts : whether it may show single participants and small counts of them, as
        :func:`gwasbone.plots.small_counts` allowed it.
    """

    title: str
    subtitle: str
    notes: tuple[str, ...]
    figures: tuple[PageFigure, ...]
    small_counts: bool = False


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
    """Write figures to one HTML file that opens offline.

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
    figures = tuple(page_figure(heading, model) for heading, model in sections)
    page = Page(title, subtitle, tuple(notes), figures, disclosure.small_counts_allowed())
    path = Path(path)
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(_page_lines(page, path)), encoding="utf-8")
    folder = _kept_in.get()
    if folder is not None:
        _keep_page(page, kept_page(folder, path))
    return path


@contextmanager
def figures_kept(folder: Path) -> Iterator[None]:
    """Let each page that is saved meanwhile also leave its words and figures as JSON.

    Parameters
    ----------
    folder : where :func:`kept_page` puts them; created with the first page.
    """
    token = _kept_in.set(folder)
    try:
        yield
    finally:
        _kept_in.reset(token)


def kept_page(folder: Path, page: str | os.PathLike[str]) -> Path:
    """Where the JSON of a page lies.

    >>> kept_page(Path("figures"), "results/scan.bmd.qq.html").name
    'scan.bmd.qq.json.gz'
    """
    return folder / f"{Path(page).name.removesuffix('.html')}.json.gz"


def read_page(path: str | os.PathLike[str]) -> Page:
    """Read the words and figures of a page from its JSON.

    Raises
    ------
    InputError
        The file cannot be read, or is not one that this version wrote.
    """
    try:
        page = json.loads(gzip.decompress(Path(path).read_bytes()))
        figures = [
            PageFigure(
                one["heading"],
                one["description"],
                tuple(one["notes"]),
                title=one.get("title", ""),
                item="" if one["item"] is None else script_json(one["item"]),
                bundles=tuple(one["bundles"]),
                markup=one["markup"],
            )
            for one in page["figures"]
        ]
        return Page(
            page["title"], page["subtitle"], tuple(page["notes"]), tuple(figures),
            # pages of earlier versions are not protected
            page.get("small_counts", True),
        )  # fmt: skip
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: expected the figures of a page as gwasbone keeps them, got {error!r}: run "
            "its stage again"
        ) from None


def _keep_page(page: Page, path: Path) -> None:
    figures = []
    for figure in page.figures:
        item = json.loads(figure.item) if figure.item else None
        figures.append(asdict(figure) | {"item": item})
    text = json.dumps(asdict(page) | {"figures": figures}, separators=(",", ":"))
    with atomic_path(path) as temporary:
        temporary.write_bytes(gzip.compress(text.encode(), compresslevel=6, mtime=0))


def page_figure(heading: str, model: LayoutDOM) -> PageFigure:
    """A figure as a page keeps it, with what :func:`describe` said about it."""
    description, notes = _words(model)
    if isinstance(model, Div):
        return PageFigure(heading, description, tuple(notes), markup=_plain(model))
    sources = bundle_for_objs_and_resources([model], INLINE).js_raw
    bundles = tuple(_BUNDLE.findall("".join(sources)))
    item = script_json(json_item(model))
    return PageFigure(
        heading, description, tuple(notes), title=_title(model), item=item, bundles=bundles
    )


def _title(model: LayoutDOM) -> str:
    """The first title of a figure, or of those in a layout."""
    titles = (title.text for title in model.select({"type": Title}) if isinstance(title.text, str))
    return next((text.strip() for text in titles if text.strip()), "")


def file_stem(*words: str) -> str:
    """Words as the name of a file, without its ending.

    >>> file_stem("bmd_spine: 7:120,979,089 (near WNT16)", "regional")
    'bmd_spine_7_120979089_near_WNT16_regional'
    """
    plain = " ".join(words).replace(",", "").replace("−", "-")
    return re.sub(r"[^\w.-]+", "_", plain).strip("_.-")[:120] or "figure"


def with_names(figure: PageFigure, names: Mapping[str, str]) -> PageFigure:
    """A figure whose labels read otherwise, such as genes in place of variants.

    Parameters
    ----------
    names : label -> what it reads; other labels stay as they are.
    """
    if not figure.item or not names:
        return figure
    item = json.loads(figure.item)
    waiting = [item]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            if len(value) == 2 and value[0] == "text" and isinstance(value[1], list):
                # the labels of a glyph of texts
                value[1] = [names.get(text, text) if isinstance(text, str) else text
                            for text in value[1]]  # fmt: skip
            else:
                waiting.extend(value)
    return replace(figure, item=script_json(item))


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


def drawing_lines(figure: PageFigure, name: str, label: str, file_name: str) -> Iterator[str]:
    """The HTML of a figure without its words, with buttons that save it as an image.

    Parameters
    ----------
    name : of the figure on its page. label : its name to a reader who cannot see it.
    file_name : of the saved image, without its ending; see :func:`file_stem`.
    """
    if figure.markup:
        yield f'<div class="markup">{figure.markup}</div>'
    else:
        height = _height_px(figure.item)
        yield (
            f'<div class="drawing" id="{name}-drawing" role="group" '
            f'aria-label="{html.escape(label)}" style="min-height:{height}px"></div>'
        )
    yield SCROLL_HINT
    if figure.item or "<img" in figure.markup:
        buttons = "".join(
            f'<button type="button" data-kind="{kind}">Save {kind.upper()}'
            f'<span class="unseen"> of {html.escape(label)}</span></button>'
            for kind in ("png", "svg")
        )
        yield f'<div class="save" data-file="{html.escape(file_name)}">{buttons}</div>'
    if figure.item:
        yield f'<script type="application/json" class="item">{figure.item}</script>'
        yield "<noscript><p>This figure is drawn by JavaScript.</p></noscript>"


def drawing_style() -> str:
    """The style sheet of figures; it uses the colours ``--ink --muted --main --accent``."""
    return _file("figures.css")


def drawing_script() -> str:
    """The script that draws the figures of a page, at the end of its body."""
    return f"<script>{_file('figures.js')}</script>"


def note_list(notes: Iterable[str]) -> str:
    """Notes as an HTML list; empty without any."""
    items = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return f'<ul class="notes">{items}</ul>' if items else ""


def _file(name: str) -> str:
    return resources.files("gwasbone.plots").joinpath(name).read_text(encoding="utf-8")


def _height_px(item: str) -> int:
    """Room for a figure that is not drawn yet, so that the page does not jump."""
    heights = [int(height) for height in _FRAME_HEIGHT.findall(item)]
    return max(heights, default=300) + 90


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


def _page_lines(page: Page, path: Path) -> Iterator[str]:
    yield "<!DOCTYPE html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="generator" content="gwasbone">'
    yield f"<title>{html.escape(page.title)}</title>"
    yield f"<style>{_STYLE}{drawing_style()}</style>"
    yield bokeh_scripts(page.figures)
    yield "</head>"
    yield "<body>"
    yield "<main>"
    yield f"<header><h1>{html.escape(page.title)}</h1>{_paragraph(page.subtitle)}</header>"
    yield '<div class="figures">'
    # scan.bmd.manhattan.html, saved under the name of the trait: bmd_manhattan
    kind = Path(path).stem.rpartition(".")[2]
    for number, figure in enumerate(page.figures, 1):
        file_name = file_stem(figure.name, kind) if figure.name else file_stem(page.title)
        yield from _section(number, figure, file_name)
    yield "</div>"
    yield f"<footer>{note_list(page.notes)}</footer>"
    yield "</main>"
    yield drawing_script()
    yield "</body>"
    yield "</html>"
    yield ""


def _section(number: int, figure: PageFigure, file_name: str) -> Iterator[str]:
    name = f"figure-{number}"
    shape = f' class="{figure.shape}"' if figure.shape else ""
    yield f"<section{shape}>"
    if figure.heading:
        yield f"<h2>{html.escape(figure.heading)}</h2>"
    yield f'<figure id="{name}" role="group" aria-label="{html.escape(figure.label)}">'
    yield from drawing_lines(figure, name, figure.label, file_name)
    words = html.escape(figure.description) + note_list(figure.notes)
    if words:
        yield f"<figcaption>{words}</figcaption>"
    yield "</figure>"
    yield "</section>"


def _paragraph(text: str) -> str:
    return f'<p class="subtitle">{html.escape(text)}</p>' if text else ""
