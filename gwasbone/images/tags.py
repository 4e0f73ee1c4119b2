"""Elements of a DICOM header, however a writer left them; and how refusals name them."""

from __future__ import annotations

import contextlib
import re
from typing import Any

from gwasbone.images.refusal import refuse


def text_of(header: Any, name: str) -> str:
    """An element as one line of text; empty where it is absent or cannot be read.

    Values of an element that has several are joined by a backslash, as in the file.
    """
    with contextlib.suppress(Exception):
        value = header.get(name)
        if value is not None:
            several = value if _is_several(value) else [value]
            text = "\\".join(map(str, several))
            return " ".join(text.replace("\0", " ").split())
    return ""


def _is_several(value: Any) -> bool:
    from pydicom.multival import MultiValue

    return isinstance(value, MultiValue)


def whole_number(header: Any, name: str) -> int | None:
    """An element as a whole number; None where it is absent or is none."""
    with contextlib.suppress(ValueError):
        return int(text_of(header, name))
    return None


def number_of(header: Any, name: str, default: int | None = None) -> int:
    """An element that must be a whole number; ``default`` where it is absent or empty.

    Raises
    ------
    RefusedError
        It is not a number, or there is none and no default.
    """
    number = whole_number(header, name)
    if number is None and default is not None and not raw_text(header, name):
        return default
    if number is None:
        raise refuse("invalid_header", f"expected a whole number, {shown(header, name)}")
    return number


def raw_text(header: Any, name: str) -> str:
    """What the file has as the value of an element, be it valid or not."""
    from pydicom.datadict import tag_for_keyword

    with contextlib.suppress(Exception):
        value = header.get_item(tag_for_keyword(name)).value
        if isinstance(value, bytes):
            value = value.decode("latin-1")
        return "" if value is None else " ".join(str(value).replace("\0", " ").split())
    return ""


def tag_name(name: str) -> str:
    """An element as users look it up.

    >>> tag_name("BitsStored")
    'Bits Stored (0028,0101)'
    """
    from pydicom.datadict import dictionary_description, tag_for_keyword
    from pydicom.tag import Tag

    tag = Tag(tag_for_keyword(name) or 0)
    return f"{dictionary_description(tag)} ({tag.group:04X},{tag.element:04X})"


def shown(header: Any, name: str) -> str:
    """Name and value of an element for a message: ``Rows (0028,0010) is empty``."""
    from pydicom.datadict import tag_for_keyword

    if tag_for_keyword(name) not in header:
        return f"{tag_name(name)} is absent"
    text = re.sub(r"[^\x20-\x7e]", "?", raw_text(header, name))[:40]
    return f"{tag_name(name)} is {text!r}" if text else f"{tag_name(name)} is empty"
