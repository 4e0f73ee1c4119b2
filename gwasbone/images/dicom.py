"""One DICOM file to one grey picture, or to a refusal with its reason."""

from __future__ import annotations

import contextlib
import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gwasbone.images.grey import Pixels, grey_levels
from gwasbone.images.refusal import RefusedError, refuse
from gwasbone.images.regions import Place, place_of
from gwasbone.images.streams import MAX_BYTES, MAX_PIXELS, check_deflated, declared_size

#: The group of the first element of a DICOM file without a preamble: meta header or identifying.
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")


@dataclass(frozen=True)
class Picture:
    """One picture and what its file says about it.

    Parameters
    ----------
    pixels : (rows, columns) uint8 or uint16, 0 black to ``white``, after modality transform and
        MONOCHROME1 inversion.
    white : the largest level the header allows.
    low, high : modality values of 0 and ``white``; see :class:`gwasbone.images.grey.Grey`.
    place : region, side and view as far as header and content tell.
    modality : CR, DX, CT, ... as written, empty where it is.
    person : Patient ID, None where empty.
    study_date : YYYYMMDD as written, empty where it is.
    instance_number : None where it is no number.
    sop_instance_uid : the picture's own identifier.
    sha256 : of the file's bytes, 64 hexadecimal digits.
    """

    pixels: Pixels
    white: int
    low: float
    high: float
    place: Place
    modality: str
    person: str | None
    study_date: str
    instance_number: int | None
    sop_instance_uid: str
    sha256: str


def read_picture(path: str | Path, *, voi: bool = False) -> Picture:
    """Read one DICOM file.

    Parameters
    ----------
    path : uncompressed, deflated, RLE, JPEG (lossy and lossless), JPEG-LS or JPEG 2000; with or
        without the 128 bytes before the DICM mark.
    voi : apply the header's first window or VOI lookup table. Off by default: iDXA files have
        none, and a window chosen for one picture makes it incomparable with the next.

    Raises
    ------
    RefusedError
        The file gives no grey picture; ``error.refusal`` has the reason and a sentence.

    Examples
    --------
    >>> read_picture(example / "example_images/1080728_2/left_hip.dcm").place
    Place(region='hip', side='left', view=None)
    """
    try:
        size = Path(path).stat().st_size
        _check_bytes(size)
        data = Path(path).read_bytes()
    except OSError as error:
        refused = refuse("cannot_open", f"cannot be read: {error.strerror or error}")
        raise RefusedError(refused.refusal, str(path)) from error
    except RefusedError as error:
        raise RefusedError(error.refusal, str(path)) from None
    try:
        return picture_of(data, voi=voi)
    except RefusedError as error:
        raise RefusedError(error.refusal, str(path)) from None


def picture_of(data: bytes, *, voi: bool = False, sha256: str | None = None) -> Picture:
    """:func:`read_picture` of bytes that are in memory."""
    _check_bytes(len(data))
    try:
        with warnings.catch_warnings():
            # what is odd and matters is refused below; the rest would be said file by file
            warnings.simplefilter("ignore")
            return _picture(data, voi, sha256 or hashlib.sha256(data).hexdigest())
    except RefusedError:
        raise
    except MemoryError:
        raise refuse("too_large", "the picture does not fit into memory") from None
    except Exception as error:
        # one file among thousands must not stop the others, whatever pydicom makes of it
        said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise refuse("invalid_header", f"the header cannot be used: {said}") from error


def _picture(data: bytes, voi: bool, sha256: str) -> Picture:
    header = _parsed(data)
    _check_header(header)
    grey = grey_levels(_decoded(header), header, voi=voi)
    return Picture(
        pixels=grey.pixels,
        white=grey.white,
        low=grey.low,
        high=grey.high,
        place=place_of(tag_texts(header), grey.pixels, grey.white),
        modality=text_of(header, "Modality"),
        person=text_of(header, "PatientID") or None,
        study_date=text_of(header, "StudyDate"),
        instance_number=_whole(header, "InstanceNumber"),
        sop_instance_uid=text_of(header, "SOPInstanceUID"),
        sha256=sha256,
    )


def tag_texts(header: Any) -> dict[str, str]:
    """The header elements that may name a body part, as text; absent ones are empty."""
    names = (
        "ProtocolName", "PerformedProcedureStepDescription", "BodyPartExamined", "Laterality",
        "ImageLaterality", "ViewPosition",
    )  # fmt: skip
    return {name: text_of(header, name) for name in names}


def text_of(header: Any, name: str) -> str:
    """An element as one line of text; empty where it is absent or cannot be read."""
    with contextlib.suppress(Exception):
        value = header.get(name)
        if value is not None:
            return " ".join(str(value).replace("\0", " ").split())
    return ""


def _whole(header: Any, name: str) -> int | None:
    with contextlib.suppress(ValueError):
        return int(text_of(header, name))
    return None


def _check_bytes(size: int) -> None:
    if size == 0:
        raise refuse("empty_file", "expected a DICOM file, it has no bytes: copy it again")
    if size > MAX_BYTES:
        raise refuse("too_large", f"expected at most {MAX_BYTES:,} bytes, it has {size:,}")


def _parsed(data: bytes) -> Any:
    """The data set, with a transfer syntax assumed where the file has no meta header."""
    import pydicom
    from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

    bare = data[128:132] != b"DICM"
    if bare and data[:2] not in _FIRST_GROUPS:
        raise refuse(
            "not_dicom", "expected a DICOM file, it has neither the DICM mark nor a first element"
        )
    try:
        if not bare and str(DeflatedExplicitVRLittleEndian).encode() in data[132:1024]:
            check_deflated(_after_meta(data))
        header = pydicom.dcmread(io.BytesIO(data), force=bare)
        if bare and "TransferSyntaxUID" not in header.file_meta:
            header.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        known = "SOPClassUID" in header or "MediaStorageSOPClassUID" in header.file_meta
    except RefusedError:
        raise
    except Exception as error:
        raise refuse("not_dicom", f"expected a DICOM file, it cannot be parsed: {error}") from None
    if bare and not known:
        raise refuse(
            "not_dicom",
            "expected a DICOM 3 file, it has neither a meta header nor a SOP class (ACR-NEMA or "
            "another format): convert it",
        )
    return header


def _after_meta(data: bytes) -> bytes:
    """What follows the meta header; its group length is the first element after the mark."""
    if data[132:138] != b"\x02\x00\x00\x00UL":
        return b""
    return data[144 + int.from_bytes(data[140:144], "little") :]


def _check_header(header: Any) -> None:
    """Refuse, by the first reason that applies, what is not one grey picture of sane size."""
    if "DirectoryRecordSequence" in header:
        raise refuse("directory", "a DICOMDIR, which lists other files: give the files themselves")
    if "FloatPixelData" in header or "DoubleFloatPixelData" in header:
        raise refuse("float_pixels", "expected grey levels, it holds floating-point pixel data")
    if "PixelData" not in header:
        kind = text_of(header, "Modality") or "unknown modality"
        raise refuse("no_picture", f"expected a picture, it is a {kind} object without pixel data")
    _check_frames(header)
    samples = _number(header, "SamplesPerPixel", 1)
    colours = text_of(header, "PhotometricInterpretation")
    if samples != 1 or (colours and not colours.startswith("MONOCHROME")):
        what = "an index into a colour table" if colours == "PALETTE COLOR" else "colour"
        raise refuse("colour", f"expected one grey channel, it is {what} ({colours}, {samples})")
    if colours not in ("MONOCHROME1", "MONOCHROME2"):
        raise refuse("invalid_header", "expected a Photometric Interpretation, it has none")
    allocated, stored = _number(header, "BitsAllocated"), _number(header, "BitsStored")
    if allocated == 1:
        raise refuse("one_bit", "expected grey levels, it is a 1-bit mask")
    if allocated not in (8, 16) or not 1 <= stored <= allocated:
        raise refuse(
            "invalid_header",
            f"expected 8 or 16 bits per pixel, {allocated} are allocated and {stored} used",
        )
    if _number(header, "PixelRepresentation", 0) not in (0, 1):
        raise refuse("invalid_header", "expected Pixel Representation 0 or 1")
    header.setdefault("PixelRepresentation", 0)
    _check_size(_number(header, "Rows"), _number(header, "Columns"))


def _check_frames(header: Any) -> None:
    text = text_of(header, "NumberOfFrames") or ("1" if "NumberOfFrames" not in header else "")
    try:
        # a value that is no number is read only now; pydicom then raises, and the text is gone
        frames = int(text)
    except ValueError:
        shown = repr(text) if text else "none that is a number"
        raise refuse("invalid_header", f"expected a Number of Frames, got {shown}") from None
    if frames > 1:
        raise refuse("several_frames", f"expected one picture, it has {frames} frames")


def _check_size(rows: int, columns: int) -> None:
    if rows < 1 or columns < 1:
        raise refuse("invalid_header", f"expected a size, got {rows} rows × {columns} columns")
    if rows * columns > MAX_PIXELS:
        raise refuse(
            "too_large", f"expected at most {MAX_PIXELS:,} pixels, got {rows:,} × {columns:,}"
        )


def _number(header: Any, name: str, default: int | None = None) -> int:
    number = _whole(header, name) if name in header else default
    if number is None:
        raise refuse("invalid_header", f"expected a number as {name}, got none")
    return number


def _decoded(header: Any) -> npt.NDArray[Any]:
    """(rows, columns) stored values, native byte order."""
    from pydicom.pixels import get_decoder
    from pydicom.uid import UID

    syntax = UID(str(header.file_meta.get("TransferSyntaxUID", "")))
    try:
        usable = not syntax.is_encapsulated or get_decoder(syntax).is_available
    except (ValueError, NotImplementedError):
        usable = False
    if not usable:
        raise refuse(
            "unknown_transfer_syntax",
            f"expected a known transfer syntax, got {syntax.name or 'none'}: for JPEG "
            "install its codec (pip install 'gwasbone[jpeg]'), or convert it (gdcmconv --raw)",
        )
    shape = (int(header.Rows), int(header.Columns))
    if syntax.is_encapsulated:
        _check_stream(header.PixelData, shape)
    else:
        _check_length(len(header.PixelData), shape[0] * shape[1] * header.BitsAllocated // 8)
    try:
        stored = header.pixel_array
    except Exception as error:
        reason = "truncated" if isinstance(error, EOFError) else "cannot_decode"
        said = " ".join(str(error).split())[:200]
        raise refuse(reason, f"the pixel data cannot be decoded ({syntax.name}): {said}") from None
    if stored.shape != shape:
        raise refuse("invalid_header", f"expected {shape} pixels, decoding gave {stored.shape}")
    return np.asarray(stored, stored.dtype.newbyteorder("="))


def _check_length(got: int, needed: int) -> None:
    if got < needed:
        raise refuse(
            "truncated",
            f"expected {needed:,} bytes of pixel data, got {got:,}: copy the file again",
        )


def _check_stream(encapsulated: bytes, shape: tuple[int, int]) -> None:
    """Refuse a compressed stream of another size than the header's before a decoder sees it."""
    from pydicom.encaps import generate_fragments

    try:
        next(fragments := generate_fragments(encapsulated))
        first = next(fragments)
    except StopIteration:
        raise refuse("truncated", "expected compressed pixel data, there is none") from None
    except Exception as error:
        raise refuse("cannot_decode", f"the compressed pixels have no items: {error}") from None
    declared = declared_size(first)
    if declared is not None and declared != shape:
        rows, columns = declared
        raise refuse(
            "invalid_header",
            f"expected {shape[0]} × {shape[1]} pixels as in the header, the compressed stream "
            f"declares {rows} × {columns}",
        )
