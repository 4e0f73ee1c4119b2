"""DXA-like images of simulated participants, written as DICOM files with the tags of real scans.

What an image shows is known: bone density sets its brightness, age its texture, sex and height
its shapes, and chosen variants brighten chosen places. Nothing of a real scan is in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gwasbone.errors import InputError, UsageError
from gwasbone.files import atomic_path
from gwasbone.simulate.phantom_anatomy import PICTURES, Body, LocalEffect, draw
from gwasbone.simulate.phantom_canvas import NoiseBank

#: Sites of density, and the column of people that holds it in standard deviations.
SITES = ("ap_spine", "lateral_spine", "hip", "knee", "whole_body")
#: ProtocolName of each picture, as GE's iDXA writes it.
PROTOCOLS = {
    "ap_spine": "AP Spine",
    "lateral_spine": "LVA",
    "left_hip": "Left Femur",
    "right_hip": "Right Femur",
    "left_knee": "Left Ortho Knee",
    "right_knee": "Right Ortho Knee",
    "whole_body_soft": "Total Body",
    "whole_body_skeleton": "Total Body",
}

_COLUMNS = ("eid", "instance", "male", "age", "height", "weight")
#: Hidden, since it is no picture.
_TRUTH = ".phantoms.json"


@dataclass(frozen=True)
class PhantomSettings:
    """Settings of simulated images.

    Parameters
    ----------
    pictures : images of each participant, of :data:`~gwasbone.simulate.phantom_anatomy.PICTURES`.
    scale : scale of the images relative to the scanner's resolution.
    seed : random seed; equal settings give equal files.
    """

    pictures: tuple[str, ...] = tuple(PICTURES)
    scale: float = 0.5
    seed: int = 1

    def __post_init__(self) -> None:
        unknown = [name for name in self.pictures if name not in PICTURES]
        if unknown or not self.pictures:
            raise UsageError(
                f"images: expected some of {', '.join(PICTURES)}, "
                f"got {', '.join(unknown) or 'none'}"
            )
        if not 0.05 <= self.scale <= 1:
            raise UsageError(f"scale: expected 0.05 to 1, got {self.scale:g}")


def simulate_phantoms(
    people: pd.DataFrame,
    folder: Path,
    *,
    settings: PhantomSettings | None = None,
    effects: Sequence[LocalEffect] = (),
    progress: Callable[[str, int, int], None] | None = None,
) -> pd.DataFrame:
    """Draw and write the images of participants.

    Parameters
    ----------
    people : one row per person and visit: ``eid instance male age height weight`` (cm, kg),
        ``density_<site>`` for each of :data:`SITES` (standard deviations), and the dosages that
        effects name.
    folder : gets a folder of .dcm files per person and visit, and ``.phantoms.json`` (settings and
        effects) when all are there. Files that exist are written again.
    effects : places that variants brighten.

    Returns
    -------
    A row per image: ``eid instance picture path`` (within ``folder``).

    Raises
    ------
    InputError
        A column is missing.
    """
    settings = PhantomSettings() if settings is None else settings
    wanted = [*_COLUMNS, *(f"density_{site}" for site in SITES), *(e.variant for e in effects)]
    missing = [name for name in wanted if name not in people.columns]
    if missing:
        raise InputError(f"phantoms: expected columns {', '.join(wanted)}, lacking {missing}")
    banks = {
        name: NoiseBank(settings.seed, rows=round(PICTURES[name][0] * settings.scale))
        for name in settings.pictures
    }
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for i, row in enumerate(people.to_dict("records")):
        if progress is not None:
            progress("drawing images", i, len(people))
        body = body_of(row, effects)
        home = f"{row['eid']}_{row['instance']}"
        (folder / home).mkdir(exist_ok=True)
        for j, name in enumerate(settings.pictures):
            # a picture depends on its person and its kind only, whoever else is drawn
            rng = np.random.default_rng(_number(settings.seed, home, name))
            pixels = draw(name, body, effects, scale=settings.scale, noise=banks[name], rng=rng)
            path = f"{home}/{name}.dcm"
            _write_dicom(folder / path, pixels, name, row, number=j + 1)
            made.append((row["eid"], row["instance"], name, path))
    if progress is not None:
        progress("drawing images", len(people), len(people))
    with atomic_path(folder / _TRUTH) as partial:
        truth = {"settings": asdict(settings), "effects": [asdict(effect) for effect in effects]}
        partial.write_text(json.dumps(truth, indent=1) + "\n")
    return pd.DataFrame(made, columns=["eid", "instance", "picture", "path"])


def body_of(row: Mapping[Any, Any], effects: Sequence[LocalEffect] = ()) -> Body:
    """The body of a row of participants."""
    return Body(
        male=bool(row["male"]),
        age=float(row["age"]),
        height_cm=float(row["height"]),
        weight_kg=float(row["weight"]),
        density={site: float(row[f"density_{site}"]) for site in SITES},
        dosage={effect.variant: float(row[effect.variant]) for effect in effects},
    )


def _number(*parts: object) -> int:
    text = "\t".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def _write_dicom(
    path: Path, pixels: np.ndarray, name: str, row: Mapping[Any, Any], *, number: int
) -> None:
    """A secondary capture as GE's iDXA makes them: region and side only in the protocol's name."""
    import pydicom
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import UID, ComputedRadiographyImageStorage, ImplicitVRLittleEndian

    visit = f"{row['eid']}_{row['instance']}"
    uid = UID(f"2.25.{_number(visit, name)}")
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = uid
    meta.TransferSyntaxUID = ImplicitVRLittleEndian
    ds = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    ds.SOPClassUID = ComputedRadiographyImageStorage
    ds.SOPInstanceUID = uid
    ds.StudyInstanceUID = f"2.25.{_number(visit)}"
    ds.SeriesInstanceUID = f"2.25.{_number(visit, PROTOCOLS[name])}"
    ds.StudyDate = ds.AcquisitionDate = f"{2014 + 5 * (int(row['instance']) - 2)}0601"
    ds.Modality, ds.Manufacturer = "CR", "gwasbone phantom"
    ds.ManufacturerModelName, ds.StudyDescription = "Simulated DXA", "DXA Exam"
    ds.SeriesDescription = "DXA Images"
    ds.PatientID = str(row["eid"])
    ds.PatientName, ds.PatientBirthDate = f"{row['eid']}^Phantom", ""
    ds.PatientSex, ds.PatientAge = "M" if row["male"] else "F", f"{int(row['age']):03d}Y"
    ds.PatientSize = f"{row['height'] / 100:.2f}"
    ds.PatientWeight = f"{row['weight']:.1f}"
    ds.BodyPartExamined = ds.ViewPosition = ds.Laterality = ""
    ds.ProtocolName = ds.PerformedProcedureStepDescription = PROTOCOLS[name]
    ds.SeriesNumber, ds.InstanceNumber = 1, number
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = pixels.shape
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelRepresentation = 7, 0
    raw = pixels.tobytes()
    ds.PixelData = raw + b"\0" * (len(raw) % 2)
    pydicom.dcmwrite(path, ds, enforce_file_format=True)
