"""What a browser prints: a page as PDF from headless Chromium, and the figures that are on it."""

from __future__ import annotations

import re
import shutil
import subprocess
import zlib
from collections.abc import Iterator
from pathlib import Path

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
#: Pictures of a legend and of a contact sheet are smaller.
_FIGURE_PX = 200


def print_page(page: Path, folder: Path) -> bytes:
    """The PDF that Chromium prints as soon as a page is loaded."""
    pdf = folder / "printed.pdf"
    options = "--headless --no-sandbox --disable-gpu --no-first-run --window-size=1400,900"
    subprocess.run(
        [CHROMIUM, *options.split(), f"--user-data-dir={folder / 'profile'}",
         f"--print-to-pdf={pdf}", page.as_uri()],
        capture_output=True, timeout=180, check=True,
    )  # fmt: skip
    return pdf.read_bytes()


def figures_painted(pdf: bytes) -> int:
    """How many places of a PDF show a figure: a picture of several colours that none covers."""
    objects = {
        int(number): body
        for number, body in re.findall(rb"(?:^|\n)(\d+) 0 obj\n(.*?)\nendobj", pdf, re.DOTALL)
    }
    shown: dict[tuple[int, bytes], bool] = {}
    for number, page in objects.items():
        if page.startswith(b"<</Type /Page\n"):
            contents = re.search(rb"/Contents (\d+) 0 R", page)
            for place, body in _pictures(objects, objects[int(contents[1])]):
                visible = _visible(objects, body)
                # what is drawn later lies above
                if visible is not None:
                    shown[number, place] = visible
    return sum(shown.values())


def _pictures(objects: dict[int, bytes], contents: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The place and the object of each picture, in the order in which they are drawn."""
    place = b""
    for matrix, drawn in re.findall(rb"([-\d. ]+) cm\n|/X(\d+) Do", _stream(contents)):
        place = matrix or place
        if drawn and b"/Subtype /Form" in objects[int(drawn)].split(b"stream\n")[0]:
            yield from _pictures(objects, objects[int(drawn)])
        elif drawn:
            yield place, objects[int(drawn)]


def _visible(objects: dict[int, bytes], body: bytes) -> bool | None:
    """Whether a large picture has several colours; None for what is small or transparent."""
    width = re.search(rb"/Subtype /Image\s/Width (\d+)", body)
    if width is None or int(width[1]) < _FIGURE_PX:
        return None
    mask = re.search(rb"/SMask (\d+) 0 R", body)
    if mask is not None and not any(_stream(objects[int(mask[1])])):
        return None
    pixels = _stream(body)
    return pixels.count(pixels[:1]) < len(pixels)


def _stream(body: bytes) -> bytes:
    data = body[body.index(b"stream\n") + len(b"stream\n") : body.rindex(b"\nendstream")]
    return zlib.decompress(data) if b"/FlateDecode" in body else data
