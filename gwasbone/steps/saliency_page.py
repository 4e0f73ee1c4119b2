"""What is drawn of where networks look: kept in a file, and shown on a page."""

from __future__ import annotations

import json
import logging
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from gwasbone.errors import InputError
from gwasbone.files import atomic_path
from gwasbone.learning.saliency import GroupMaps, mass_share

if TYPE_CHECKING:
    from gwasbone.plots.page import Sections

log = logging.getLogger(__name__)

_ONE_SIDED = (
    "A map shows what speaks for the later class; what speaks against it is cut. Something that "
    "is less, such as bone density of cases, may therefore show beside the bone and not on it."
)
PAGE = ".saliency.html"
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


def write_saliency(seen: Sequence[RegionSaliency], prefix: Path, *, task: str) -> None:
    """Write ``PREFIX.saliency.html``; where nothing was looked at, no page."""
    from gwasbone.plots.page import save_page

    if not seen:
        log.info("%s: nothing was learned, so there are no maps to draw", task)
        return
    save_page(
        saliency_sections(seen),
        Path(f"{prefix}{PAGE}"),
        title=f"{task}: where networks look",
        subtitle="Class activation maps averaged over convolutional layers, of people whom the "
        "models never saw; group means drawn over the mean picture.",
    )


def saliency_sections(seen: Sequence[RegionSaliency]) -> Sections:
    """(heading, figure) per region."""
    from gwasbone.plots.saliency import saliency_figure

    return [
        (
            one.title[:1].upper() + one.title[1:],
            saliency_figure(
                one.picture, one.maps.mean, one.maps.slope, one.maps.t,
                names=one.maps.names, n=one.maps.n, critical=one.maps.critical, title=one.title,
                target=one.target, notes=[f"{sentence(one)}.", _ONE_SIDED],
            ),
        )
        for one in seen
    ]  # fmt: skip


def sections(models: Path) -> Sections:
    """The figures of a folder of models, ``<region>/saliency.npz`` or deeper, drawn again."""
    return saliency_sections([read_saliency(path) for path in sorted(models.rglob(KEPT))
                              if not path.parent.name.startswith("fold")])  # fmt: skip


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


def read_saliency(path: Path) -> RegionSaliency:
    """Read what :func:`keep_saliency` wrote.

    Raises
    ------
    InputError
        The file is not one.
    """
    try:
        with np.load(path) as kept:
            about = json.loads(str(kept["about"]))
            fields = {
                name: kept[name]
                for name in GroupMaps.__dataclass_fields__
                if name != "names"
            }  # fmt: skip
            for name in ("n_empty", "critical", "agreement"):
                fields[name] = fields[name].item()
            target = kept["target"] if "target" in kept.files else None
            return RegionSaliency(
                about["title"], about["region"],
                GroupMaps(names=tuple(about["names"]), **fields),
                kept["picture"], kept["body"], about["n_pictures"], target,
            )  # fmt: skip
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path}: expected saliency maps of `gwasbone train`, it cannot be read: {error}"
        ) from None


def _single(value: Any) -> npt.NDArray[Any]:
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype == np.float64 and array.ndim else array
