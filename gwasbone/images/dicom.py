"""One DICOM file to one grey image, or to a refusal with its reason."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gwasbone.images.grey import Grey, Pixels, grey_levels
from gwasbone.images.pixels import stored_values
from gwasbone.images.refusal import Refusal, RefusedError, refuse
from gwasbone.images.regions import Place, place_of
from gwasbone.images.streams import MAX_BYTES, MAX_PIXELS, check_deflated, too_large
from gwasbone.images.tags import number_of, raw_text, shown, text_of, whole_number

#: The group of the first element of a DICOM file without a preamble: meta header or identifying.
_FIRST_GROUPS = (b"\x02\x00", b"\x08\x00")
#: First bytes of what is put in a file's place -> what it is, and what to do.
_KINDS = {
    b"PK\x03\x04": "is a zip archive: give it a name that ends in .zip, or unpack it",
    b"\x1f\x8b": "is compressed by gzip: unpack it",
    b"\xff\xd8\xff": "is a JPEG image, whose header lacks what DICOM says of the participant",
    b"\x89PNG": "is a PNG image, whose header lacks what DICOM says of the participant",
}


@dataclass(frozen=True)
class Picture:
    """An image and the metadata of its DICOM file.

    Parameters
    ----------
    pixels : (rows, columns) uint8 or uint16, 0 black to ``white``, after modality transform and
        MONOCHROME1 inversion; padding is black.
    white : the largest level the header allows.
    low, high : modality values of 0 and ``white``; see :class:`gwasbone.images.grey.Grey`.
    n_padded : pixels that are black because the file says that they are no image.
    place : region, side and view as far as header and content tell.
    contradiction : why the region is not known, where tags name several; else None.
    modality : CR, DX, CT, ... as written, empty where it is.
    person : Patient ID, None where empty; several are joined by a backslash, as in the file.
    study_date : YYYYMMDD as written, empty where it is.
    instance_number : None where it is no number.
    sop_instance_uid : the image's own identifier.
    sha256 : of the file's bytes, 64 hexadecimal digits.
    """

    pixels: Pixels
    white: int
    low: float
    high: float
    n_padded: int
    place: Place
    contradiction: Refusal | None
    modality: str
    person: str | None
    study_date: str
    instance_number: int | None
    sop_instance_uid: str
    sha256: str


def read_picture(
    path: str | Path, *, voi: bool = False, own_range: bool = False, max_bytes: int = MAX_BYTES
) -> Picture:
    """Read the image and metadata of a DICOM file.

    Parameters
    ----------
    path : uncompressed, deflated, RLE, JPEG (lossy and lossless), JPEG-LS or JPEG 2000; with or
        without the 128 bytes before the DICM mark.
    voi : apply the header's first window or VOI lookup table. Off by default: iDXA files have
        none, and a window chosen for one image makes it incomparable with the next.
    own_range : stretch the image over its own range of levels instead of the header's.
    max_bytes : of the file, and of what it unfolds to.

    Raises
    ------
    RefusedError
        The file gives no grey image; ``error.refusal`` has the reason and a sentence.

    Examples
    --------
    >>> read_picture(example / "example_images/1080728_2/left_hip.dcm").place
    Place(region='hip', side='left', view=None)
    """
    try:
        try:
            _check_bytes(Path(path).stat().st_size, max_bytes)
            data = Path(path).read_bytes()
        except OSError as error:
            raise refuse("cannot_open", f"cannot be read: {error.strerror or error}") from error
        return picture_of(data, voi=voi, own_range=own_range, max_bytes=max_bytes)
    except RefusedError as error:
        raise RefusedError(error.refusal, str(path)) from None


def picture_of(
    data: bytes,
    *,
    voi: bool = False,
    own_range: bool = False,
    max_bytes: int = MAX_BYTES,
    sha256: str | None = None,
) -> Picture:
    """Read the image of a DICOM file from bytes in memory, as :func:`read_picture` does."""
    _check_bytes(len(data), max_bytes)
    try:
        with warnings.catch_warnings():
            # what is odd and matters is refused below; the rest would be said file by file
            warnings.simplefilter("ignore")
            header = _parsed(data, max_bytes)
            _check_header(header)
            grey = grey_levels(stored_values(header), header, voi=voi, own_range=own_range)
            return _picture(header, grey, sha256 or hashlib.sha256(data).hexdigest())
    except RefusedError:
        raise
    except MemoryError:
        raise refuse("too_large", "the image does not fit into memory") from None
    except Exception as error:
        # one file among thousands must not stop the others, whatever pydicom makes of it
        said = f"{type(error).__name__}: {error}"
        raise refuse("invalid_header", f"the header cannot be used: {said}") from error


def _picture(header: Any, grey: Grey, sha256: str) -> Picture:
    contradiction = None
    try:
        place = place_of(tag_texts(header), grey.pixels, grey.white)
    except RefusedError as error:
        # a table of labels may still say what is shown
        place, contradiction = Place(), error.refusal
    return Picture(
        pixels=grey.pixels,
        white=grey.white,
        low=grey.low,
        high=grey.high,
        n_padded=grey.n_padded,
        place=place,
        contradiction=contradiction,
        modality=text_of(header, "Modality"),
        person=text_of(header, "PatientID") or None,
        study_date=text_of(header, "StudyDate"),
        instance_number=whole_number(header, "InstanceNumber"),
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


def _check_bytes(size: int, limit: int) -> None:
    if size == 0:
        raise refuse("empty_file", "expected a DICOM file, it has no bytes: copy it again")
    if size > limit:
        raise too_large(f"it has {size:,}", limit)


def _parsed(data: bytes, max_bytes: int) -> Any:
    """The data set, with a transfer syntax assumed where the file has no meta header."""
    import pydicom
    from pydicom.uid import DeflatedExplicitVRLittleEndian, ImplicitVRLittleEndian

    bare = data[128:132] != b"DICM"
    if bare and data[:2] not in _FIRST_GROUPS:
        kind = next((name for start, name in _KINDS.items() if data.startswith(start)), "")
        raise refuse(
            "not_dicom",
            "expected a DICOM file, it "
            + (kind or "has neither the DICM mark nor a first element"),
        )
    try:
        if not bare and str(DeflatedExplicitVRLittleEndian).encode() in data[132:1024]:
            check_deflated(_after_meta(data), max_bytes)
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
    """Refuse, by the first reason that applies, what is not one grey image of sane size."""
    if "DirectoryRecordSequence" in header:
        raise refuse("directory", "a DICOMDIR, which lists other files: give the files themselves")
    if "FloatPixelData" in header or "DoubleFloatPixelData" in header:
        raise refuse("float_pixels", "expected grey levels, it holds floating-point pixel data")
    if "PixelData" not in header:
        kind = text_of(header, "Modality") or "unknown modality"
        raise refuse("no_picture", f"expected an image, it is a {kind} object without pixel data")
    _check_frames(header)
    _check_grey(header)
    _check_bits(header)
    _check_size(number_of(header, "Rows"), number_of(header, "Columns"))


def _check_frames(header: Any) -> None:
    text = raw_text(header, "NumberOfFrames") or "1"
    try:
        frames = int(text)
    except ValueError:
        frames = -1
    if frames < 0:
        raise refuse("invalid_header", f"expected one frame, {shown(header, 'NumberOfFrames')}")
    if frames > 1:
        raise refuse("several_frames", f"expected one image, it has {frames} frames")


def _check_grey(header: Any) -> None:
    """Refuse colours; write what was only spelled otherwise as the standard has it."""
    colours = text_of(header, "PhotometricInterpretation").upper()
    if not colours:
        said = shown(header, "PhotometricInterpretation")
        raise refuse("invalid_header", f"expected MONOCHROME1 or MONOCHROME2, {said}")
    is_grey = colours in ("MONOCHROME1", "MONOCHROME2")
    samples = number_of(header, "SamplesPerPixel", 1 if is_grey else 3)
    if samples != 1 or not is_grey:
        what = "an index into a colour table" if colours == "PALETTE COLOR" else "colour"
        raise refuse(
            "colour",
            f"expected one grey channel, it is {what}: {shown(header, 'PhotometricInterpretation')}"
            f", {shown(header, 'SamplesPerPixel')}",
        )
    header.PhotometricInterpretation, header.SamplesPerPixel = colours, 1


def _check_bits(header: Any) -> None:
    allocated = number_of(header, "BitsAllocated")
    if allocated == 1:
        raise refuse("one_bit", "expected grey levels, it is a 1-bit mask")
    stored = number_of(header, "BitsStored")
    if allocated not in (8, 16) or not 1 <= stored <= allocated:
        raise refuse(
            "invalid_header",
            "expected 8 or 16 as Bits Allocated (0028,0100) and no more as Bits Stored "
            f"(0028,0101), got {allocated} and {stored}",
        )
    representation = number_of(header, "PixelRepresentation", 0)
    if representation not in (0, 1):
        raise refuse(
            "invalid_header",
            f"expected 0 or 1 as Pixel Representation (0028,0103), got {representation}",
        )
    header.PixelRepresentation = representation


def _check_size(rows: int, columns: int) -> None:
    if rows < 1 or columns < 1:
        raise refuse(
            "invalid_header",
            "expected Rows (0028,0010) and Columns (0028,0011) of at least 1, got "
            f"{rows} × {columns}",
        )
    if rows * columns > MAX_PIXELS:
        raise refuse(
            "too_large", f"expected at most {MAX_PIXELS:,} pixels, got {rows:,} × {columns:,}"
        )
