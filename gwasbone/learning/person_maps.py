"""Saliency maps of a region as they are drawn, and the file that keeps their numbers."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from gwasbone.files import atomic_path
from gwasbone.learning.saliency import GroupMaps, mass_share

#: The file of a region's maps, beside the folders of its folds.
KEPT = "saliency.npz"


@dataclass(frozen=True)
class RegionSaliency:
    """Where the networks of a region look.

    Parameters
    ----------
    title : what is told by the networks, such as ``sex from ap spine``; region : of the pictures.
    maps : by class.
    picture : (h, w) uint8 mean of the people's pictures, of the maps' size.
    body : (h, w) where a body is on it.
    n_pictures : in the maps; several of a person are averaged.
    target : (h, w) where the truth is known to lie; None on real pictures.
    """

    title: str
    region: str
    maps: GroupMaps
    picture: npt.NDArray[np.uint8]
    body: npt.NDArray[np.bool_]
    n_pictures: int
    target: npt.NDArray[np.bool_] | None = None


def sentence(seen: RegionSaliency) -> str:
    """What was looked at, in a line."""
    maps = seen.maps
    counts = ", ".join(f"{n:,} {name}" for name, n in zip(maps.names, maps.n, strict=True))
    body = mass_share(np.nan_to_num(maps.mean), seen.body, seen.body)
    beyond = (np.abs(maps.t) > maps.critical).mean()
    folds = "" if np.isnan(maps.agreement) else f"; folds agree with r = {maps.agreement:.2f}"
    return (
        f"{seen.title}: maps of {counts}; {body.mass:.0%} of the saliency lies on the body, which "
        f"is {body.of_area:.0%} of the picture; classes differ beyond noise on {beyond:.0%} of "
        f"it{folds}"
    )


def keep_saliency(seen: RegionSaliency, path: Path) -> None:
    """Write what is drawn of a region: maps, picture, body, and what they are of."""
    arrays = {name: value for name, value in asdict(seen.maps).items() if name != "names"}
    about = {"title": seen.title, "region": seen.region, "n_pictures": seen.n_pictures}
    arrays |= {"picture": seen.picture, "body": seen.body}
    if seen.target is not None:
        arrays["target"] = seen.target
    kept = {name: _single(value) for name, value in arrays.items()}
    kept["about"] = np.array(json.dumps(about | {"names": list(seen.maps.names)}))
    with atomic_path(path) as partial, open(partial, "wb") as handle:
        np.savez_compressed(handle, **kept)  # type: ignore[arg-type]


def _single(value: Any) -> npt.NDArray[Any]:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype == np.float64 and array.ndim else array
