"""Why a file gives no image: a reason that programs can count and a sentence for users."""

from __future__ import annotations

from dataclasses import dataclass

from gwasbone.errors import InputError

_LONGEST = 400

#: Reason -> what it says about the file. A file has one reason, the first that applies.
REASONS = {
    "cannot_open": "the file cannot be read from disk",
    "empty_file": "the file has no bytes",
    "bad_archive": "the zip archive, or the file in it, is damaged, encrypted or empty",
    "odd_name": "the file's name holds a tab or a line break",
    "not_dicom": "the file is not a DICOM 3 file",
    "directory": "a DICOMDIR, which lists other files",
    "not_a_file": "a named pipe, socket or device",
    "no_picture": "a DICOM object without pixels",
    "float_pixels": "pixels are measured numbers, not grey levels",
    "colour": "pixels are colours",
    "one_bit": "pixels are a mask of zeros and ones",
    "several_frames": "more than one image in the file",
    "invalid_header": "the header contradicts itself or lacks what an image needs",
    "too_large": "more pixels or bytes than any bone scan has",
    "unknown_transfer_syntax": "pixels are stored in a way that no decoder here reads",
    "wrong_syntax": "pixels are not what the transfer syntax says",
    "truncated": "the pixels end too early",
    "cannot_decode": "the compressed pixels are malformed",
    "decoder_crashed": "the decoder of the compressed pixels crashed",
    "not_projection": "the image is no projection by X-rays",
    "unknown_region": "the header does not state which part of the body is shown",
    "contradictory_region": "the header names several parts of the body, or views of the spine",
    "unknown_side": "the header does not state whether left or right is shown",
    "unknown_view": "a whole body that is plainly neither its bone nor its soft-tissue image",
    "no_person": "nothing says who is shown",
    "withdrawn": "the participant has withdrawn (negative ID)",
    "duplicate": "the same bytes as another file",
}


@dataclass(frozen=True)
class Refusal:
    """Why a file was not taken.

    Parameters
    ----------
    reason : a key of :data:`REASONS`.
    sentence : what was expected, what came, and what can be done.
    """

    reason: str
    sentence: str

    def __post_init__(self) -> None:
        assert self.reason in REASONS, self.reason


class RefusedError(InputError):
    """Raised where one image is asked for and its file is refused."""

    def __init__(self, refusal: Refusal, where: str = "") -> None:
        super().__init__(f"{where}: {refusal.sentence}" if where else refusal.sentence)
        self.refusal = refusal


def refuse(reason: str, sentence: str) -> RefusedError:
    """The error to raise for a reason; of what a library says, one line that can be read."""
    line = " ".join("".join(c if c.isprintable() else " " for c in sentence).split())
    return RefusedError(Refusal(reason, line if len(line) <= _LONGEST else f"{line[:_LONGEST]} …"))
