"""The index of a cache: one line per file, appended only after its pixels are on disk.

A run may be killed at any moment. What was written of a line then is cut off when the index is
next opened for writing, so a line that ends with a line break is always whole and true.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from gwasbone.errors import InputError

NAME = "index.tsv"


@dataclass(frozen=True)
class Entry:
    """What became of one file. All values are text or whole numbers, as the index holds them.

    Parameters
    ----------
    source : path of the file; of the archive where it lies in one.
    member : its name in the archive, empty outside one.
    size_bytes, modified_ns : of the file at ``source`` when it was read.
    content_sha256 : of the file's (or member's) bytes; empty where they could not be read.
    reason, sentence : why it was refused; empty for an image that was taken.
    array, row : where the image lies; row −1 where refused.
    person, visit : who is shown and when: UK Biobank's instance where the file's name tells it,
        else the study date.
    region, side, view, mirrored : what is shown; ``mirrored`` is 1 where it was flipped.
    study_date, instance_number, sop_instance_uid : from the header.
    height_px, width_px : of the image in the file.
    white, grey_minimum, grey_maximum : the largest level that its header allows, and the levels
        it has.
    grey_levels, kept_levels : how many different levels it has, and how many are left at the
        precision of the cache, before it was resized.
    padded_pixels : pixels that are black because the file says that they are no image.
    settings_hash : of the settings that made the array.
    told : what name and labels said when it was read; another saying means reading it again.
    """

    source: str
    member: str = ""
    size_bytes: int = -1
    modified_ns: int = -1
    content_sha256: str = ""
    reason: str = ""
    sentence: str = ""
    array: str = ""
    row: int = -1
    person: str = ""
    visit: str = ""
    region: str = ""
    side: str = ""
    view: str = ""
    mirrored: int = 0
    study_date: str = ""
    instance_number: str = ""
    sop_instance_uid: str = ""
    height_px: int = 0
    width_px: int = 0
    white: int = 0
    grey_minimum: int = 0
    grey_maximum: int = 0
    grey_levels: int = 0
    kept_levels: int = 0
    padded_pixels: int = 0
    settings_hash: str = ""
    told: str = ""

    @property
    def name(self) -> str:
        """The path, and after ``!`` the name in the archive."""
        return f"{self.source}!{self.member}" if self.member else self.source

    def line(self) -> str:
        """The entry as a line of the index; blanks for what would break it."""
        return "\t".join(
            " ".join(str(v).split()) if _is_prose(v) else str(v) for v in astuple(self)
        )


def _is_prose(value: object) -> bool:
    return isinstance(value, str) and any(c in value for c in "\t\n\r\v\f")


_NAMES = tuple(field.name for field in fields(Entry))
_WHOLE = tuple(field.name for field in fields(Entry) if field.type == "int")
_WHOLE_NUMBER = re.compile(r"-?\d+", re.ASCII)
HEADER = "\t".join(_NAMES)


def read_entries(path: Path) -> list[Entry]:
    """All whole lines of an index, the last of each file; a line that was cut short is left out.

    Raises
    ------
    InputError
        The file is not an index of this version.
    """
    latest: dict[str, Entry] = {}
    for entry in _lines(path):
        latest.pop(entry.name, None)
        latest[entry.name] = entry
    return list(latest.values())


def _lines(path: Path) -> Iterator[Entry]:
    with open(path, encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        first = next(lines, "")
        if first.rstrip("\n") != HEADER:
            raise InputError(
                f"expected the index of an image cache in {path}, it has other columns, as those "
                "of other versions of gwasbone have: build the cache anew with --force"
            )
        for number, line in enumerate(lines, 2):
            if not line.endswith("\n"):
                return
            values = line[:-1].split("\t")
            if len(values) != len(_NAMES):
                raise InputError(
                    f"expected {len(_NAMES)} fields in line {number} of {path}, got {len(values)}: "
                    "the index was edited; build the cache anew with --force"
                )
            given = dict(zip(_NAMES, values, strict=True))
            odd = [name for name in _WHOLE if not _WHOLE_NUMBER.fullmatch(given[name])]
            if odd:
                raise InputError(
                    f"expected a whole number as {odd[0]} in line {number} of {path}, got "
                    f"{given[odd[0]]!r}: the index was edited; build the cache anew with --force"
                )
            yield Entry(**given | {n: int(given[n]) for n in _WHOLE})  # type: ignore[arg-type]


def start_index(path: Path) -> None:
    """Write the header where there is none, and cut off a last line that was not finished."""
    data = path.read_bytes() if path.exists() else b""
    whole = data[: data.rfind(b"\n") + 1]
    if not whole:
        with open(path, "wb") as handle:
            handle.write(f"{HEADER}\n".encode())
            flush_to_disk(handle.fileno())
    elif len(whole) < len(data):
        os.truncate(path, len(whole))


def append_entries(path: Path, entries: Iterable[Entry]) -> None:
    """Append lines and flush them to disk; on failure the index is as long as before."""
    length = path.stat().st_size
    text = "".join(f"{entry.line()}\n" for entry in entries)
    try:
        with open(path, "ab") as handle:
            handle.write(text.encode("utf-8", errors="surrogateescape"))
            handle.flush()
            flush_to_disk(handle.fileno())
    except OSError:
        os.truncate(path, length)
        raise


def flush_to_disk(descriptor: int) -> None:
    """Return only when what was written to a file is on its disk."""
    os.fsync(descriptor)
