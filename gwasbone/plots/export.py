"""Figures shown in a notebook or browser, and saved as HTML, PNG or SVG."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import tempfile
import webbrowser
from pathlib import Path

from bokeh.models import LayoutDOM

from gwasbone.errors import GwasboneError, UsageError
from gwasbone.files import atomic_path
from gwasbone.plots.page import bokeh_scripts, description_of, page_figure, save_page

#: Programs that draw PNG and SVG files, in the order in which they are looked for.
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_IMAGE_FORMATS = {".png": "png", ".svg": "svg"}
_SECONDS = 120
_RESULT = re.compile(r'<pre id="result">(\w+):([^<]*)</pre>', re.S)

# Draws the figure, exports it as Bokeh's own save tool would, and leaves it in the page as text.
_SCRIPT = """
const tell = (kind, text) => {{
  const result = document.createElement("pre");
  result.id = "result";
  result.textContent = `${{kind}}:${{text}}`;
  document.body.append(result);
}};
(async () => {{
  try {{
    const {{ doc }} = JSON.parse(document.getElementById("item").textContent);
    const made = Bokeh.require("document/document").Document.from_json(doc);
    for (const model of made._all_models.values())
      if ("output_backend" in model.attributes) model.output_backend = "{backend}";
    const place = document.getElementById("place");
    const places = doc.roots.map(() => place);
    const views = await Bokeh.embed.add_document_standalone(made, place, places);
    const [view] = [...views.roots];
    await view.ready;
    const blob = await view.export("{kind}", true).to_blob();
    const bytes = new Uint8Array(await blob.arrayBuffer());
    let text = "";
    for (let i = 0; i < bytes.length; i += 8192)
      text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    tell("done", btoa(text));
  }} catch (error) {{
    tell("failed", error.message);
  }}
}})();
"""


def save(figure: LayoutDOM, path: str | os.PathLike[str], *, title: str = "") -> Path:
    """Save a figure as a page that opens offline (``.html``) or as an image (``.png``, ``.svg``).

    Parameters
    ----------
    figure : what a function of :mod:`gwasbone.plots` returns, or any Bokeh figure or layout.
    path : a name that ends in ``.html``, ``.png`` (two pixels per point) or ``.svg``.
    title : headline of the page; the figure's own description by default. Images have none.

    Returns
    -------
    Path of the file, which appears whole or not at all and replaces one of the same name.

    Raises
    ------
    UsageError
        Another ending.
    GwasboneError
        An image was asked for, and no browser is installed or the browser could not draw it.

    Examples
    --------
    >>> results = gb.associate(gb.example_cohort(), ["bmd_spine"], ["age", "sex"])
    >>> path = gb.plots.save(gb.plots.manhattan(results), folder / "spine.html")
    >>> path.name
    'spine.html'
    """
    path = Path(path)
    ending = path.suffix.lower()
    if ending == ".html":
        return save_page(figure, path, title=title or description_of(figure) or path.stem)
    if ending not in _IMAGE_FORMATS:
        raise UsageError(
            f"{path}: expected a name that ends in .html, .png or .svg, got {ending or 'none'}"
        )
    image = _drawn(figure, _IMAGE_FORMATS[ending], path)
    with atomic_path(path) as partial:
        partial.write_bytes(image)
    return path


def show(figure: LayoutDOM) -> None:
    """Show a figure in a notebook cell or, outside notebooks, in a browser tab.

    Examples
    --------
    >>> results = gb.associate(gb.example_cohort(), ["bmd_spine"], ["age", "sex"])
    >>> gb.plots.show(gb.plots.manhattan(results))                    # doctest: +SKIP
    """
    if _in_notebook():
        from bokeh.io import output_notebook
        from bokeh.io import show as show_in_cell

        output_notebook(hide_banner=True)
        show_in_cell(figure)
        return
    folder = Path(tempfile.mkdtemp(prefix="gwasbone-figure."))
    webbrowser.open(save(figure, folder / "figure.html").as_uri())


def _in_notebook() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return type(get_ipython()).__name__ == "ZMQInteractiveShell"


def _drawn(figure: LayoutDOM, kind: str, path: Path) -> bytes:
    """The bytes of a figure drawn as ``png`` or ``svg`` by a browser without a window."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise GwasboneError(
            f"{path}: a browser draws {kind.upper()} files and none of {', '.join(BROWSERS)} is "
            "installed: install one, or save as .html"
        )
    with tempfile.TemporaryDirectory(prefix="gwasbone-figure.") as folder:
        page = Path(folder) / "figure.html"
        page.write_text(_page(figure, kind), "utf-8")
        command = [
            browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
            f"--user-data-dir={folder}/profile", "--window-size=1600,1200",
            "--force-device-scale-factor=2",
            f"--virtual-time-budget={_SECONDS * 1000}", page.as_uri(),
        ]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            raise GwasboneError(
                f"{path}: {browser} did not draw the figure within {_SECONDS} s: save as .html"
            ) from None
    found = _RESULT.search(done.stdout.decode("utf-8", "replace"))
    if found is None or found[1] != "done":
        reason = found[2] if found else f"exit status {done.returncode}"
        raise GwasboneError(f"{path}: {browser} could not draw the figure ({reason})")
    return base64.b64decode(found[2])


def _page(figure: LayoutDOM, kind: str) -> str:
    one = page_figure("", figure)
    script = _SCRIPT.format(kind=kind, backend="svg" if kind == "svg" else "canvas")
    return (
        "<!DOCTYPE html><html><head><meta charset='utf-8'></head><body><div id='place'></div>"
        f'<script type="application/json" id="item">{one.item}</script>'
        f"{bokeh_scripts([one])}<script>{script}</script></body></html>"
    )
