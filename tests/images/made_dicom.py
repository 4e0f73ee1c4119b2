"""DICOM files written by the tests: small, grey, with the tags an iDXA writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

#: Everything that :func:`dicom` takes besides pixels; keys are DICOM keywords.
TAGS: dict[str, Any] = {
    "Modality": "CR", "PatientID": "p1", "StudyDate": "20200102", "InstanceNumber": "3",
    "ProtocolName": "Left Femur",
}  # fmt: skip


def dicom(pixels: np.ndarray | None = None, /, **tags: Any) -> Dataset:
    """A data set with the pixels (20 × 12 of a gradient by default) and tags; None removes one."""
    if pixels is None:
        pixels = np.arange(240, dtype=np.uint8).reshape(20, 12)
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.SOPClassUID = made.file_meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    uid = generate_uid(entropy_srcs=[pixels.tobytes().hex(), repr(sorted(tags.items()))])
    made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = uid
    bits = 8 * pixels.dtype.itemsize
    made.SamplesPerPixel = 1
    made.PhotometricInterpretation = "MONOCHROME2"
    made.Rows, made.Columns = pixels.shape[:2]
    made.BitsAllocated = made.BitsStored = bits
    made.HighBit = bits - 1
    made.PixelRepresentation = int(pixels.dtype.kind == "i")
    made.PixelData = pixels.tobytes()
    made["PixelData"].VR = "OB" if bits == 8 else "OW"
    if "BitsStored" in tags:
        tags = {"HighBit": tags["BitsStored"] - 1} | tags
    for name, value in (TAGS | tags).items():
        if value is not None:
            setattr(made, name, value)
        elif name in made:
            del made[name]
    return made


def save(made: Dataset, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pydicom.dcmwrite(path, made, enforce_file_format=True)
    return path


def write_dicom(path: Path, pixels: np.ndarray | None = None, /, **tags: Any) -> Path:
    """Write one file; see :func:`dicom`."""
    return save(dicom(pixels, **tags), path)


def scan(seed: int, shape: tuple[int, int] = (40, 30)) -> np.ndarray:
    """Noise: pixels of a picture unlike any other seed's."""
    return np.random.default_rng(seed).integers(0, 253, shape, dtype=np.uint8)


def bodies(shape: tuple[int, int] = (240, 80)) -> tuple[np.ndarray, np.ndarray]:
    """(bone, flesh) pictures of a made-up body: an ellipse, smooth or with bars of bone."""
    y, x = np.mgrid[-1 : 1 : shape[0] * 1j, -1 : 1 : shape[1] * 1j]
    inside = x**2 / 0.7 + y**2 / 0.9 < 1
    flesh = np.where(inside, 120 + 60 * (1 - x**2 - y**2), 0)
    bone = np.where(inside, 60 + 150 * (np.sin(18 * x) > 0.3), 0)
    return bone.astype(np.uint8), flesh.astype(np.uint8)
