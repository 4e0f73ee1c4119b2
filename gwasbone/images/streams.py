"""What compressed streams declare, read before anything is decompressed.

A few kilobytes can claim to unfold into gigabytes, and a header can say of a stream what is not
so: kind, size and precision are read from the stream itself.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from gwasbone.images.options import MAX_FILE_GB
from gwasbone.images.refusal import refuse

#: 1,768 × 808 is the largest iDXA image seen; mammograms reach 30 million pixels.
MAX_PIXELS = 50_000_000
#: Maximum size of a file, and of what it unfolds to, unless raised (``--max-file-gb``).
MAX_BYTES = round(MAX_FILE_GB * 1e9)

#: JPEG markers that start a frame: SOF0-15 without DHT, JPG and DAC, and JPEG-LS's SOF55.
_JPEG_FRAMES = frozenset({*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC})
_JPEG_LOSSLESS, _JPEG_LS = frozenset({0xC3, 0xC7, 0xCB, 0xCF}), 0xF7
_JP2_CODESTREAM, _JP2_BOX = b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  "
_ITEM = b"\xfe\xff\x00\xe0"
#: Some writers pad a stream behind its end marker.
_END, _PADDING = b"\xff\xd9", 64

JPEG, JPEG_LOSSLESS, JPEG_LS, JPEG_2000 = "JPEG", "JPEG lossless", "JPEG-LS", "JPEG 2000"


@dataclass(frozen=True)
class StreamHeader:
    """What a JPEG, JPEG-LS or JPEG 2000 stream says about its image.

    Parameters
    ----------
    kind : one of :data:`JPEG`, :data:`JPEG_LOSSLESS`, :data:`JPEG_LS`, :data:`JPEG_2000`.
    rows, columns : of the image.
    precision : bits per sample.
    components : samples per pixel.
    """

    kind: str
    rows: int
    columns: int
    precision: int
    components: int


def stream_header(stream: bytes) -> StreamHeader | None:
    """What a stream declares; None where it is none of JPEG, JPEG-LS and JPEG 2000.

    Sources: ITU-T T.81 B.2.2, T.87 C.2.2, T.800 A.5.1.
    """
    start = stream.find(_JP2_CODESTREAM, 0, 4096)
    if start == 0 or (start > 0 and stream.startswith(_JP2_BOX)):
        return _jpeg_2000_header(stream, start)
    if not stream.startswith(b"\xff\xd8"):
        return None
    at = 2
    while at + 10 <= len(stream) and stream[at] == 0xFF:
        marker = stream[at + 1]
        if marker == 0xFF:  # fill bytes may stand before a marker
            at += 1
            continue
        if marker in _JPEG_FRAMES:
            kind = JPEG_LOSSLESS if marker in _JPEG_LOSSLESS else JPEG
            rows, columns = (int.from_bytes(stream[at + i : at + i + 2], "big") for i in (5, 7))
            return StreamHeader(
                JPEG_LS if marker == _JPEG_LS else kind, rows, columns, stream[at + 4],
                stream[at + 9],
            )  # fmt: skip
        at += 2 + int.from_bytes(stream[at + 2 : at + 4], "big")
    return None


def _jpeg_2000_header(stream: bytes, start: int) -> StreamHeader | None:
    if len(stream) < start + 43:
        return None
    x1, y1, x0, y0 = (
        int.from_bytes(stream[start + 8 + 4 * i : start + 12 + 4 * i], "big") for i in range(4)
    )
    components = int.from_bytes(stream[start + 40 : start + 42], "big")
    # of the first component: the highest bit says whether it is signed, the others its depth - 1
    precision = (stream[start + 42] & 0x7F) + 1
    return StreamHeader(JPEG_2000, y1 - y0, x1 - x0, precision, components)


def is_complete(stream: bytes) -> bool:
    """Whether a JPEG, JPEG-LS or JPEG 2000 stream has its end marker."""
    return _END in stream[-_PADDING:]


def is_encapsulated(data: bytes) -> bool:
    """Whether pixel data are items of a sequence, as all compressed ones are."""
    # an item with an offset table: its length is a multiple of four, and another item follows
    if not data.startswith(_ITEM) or len(data) < 16:
        return False
    length = int.from_bytes(data[4:8], "little")
    return length % 4 == 0 and data[8 + length : 12 + length] == _ITEM


def check_deflated(data: bytes, limit: int = MAX_BYTES) -> None:
    """Raise where the deflated part of a file (raw deflate) unfolds to more than ``limit``."""
    unfold = zlib.decompressobj(-zlib.MAX_WBITS)
    size, rest = 0, data
    while rest and not unfold.eof:
        size += len(unfold.decompress(rest, 1 << 22))
        rest = unfold.unconsumed_tail
        if size > limit:
            raise too_large("the deflated data set unfolds to more", limit)


def too_large(what: str, limit: int) -> Exception:
    """The refusal of a file of more bytes than ``limit``."""
    return refuse(
        "too_large",
        f"expected at most {limit:,} bytes, {what}: raise --max-file-gb where the file is sound",
    )
