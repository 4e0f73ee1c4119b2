"""Damage done to files, by a seeded generator: what disks, downloads, editors and exports do."""

from __future__ import annotations

import gzip
import random
import zlib
from collections.abc import Callable
from pathlib import Path

#: Values that no field of any table can have, or that readers are known to stumble over.
IMPOSSIBLE = (
    "", "-1", "0", "-9", "77", "1.5", "nan", "inf", "-inf", "NA", "1e400", "1e-400", "9e18", "1e12",
    "99999999999999999999999", "-0", "0x1F", "1,000", "1;2", "true", "X", "chrUn", "*", "<DEL>",
    '"', '""', "'", "\0", "é", "骨", "\ufeff", "[1, 2]", "{}", "\\N", " ", "A" * 1500, "../../x",
)  # fmt: skip

Mutation = Callable[[bytes, random.Random], bytes]


def _span(data: bytes, rng: random.Random) -> tuple[int, int]:
    start = rng.randrange(len(data))
    return start, min(len(data), start + rng.choice((1, 2, 4, 8, 64, 1000)))


def truncated(data: bytes, rng: random.Random) -> bytes:
    return data[: rng.randrange(len(data))]


def flipped(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 40))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def flipped_in_front(data: bytes, rng: random.Random) -> bytes:
    """Headers hold sizes, and sizes decide what is read and allocated."""
    changed = bytearray(data)
    for _ in range(rng.choice((1, 2, 4))):
        changed[rng.randrange(min(64, len(changed)))] = rng.choice((0, 1, 127, 128, 255))
    return bytes(changed)


def zeroed(data: bytes, rng: random.Random) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + bytes(end - start) + data[end:]


def cut(data: bytes, rng: random.Random) -> bytes:
    start, end = _span(data, rng)
    return data[:start] + data[end:]


def repeated(data: bytes, rng: random.Random) -> bytes:
    start, end = _span(data, rng)
    return data[:end] + data[start:end] + data[end:]


def huge_number(data: bytes, rng: random.Random) -> bytes:
    """Four or eight bytes in a row that say a very large or a negative number."""
    start = rng.randrange(len(data))
    number = rng.choice((b"\xff" * 4, b"\xff\xff\xff\x7f", b"\xff" * 8, b"\0\0\0\x80", b"\0" * 8))
    return data[:start] + number + data[start + len(number) :]


def emptied(data: bytes, rng: random.Random) -> bytes:
    return b""


def wrong_magic(data: bytes, rng: random.Random) -> bytes:
    magic = rng.choice(
        (b"PK\x03\x04", b"\x1f\x8b\x08\x00", b"PAR1", b"\x28\xb5\x2f\xfd", b"\0" * 4)
    )
    return magic + data[4:]


def extended(data: bytes, rng: random.Random) -> bytes:
    return data + rng.choice((b"\0" * 7, b"\n\n", b"garbage", data[:50], b"\xff\xfe"))


def zipped_twice(data: bytes, rng: random.Random) -> bytes:
    packed = gzip.compress(data, mtime=0)
    return packed if rng.random() < 0.5 else packed[: rng.randrange(len(packed))]


BINARY: tuple[Mutation, ...] = (
    truncated, flipped, flipped, flipped_in_front, flipped_in_front, zeroed, cut, repeated,
    huge_number, huge_number, emptied, wrong_magic, extended, zipped_twice,
)  # fmt: skip


def _with_fields(change: Callable[[list[str], random.Random], list[str]]) -> Mutation:
    """A change to the fields of a line, the header or another."""

    def mutation(data: bytes, rng: random.Random) -> bytes:
        lines = data.decode("utf-8", "surrogateescape").split("\n")
        number = 0 if rng.random() < 0.3 else rng.randrange(len(lines))
        separator = next((s for s in "\t, =" if s in lines[number]), "\t")
        fields = lines[number].split(separator)
        lines[number] = separator.join(change(fields, rng))
        return "\n".join(lines).encode("utf-8", "surrogateescape")

    mutation.__name__ = change.__name__
    return mutation


@_with_fields
def field_impossible(fields: list[str], rng: random.Random) -> list[str]:
    fields[rng.randrange(len(fields))] = rng.choice(IMPOSSIBLE)
    return fields


@_with_fields
def field_deleted(fields: list[str], rng: random.Random) -> list[str]:
    del fields[rng.randrange(len(fields))]
    return fields


@_with_fields
def field_repeated(fields: list[str], rng: random.Random) -> list[str]:
    i = rng.randrange(len(fields))
    return [*fields[: i + 1], *fields[i:]]


@_with_fields
def fields_swapped(fields: list[str], rng: random.Random) -> list[str]:
    i, j = rng.randrange(len(fields)), rng.randrange(len(fields))
    fields[i], fields[j] = fields[j], fields[i]
    return fields


def column_impossible(data: bytes, rng: random.Random) -> bytes:
    """One value in a whole column."""
    lines = data.decode("utf-8", "surrogateescape").split("\n")
    separator = next((s for s in "\t, " if s in lines[0]), "\t")
    value, place = rng.choice(IMPOSSIBLE), rng.randrange(lines[0].count(separator) + 1)
    for number in range(1, len(lines)):
        fields = lines[number].split(separator)
        if place < len(fields) and lines[number]:
            fields[place] = value
            lines[number] = separator.join(fields)
    return "\n".join(lines).encode("utf-8", "surrogateescape")


def lines_changed(data: bytes, rng: random.Random) -> bytes:
    lines = data.split(b"\n")
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    kind = rng.randrange(5)
    if kind == 0:
        del lines[i]
    elif kind == 1:
        lines.insert(j, lines[i])
    elif kind == 2:
        lines[i], lines[j] = lines[j], lines[i]
    elif kind == 3:
        lines[i] = b""
    else:
        lines = lines[:1]
    return b"\n".join(lines)


def written_otherwise(data: bytes, rng: random.Random) -> bytes:
    """Another encoding, line break or separator; nothing of it is damage."""
    kind = rng.randrange(6)
    if kind == 0:
        return b"\xef\xbb\xbf" + data
    if kind == 1:
        return data.replace(b"\n", b"\r\n")
    if kind == 2:
        return data.replace(b"\n", b"\r")
    if kind == 3:
        return data.decode("utf-8", "replace").encode("utf-16")
    if kind == 4:
        return data.replace(b"\t", rng.choice((b",", b" ", b";")))
    return data.rstrip(b"\n")


TEXT: tuple[Mutation, ...] = (
    field_impossible, field_impossible, field_impossible, field_deleted, field_repeated,
    fields_swapped, column_impossible, lines_changed, lines_changed, written_otherwise, flipped,
    truncated, zeroed, emptied, wrong_magic, extended, zipped_twice,
)  # fmt: skip


def damage(path: Path, rng: random.Random) -> str:
    """Damage a file; what was done, in a word. Of a compressed text sometimes the text."""
    data = path.read_bytes()
    packed = data.startswith(b"\x1f\x8b")
    inside = _unpacked(data) if packed else data
    is_text = inside is not None and b"\0" not in inside
    if is_text and (not packed or rng.random() < 0.6):
        mutation = rng.choice(TEXT)
        changed = mutation(inside or b"", rng) if inside else b""
        changed = gzip.compress(changed, mtime=0) if packed else changed
    else:
        mutation = rng.choice(BINARY)
        changed = mutation(data, rng)
    # a new file: somebody may still have the old one mapped
    path.unlink()
    path.write_bytes(changed)
    return mutation.__name__


def _unpacked(data: bytes) -> bytes | None:
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return None
