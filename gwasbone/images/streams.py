"""Sizes that compressed data declare, read before anything is decompressed.

A few kilobytes can claim to unfold into gigabytes; header and stream must agree on a size that a
scan can have.
"""

from __future__ import annotations

import zlib

from gwasbone.images.refusal import refuse

#: 1,768 × 808 is the largest iDXA picture seen; mammograms reach 30 million pixels.
MAX_PIXELS = 50_000_000
MAX_BYTES = 400_000_000

#: JPEG markers that start a frame: SOF0-15 without DHT, JPG and DAC, and JPEG-LS's SOF55.
_JPEG_FRAMES = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
_JP2_CODESTREAM = b"\xff\x4f\xff\x51"


def declared_size(stream: bytes) -> tuple[int, int] | None:
    """(rows, columns) that a JPEG, JPEG-LS or JPEG 2000 stream declares; None for others.

    Sources: ITU-T T.81 B.2.2, T.87 C.2.2, T.800 A.5.1.
    """
    start = stream.find(_JP2_CODESTREAM, 0, 4096)
    if start >= 0 and len(stream) >= start + 24:
        x1, y1, x0, y0 = (
            int.from_bytes(stream[start + 8 + 4 * i : start + 12 + 4 * i], "big") for i in range(4)
        )
        return y1 - y0, x1 - x0
    if not stream.startswith(b"\xff\xd8"):
        return None
    at = 2
    while at + 9 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker == 0xFF:  # fill bytes may stand before a marker
            at += 1
            continue
        if marker in _JPEG_FRAMES:
            rows = int.from_bytes(stream[at + 5 : at + 7], "big")
            return rows, int.from_bytes(stream[at + 7 : at + 9], "big")
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return None


def check_deflated(data: bytes) -> None:
    """Raise where the deflated part of a file (raw deflate) unfolds to more than a scan holds."""
    unfold = zlib.decompressobj(-zlib.MAX_WBITS)
    size, rest = 0, data
    while rest and not unfold.eof:
        size += len(unfold.decompress(rest, 1 << 22))
        rest = unfold.unconsumed_tail
        if size > MAX_BYTES:
            raise refuse(
                "too_large",
                f"expected at most {MAX_BYTES:,} bytes, the deflated data set unfolds to more",
            )
