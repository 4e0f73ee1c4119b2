"""Where trained networks look: maps of people they never saw, averaged by class, and their file.

Files: beside each model of a fold ``saliency.npz`` with the maps of the people it held out, so
that a killed run goes on; beside the folds of a region ``saliency.npz`` with what is drawn.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError
from gwasbone.files import atomic_path
from gwasbone.images.cache import ImageCache, Pictures
from gwasbone.images.regions import SIDED
from gwasbone.learning.backend import Backend, Progress
from gwasbone.learning.held_out_maps import held_out_maps
from gwasbone.learning.picture_rows import ReducedPictures
from gwasbone.learning.saliency import (
    GroupMaps,
    MassShare,
    Question,
    body_of,
    chosen_people,
    group_maps,
    mass_share,
)
from gwasbone.learning.task import TARGET
from gwasbone.learning.training_people import region_pictures
from gwasbone.learning.training_run import Trained

log = logging.getLogger(__name__)

#: The file of a region's maps, beside the folders of its folds.
KEPT = "saliency.npz"
#: People of each class whose maps are made.
MOST_PEOPLE = 200


@dataclass(frozen=True)
class RegionSaliency:
    """Where the networks of a region look.

    Parameters
    ----------
    title : what is told by the networks, such as ``sex from ap spine``; region : of the images.
    maps : by class.
    picture : (h, w) uint8 mean of the people's images, of the maps' size.
    body : (h, w) where a body is on it.
    n_pictures : in the maps; several of a person are averaged.
    target : (h, w) where the truth is known to lie; None on real images.
    """

    title: str
    region: str
    maps: GroupMaps
    picture: npt.NDArray[np.uint8]
    body: npt.NDArray[np.bool_]
    n_pictures: int
    target: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class SaliencyRequest:
    """Whose maps are made of which number.

    Parameters
    ----------
    title : what is told by the networks, such as ``sex from ap spine``.
    models : per fold, the file of the model.
    fold : by person, the fold in which they are held out.
    group : by person, the class from 0; NaN is left out.
    names : of the classes.
    question : the number of the network.
    size : height and width of the images that the network takes.
    side_inputs : name -> by person, the numbers that it takes beside the image.
    data_hash : of the images that it was trained on.
    model_hashes : per fold, what was recorded of the model's file.
    most : people of each class; seed : of the draw and of the shuffles.
    """

    title: str
    models: Sequence[Path]
    fold: pd.Series
    group: pd.Series
    names: tuple[str, ...]
    question: Question
    size: tuple[int, int]
    data_hash: str
    model_hashes: Sequence[str]
    side_inputs: Mapping[str, pd.Series]
    most: int = MOST_PEOPLE
    seed: int = 1


@dataclass(frozen=True)
class PersonMaps:
    """Maps of n participants, before they are averaged.

    Parameters
    ----------
    maps : (n, h, w); fold, group : (n,); image : (h, w) mean image; body : (h, w).
    """

    people: pd.Index
    maps: npt.NDArray[np.float32]
    fold: npt.NDArray[np.intp]
    group: npt.NDArray[np.intp]
    picture: npt.NDArray[np.uint8]
    body: npt.NDArray[np.bool_]
    n_pictures: int

    def mass_in(self, region: npt.NDArray[np.bool_]) -> MassShare:
        """How much of the saliency lies in a region (h, w)."""
        return mass_share(self.maps, region, self.body)


def person_maps(
    backend: Backend,
    cache: ImageCache,
    region: str,
    asked: SaliencyRequest,
    *,
    progress: Progress | None = None,
) -> PersonMaps:
    """Make the maps of a sample of participants, each by the model that never saw them.

    Raises
    ------
    InputError
        Nobody of a class has an image, or a model or question is refused by the backend.
    """
    pictures = _one_frame(region_pictures(cache, region), region, cache)
    known = asked.group.dropna().index.intersection(asked.fold.index)
    people = known.intersection(pd.Index(pictures.people)).sort_values()
    group = asked.group[people].to_numpy(np.intp)
    fold = asked.fold[people].to_numpy(np.intp)
    chosen = chosen_people(group, fold, most=asked.most, seed=asked.seed)
    people, group, fold = people[chosen], group[chosen], fold[chosen]
    place = people.get_indexer(pd.Index(pictures.people))
    rows = np.flatnonzero(place >= 0)
    place = place[rows]
    if not len(rows):
        raise InputError(f"saliency of {region}: expected participants with a class and an image")
    inputs: dict[str, Any] = {
        name: values[people].to_numpy(np.float32)[place][:, None]
        for name, values in asked.side_inputs.items()
    }
    inputs["image"] = ReducedPictures(pictures, rows, *asked.size).held()
    named = "\t".join([asked.data_hash, *people[place].astype(str)])
    made = held_out_maps(
        backend, asked.models, inputs, fold[place], asked.question,
        data_hash=hashlib.sha256(named.encode()).hexdigest()[:16], model_hashes=asked.model_hashes,
        progress=_said(progress, f"{asked.title}, where networks look, folds"),
    )  # fmt: skip
    mean = _person_means(made, place, len(people))
    small = ReducedPictures(pictures, rows, *made.shape[1:])
    picture = _mean_picture(small, pictures.white)
    background = 255.0 if cache.settings.invert else 0.0
    return PersonMaps(
        people, mean, fold, group, np.rint(picture).astype(np.uint8),
        body_of(picture, background=background), len(rows),
    )  # fmt: skip


def region_saliency(
    asked: SaliencyRequest, region: str, made: PersonMaps, *, n_shuffles: int = 500
) -> RegionSaliency:
    """Average the maps of participants by class.

    Raises
    ------
    InputError
        Maps of one class only.
    """
    maps = group_maps(
        made.maps, made.group, made.fold, asked.names, n_shuffles=n_shuffles, seed=asked.seed
    )
    return RegionSaliency(asked.title, region, maps, made.picture, made.body, made.n_pictures)


def training_saliency(
    backend: Backend,
    cache: ImageCache,
    trained: Trained,
    *,
    models: Path,
    most: int = MOST_PEOPLE,
    seed: int = 1,
    progress: Progress | None = None,
) -> list[RegionSaliency]:
    """Where the networks of a training of sex, case or another binary trait look, by region.

    Parameters
    ----------
    models : the folder that the training was written to; ``<region>/saliency.npz`` is added.
    """
    found = []
    kind = trained.people.task.head.kind
    if kind == "categorical":
        log.info(
            "%s: saliency maps are made for binary and numeric targets, not for classes",
            trained.task,
        )
        return []
    table = trained.people.table
    group, names = trained.people.targets.iloc[:, 0], trained.people.class_names
    if kind == "regression":
        first = trained.people.task.columns[0]
        group, names = (group > group.median()).where(group.notna()).astype(float), (
            f"lower half of {first}", f"upper half of {first}",
        )  # fmt: skip
    for region, fit in trained.fits.items():
        asked = SaliencyRequest(
            title=f"{trained.task} from {region.replace('_', ' ')}",
            models=fit.fit.models,
            fold=fit.scores["cnn_fold"].dropna(),
            group=group,
            names=names,
            question=Question(TARGET, index=1 if kind == "binary" else 0),
            size=(fit.network.height, fit.network.width),
            data_hash=fit.data_hash,
            model_hashes=fit.fit.model_hashes,
            side_inputs={name: table[name] for name in trained.people.side_inputs},
            most=most,
            seed=seed,
        )
        made = person_maps(backend, cache, region, asked, progress=progress)
        seen = region_saliency(asked, region, made)
        keep_saliency(seen, models / region / KEPT)
        found.append(seen)
    return found


def _one_frame(pictures: Pictures, region: str, cache: ImageCache) -> Pictures:
    """Pictures that can be laid over each other: of one side where sides are not mirrored."""
    sides = pictures.table["side"].value_counts() if "side" in pictures.table else pd.Series()
    named = sides[sides.index.isin(["left", "right"])]
    if region not in SIDED or cache.settings.mirror or len(named) < 2:
        return pictures
    side = str(named.idxmax())
    log.warning(
        "saliency of %s: left and right are not mirrored in this cache, so only the %d %s "
        "images are laid over each other",
        region, named.max(), side,
    )  # fmt: skip
    rows = np.flatnonzero(pictures.table["side"] == side)
    table = pictures.table.iloc[rows].reset_index(drop=True)
    return replace(pictures, table=table, rows=pictures.rows[rows])


def _person_means(
    maps: npt.NDArray[np.float32], place: npt.NDArray[np.intp], n: int
) -> npt.NDArray[np.float32]:
    total = np.zeros((n, *maps.shape[1:]), dtype=np.float32)
    np.add.at(total, place, maps)
    counts = np.bincount(place, minlength=n).astype(np.float32)
    return np.asarray(total / counts[:, None, None], dtype=np.float32)


def _mean_picture(pictures: ReducedPictures, white: float) -> npt.NDArray[np.float64]:
    """(h, w) mean over images and channels as levels of 255, read a few at a time."""
    total = np.zeros(pictures.shape[1:3])
    for start in range(0, len(pictures), 64):
        total += pictures[start : start + 64].mean(axis=-1, dtype=np.float64).sum(axis=0)
    return total / len(pictures) * (255 / white)


def _said(progress: Progress | None, step: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(step, done, total)


def keep_saliency(seen: RegionSaliency, path: Path) -> None:
    """Write what is drawn of a region: maps, image, body, and what they are of."""
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
