"""Pixel data to stored values: decoding, and which bits of a word hold the value."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gwasbone.images import streams
from gwasbone.images.refusal import refuse
from gwasbone.images.streams import StreamHeader
from gwasbone.images.tags import number_of, shown, whole_number

#: Transfer syntaxes that GDCM decodes -> the kind of their streams.
_KINDS = {
    "1.2.840.10008.1.2.4.50": streams.JPEG,
    "1.2.840.10008.1.2.4.51": streams.JPEG,
    "1.2.840.10008.1.2.4.57": streams.JPEG_LOSSLESS,
    "1.2.840.10008.1.2.4.70": streams.JPEG_LOSSLESS,
    "1.2.840.10008.1.2.4.80": streams.JPEG_LS,
    "1.2.840.10008.1.2.4.81": streams.JPEG_LS,
    "1.2.840.10008.1.2.4.90": streams.JPEG_2000,
    "1.2.840.10008.1.2.4.91": streams.JPEG_2000,
}
_BIG_ENDIAN = "1.2.840.10008.1.2.2"

Words = npt.NDArray[np.unsignedinteger]
Values = npt.NDArray[np.integer]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Stored:
    """The stored values of an image.

    Parameters
    ----------
    values : (rows, columns) integers, of unsigned ones as small a type as holds them.
    bits : of a value: those of the compressed stream where there is one, else Bits Stored.
    signed : whether values are two's complements.
    padding : (rows, columns) True where the file says that there is no image (Pixel Padding
        Value, in areas that reach the border); None where it is nowhere.
    """

    values: Values
    bits: int
    signed: bool
    padding: Mask | None = None

    @property
    def range(self) -> tuple[int, int]:
        """The smallest and the largest value that the bits can hold."""
        half = 1 << (self.bits - 1)
        return (-half, half - 1) if self.signed else (0, 2 * half - 1)


def stored_values(header: Any) -> Stored:
    """Decode the pixel data of a single-frame grey image.

    Parameters
    ----------
    header : pydicom data set whose size, bits and number of samples were checked.

    Raises
    ------
    RefusedError
        The data end too early, are not what the transfer syntax says, use bits that the header
        does not declare, or cannot be decoded.
    """
    syntax = _transfer_syntax(header)
    data = header.get("PixelData")
    if not data:
        raise refuse("truncated", f"expected pixel data, {shown(header, 'PixelData')}")
    signed = number_of(header, "PixelRepresentation", 0) == 1
    if not syntax.is_encapsulated:
        words = _native(header, data, syntax)
        declared = None
    else:
        frame = _frame(data)
        declared = _checked_stream(frame, header, syntax)
        if declared is not None and str(syntax) in _KINDS:
            words = _decoded_by_gdcm(frame, declared, str(syntax))
        else:
            words = _decoded_by_pydicom(header, syntax)
    if declared is not None:
        bits, shift = declared.precision, 0
    else:
        bits = number_of(header, "BitsStored")
        shift = _shift(header, bits)
        _check_unused_bits(words, bits, shift, signed, header)
    values = _interpreted(words, bits, shift, signed)
    return Stored(values, bits, signed, _padding(words, values, header))


def _transfer_syntax(header: Any) -> Any:
    from pydicom.pixels import get_decoder
    from pydicom.uid import UID

    syntax = UID(str(header.file_meta.get("TransferSyntaxUID", "")))
    try:
        known = not syntax.is_encapsulated or str(syntax) in _KINDS
        known = known or get_decoder(syntax).is_available
    except (ValueError, NotImplementedError):
        known = False
    if not known:
        raise refuse(
            "unknown_transfer_syntax",
            "expected a transfer syntax of still images as Transfer Syntax UID (0002,0010), got "
            f"{syntax.name or 'none'}: convert the file (gdcmconv --raw)",
        )
    return syntax


def _native(header: Any, data: bytes, syntax: Any) -> Words:
    """(rows, columns) words of uncompressed pixel data."""
    if header["PixelData"].is_undefined_length or streams.is_encapsulated(data):
        with contextlib.suppress(Exception):
            declared = streams.stream_header(_frame(data))
        kind = f" ({declared.kind})" if declared is not None else ""
        raise refuse(
            "wrong_syntax",
            f"expected uncompressed pixel data as Transfer Syntax UID (0002,0010) says "
            f"({syntax.name}), they are compressed{kind}: correct the transfer syntax",
        )
    rows, columns = int(header.Rows), int(header.Columns)
    allocated = number_of(header, "BitsAllocated")
    row = columns * allocated // 8
    needed, got = rows * row, len(data)
    said = f"expected {needed:,} bytes of pixel data ({rows} × {columns}, {allocated} bits)"
    if got < needed:
        raise refuse("truncated", f"{said}, got {got:,}: copy the file again")
    # one byte or a few of padding are common, a row more is another size
    if got - needed >= max(row, 2):
        times = f", {got // needed} times as many" if got % needed == 0 else ""
        raise refuse("invalid_header", f"{said}, got {got:,}{times}: check Rows and Columns")
    if allocated == 8:
        return _bytes_in_order(header, data, syntax)[:needed].reshape(rows, columns)
    order = ">u2" if str(syntax) == _BIG_ENDIAN else "<u2"
    return np.frombuffer(data, order, rows * columns).reshape(rows, columns).astype(np.uint16)


def _bytes_in_order(header: Any, data: bytes, syntax: Any) -> npt.NDArray[np.uint8]:
    pixels = np.frombuffer(data, np.uint8)
    if str(syntax) == _BIG_ENDIAN and header["PixelData"].VR == "OW" and len(pixels) % 2 == 0:
        return pixels.reshape(-1, 2)[:, ::-1].reshape(-1)
    return pixels


def _frame(encapsulated: bytes) -> bytes:
    """The compressed stream, its fragments joined."""
    from pydicom.encaps import generate_frames

    try:
        frame = next(generate_frames(encapsulated, number_of_frames=1))
    except (StopIteration, EOFError):
        frame = b""
    except Exception as error:
        raise refuse("cannot_decode", f"the compressed pixels have no items: {error}") from None
    if not frame:
        raise refuse("truncated", "expected compressed pixel data, there is none")
    return bytes(frame)


def _checked_stream(frame: bytes, header: Any, syntax: Any) -> StreamHeader | None:
    """What a stream declares, before a decoder sees it; None for run-length encoding."""
    declared = streams.stream_header(frame)
    expected = _KINDS.get(str(syntax))
    kind = None if declared is None else declared.kind
    is_high_throughput = expected is None and kind == streams.JPEG_2000 and "High" in syntax.name
    if kind != expected and not is_high_throughput:
        raise refuse(
            "wrong_syntax",
            f"expected {expected or 'run lengths'} as Transfer Syntax UID (0002,0010) says, the "
            f"pixel data are {kind or 'of another kind'}: correct the transfer syntax",
        )
    if declared is None:
        return None
    shape = (int(header.Rows), int(header.Columns))
    if (declared.rows, declared.columns) != shape:
        raise refuse(
            "invalid_header",
            f"expected {shape[0]} × {shape[1]} pixels as in the header, the compressed stream "
            f"declares {declared.rows} × {declared.columns}",
        )
    if declared.components != 1 or not 2 <= declared.precision <= 16:
        raise refuse(
            "invalid_header",
            "expected a stream of one sample of 2 to 16 bits per pixel, it declares "
            f"{declared.components} of {declared.precision} bits",
        )
    if not streams.is_complete(frame):
        raise refuse("truncated", "the compressed stream has no end: copy the file again")
    return declared


def _decoded_by_gdcm(frame: bytes, declared: StreamHeader, syntax: str) -> Words:
    """(rows, columns) words of a stream; bits and size are the stream's, not the header's."""
    import gdcm

    fragment = gdcm.Fragment()
    fragment.SetByteStringValue(frame)
    fragments = gdcm.SequenceOfFragments.New()
    fragments.AddFragment(fragment)
    element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
    element.SetValue(fragments.__ref__())
    image = gdcm.Image()
    image.SetNumberOfDimensions(2)
    image.SetDimensions((declared.columns, declared.rows, 1))
    image.SetDataElement(element)
    grey = gdcm.PhotometricInterpretation.GetPIType("MONOCHROME2")
    image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(grey))
    image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
    allocated = 8 if declared.precision <= 8 else 16
    bits = (allocated, declared.precision, declared.precision - 1)
    image.SetPixelFormat(gdcm.PixelFormat(1, *bits, 0))
    with _quiet_stderr():
        text = image.GetBuffer()
    decoded = b"" if text is None else text.encode("utf-8", "surrogateescape")
    if len(decoded) != declared.rows * declared.columns * allocated // 8:
        raise refuse("cannot_decode", f"the {declared.kind} stream is malformed")
    words = np.frombuffer(decoded, np.uint8 if allocated == 8 else "<u2")
    return words.reshape(declared.rows, declared.columns)


def _decoded_by_pydicom(header: Any, syntax: Any) -> Words:
    """(rows, columns) words of run-length encoded and high-throughput JPEG 2000 images."""
    from pydicom.pixels import get_decoder

    try:
        buffer, said = get_decoder(syntax).as_buffer(header, raw=True)
        words = np.frombuffer(buffer, f"<u{int(said['bits_allocated']) // 8}")
        return words.reshape(int(header.Rows), int(header.Columns))
    except Exception as error:
        reason = "truncated" if isinstance(error, EOFError) else "cannot_decode"
        raise refuse(reason, f"the pixel data cannot be decoded ({syntax.name}): {error}") from None


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Codecs written in C print to the terminal what is refused or harmless."""
    try:
        kept = os.dup(2)
    except OSError:
        yield  # closed by the user
        return
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def _shift(header: Any, bits: int) -> int:
    """How far above the lowest bit of its word a value begins: HighBit + 1 - BitsStored."""
    allocated = number_of(header, "BitsAllocated")
    high = number_of(header, "HighBit", bits - 1)
    if not bits - 1 <= high < allocated:
        raise refuse(
            "invalid_header",
            f"expected High Bit (0028,0102) of {bits - 1} (Bits Stored - 1) to {allocated - 1}, "
            f"got {high}",
        )
    return high + 1 - bits


def _check_unused_bits(words: Words, bits: int, shift: int, signed: bool, header: Any) -> None:
    """Refuse where bits beside the declared ones hold the image.

    Unused bits may hold overlays (DICOM PS3.5 8.1.1, retired) or copies of the sign; both are
    ignored.
    """
    allocated = number_of(header, "BitsAllocated")
    if bits == allocated:
        return
    whole = _interpreted(words, allocated, 0, signed)
    lies_low = np.array_equal(_interpreted(words, bits, 0, signed), whole)
    if shift and lies_low and (words & ((1 << shift) - 1)).any():
        raise refuse(
            "invalid_header",
            f"High Bit (0028,0102) {bits + shift - 1} and Bits Stored (0028,0101) {bits} "
            f"contradict the pixel data, which lie in the lowest {bits} bits",
        )
    above = words >> (bits + shift)
    # copies of the sign, or nothing
    if np.array_equal(_interpreted(words, bits + shift, 0, signed), whole) or not above.any():
        return
    if _continues_image(words.astype(np.int32), bits + shift):
        n = int((above != 0).sum())
        raise refuse(
            "invalid_header",
            f"expected values of {bits} bits as Bits Stored (0028,0101) says, {n:,} of "
            f"{words.size:,} pixels use more for the image: correct the header",
        )


def _continues_image(words: npt.NDArray[np.int32], bits: int) -> bool:
    """Whether the bits above the lowest ``bits`` belong to the image, as an overlay's do not.

    Where a smooth image steps over a multiple of 2^bits, its lower bits wrap: words change less
    than their lower bits. Where an overlay begins, words change more.
    """
    lower = words & ((1 << bits) - 1)
    wraps = steps = 0
    for axis in (0, 1):
        changed = np.diff(words >> bits, axis=axis) != 0
        less = np.abs(np.diff(words, axis=axis)) < np.abs(np.diff(lower, axis=axis))
        wraps, steps = wraps + int((less & changed).sum()), steps + int(changed.sum())
    return 2 * wraps > steps


def _interpreted(words: Words, bits: int, shift: int, signed: bool) -> Values:
    if bits == 8 * words.dtype.itemsize and not shift and not signed:
        return words
    values = (words >> shift) & ((1 << bits) - 1)
    if signed:
        sign = 1 << (bits - 1)
        return np.asarray((values.astype(np.int32) ^ sign) - sign)
    return values


def _padding(words: Words, values: Values, header: Any) -> Mask | None:
    first = whole_number(header, "PixelPaddingValue")
    if first is None:
        return None
    last = whole_number(header, "PixelPaddingRangeLimit")
    if last is None:
        allocated = 8 * words.dtype.itemsize
        padded = (values == first) | (words == first % (1 << allocated))
    else:
        padded = (values >= min(first, last)) & (values <= max(first, last))
    return _reaching_border(padded) if padded.any() else None


def _reaching_border(mask: Mask) -> Mask | None:
    """The connected areas of a mask that reach the border: bone may be saturated at the value."""
    from scipy.ndimage import label

    areas, _ = label(mask)
    edges = np.concatenate([areas[0], areas[-1], areas[:, 0], areas[:, -1]])
    outer = np.unique(edges[edges > 0])
    return np.isin(areas, outer) if outer.size else None
