"""The cache on disk: one growing array of images per region, and an index.

``settings.json`` says how the arrays were made, ``index.tsv`` (:mod:`gwasbone.images.journal`)
what became of each file, ``<array>.npy`` holds the images (n, height, width) in the data type of
the settings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.display import Shown
from gwasbone.errors import InputError, UsageError, reads
from gwasbone.images import journal
from gwasbone.images.array_file import ArrayFile
from gwasbone.images.grey import Levels, white_of
from gwasbone.images.journal import Entry
from gwasbone.images.settings import ARRAYS, BODY_ARRAYS, ImageSettings

SETTINGS = "settings.json"
_OF_PICTURE = (
    "person", "visit", "region", "side", "view", "mirrored", "array", "row", "study_date",
    "instance_number", "sop_instance_uid", "height_px", "width_px", "white", "grey_minimum",
    "grey_maximum", "grey_levels", "kept_levels", "padded_pixels", "file", "content_sha256",
    "settings_hash",
)  # fmt: skip


@dataclass(frozen=True)
class Pictures:
    """Pictures of one kind, read from disk a few at a time.

    Parameters
    ----------
    table : one row per image, sorted by person and visit: ``person``, ``visit``, ``side``,
        ``mirrored``, ``file`` and the other columns of the index. People may have several.
    arrays : one (all, height, width) map per channel, of the cache's data type.
    rows : (n, channels) where each image lies in them.

    Examples
    --------
    >>> sources = gb.images.find_sources([example / "example_images"])
    >>> cache = gb.images.open_cache(gb.images.build_cache(sources, folder / "cache").folder)
    >>> hips = cache.pictures("hip", side="left")
    >>> hips.shape, hips[:16].dtype
    ((1, 672, 672, 1), dtype('uint8'))
    """

    table: pd.DataFrame
    arrays: tuple[Levels, ...]
    rows: npt.NDArray[np.int64]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(n, height, width, channels)."""
        _, height, width = self.arrays[0].shape
        return len(self.rows), height, width, len(self.arrays)

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8, uint16 or float32; black is 0."""
        return self.arrays[0].dtype

    @property
    def white(self) -> int:
        """The level of white: 255, 65,535 or 1."""
        return white_of(self.dtype)

    @property
    def people(self) -> npt.NDArray[np.object_]:
        """(n,) who is shown on each image."""
        return self.table["person"].to_numpy(object)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, which: Any, /) -> Levels:
        """(k, height, width, channels) for a slice, numbers or a mask; (height, width, channels)
        for one number."""
        rows = self.rows[which]
        channels = [array[rows[..., i]] for i, array in enumerate(self.arrays)]
        return np.stack(channels, axis=-1)


@dataclass(frozen=True, repr=False)
class ImageCache(Shown):
    """A folder of preprocessed images, stored as arrays.

    Parameters
    ----------
    folder : where it lies.
    settings : how the arrays were made.
    index : one row per image, sorted by array, person, visit and side; ``array`` and ``row``
        say where it lies, ``file`` where it came from.
    refusals : ``file``, ``reason``, ``sentence`` of the files that gave none.
    """

    folder: Path
    settings: ImageSettings
    index: pd.DataFrame
    refusals: pd.DataFrame

    @property
    def names(self) -> list[str]:
        """The arrays that have images."""
        return [name for name in ARRAYS if (self.index["array"] == home_of(name)).any()]

    def array(self, name: str) -> Levels:
        """(n, height, width) map of all images, in the order they were read.

        Raises
        ------
        InputError
            The cache has no such array.
        """
        if name not in self.names:
            raise InputError(
                f"expected an array of {self.folder}, got {name}: it has "
                f"{', '.join(self.names) or 'none'}"
            )
        n = int(self.index.loc[self.index["array"] == home_of(name), "row"].max()) + 1
        return array_file(self.folder, name, self.settings).mapped(n)

    def pictures(
        self, name: str, *, side: str | None = None, people: Iterable[str] | None = None
    ) -> Pictures:
        """Images of one array, sorted by participant and visit.

        Parameters
        ----------
        name : one of :attr:`names`.
        side : only ``left`` or only ``right`` ones.
        people : only these people's.
        """
        array = self.array(name)
        table = self._chosen(home_of(name), side, people)
        return Pictures(table, (array,), table[["row"]].to_numpy(np.int64))

    def body_channels(self, *, people: Iterable[str] | None = None) -> Pictures:
        """Whole bodies with channels skeleton, flesh and mixed (Le Goallec et al. 2021).

        A visit needs both images of the scan; of repeats the first instance counts. The table
        is that of the bone images.
        """
        arrays = tuple(self.array(n) for n in ("whole_body_skeleton", *BODY_ARRAYS[1::-1]))
        key = ["person", "visit"]
        bone, flesh = (
            self._chosen(name, None, people).drop_duplicates(key) for name in BODY_ARRAYS[:2]
        )
        both = bone.merge(flesh[[*key, "row"]], on=key, suffixes=("", "_flesh"))
        rows = both[["row", "row_flesh", "row"]].to_numpy(np.int64)
        return Pictures(both.drop(columns="row_flesh"), arrays, rows)

    def _chosen(self, array: str, side: str | None, people: Iterable[str] | None) -> pd.DataFrame:
        chosen = self.index["array"] == array
        if side is not None:
            chosen &= self.index["side"] == side
        if people is not None:
            chosen &= self.index["person"].isin({str(person) for person in people})
        return self.index[chosen].reset_index(drop=True)

    def headline(self) -> str:
        return f"ImageCache: {len(self.index):,} images, {self.folder}"

    def preview(self) -> pd.DataFrame:
        return self.index


@reads("an image cache", "folder")
def open_cache(folder: str | Path) -> ImageCache:
    """Open an image cache made by ``gwasbone images`` or :func:`gwasbone.images.build.build_cache`.

    A cache that is being extended can be opened: what was finished by now is there.

    Raises
    ------
    InputError
        No cache in the folder, or a damaged one: rows of the index that are negative, beyond the
        end of an array, or those of two files.
    """
    folder = Path(folder)
    settings = read_settings(folder)
    entries = read_index(folder, settings)
    return ImageCache(folder, settings, picture_table(entries), refusal_table(entries))


def array_file(folder: Path, name: str, settings: ImageSettings) -> ArrayFile:
    """Where an array of a cache lies, and what it holds."""
    frame = settings.frame_of(name)
    return ArrayFile(folder / f"{name}.npy", frame.height, frame.width, settings.dtype)


def read_index(folder: Path, settings: ImageSettings) -> list[Entry]:
    """The index of a cache, each image of which has a row of its own in its array.

    Raises
    ------
    InputError
        The index is none, or its rows are not those of the arrays; or an array is too short.
    """
    path = folder / journal.NAME
    entries = journal.read_entries(path)
    owners: dict[tuple[str, int], str] = {}
    faults = []
    for entry in entries:
        if entry.reason:
            continue
        place = (entry.array, entry.row)
        if home_of(entry.array) != entry.array or entry.array not in ARRAYS:
            faults.append(f"{entry.name} has the array {entry.array or 'none'}")
        elif entry.row < 0:
            faults.append(f"{entry.name} has row {entry.row}")
        elif place in owners:
            faults.append(f"{entry.name} and {owners[place]} have row {entry.row} of {place[0]}")
        owners[place] = entry.name
    if faults:
        more = f" and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise InputError(
            f"expected a row of its own for each image in {path}, {'; '.join(faults[:3])}{more}: "
            "the index was edited or is damaged; build the cache anew with --force"
        )
    for name in ARRAYS:
        rows = [row for array, row in owners if array == home_of(name)]
        array_file(folder, name, settings).check(max(rows, default=-1) + 1)
    return entries


def picture_table(entries: Iterable[Entry]) -> pd.DataFrame:
    """The index of :class:`ImageCache` from its lines."""
    table = pd.DataFrame([vars(e) | {"file": e.name} for e in entries if not e.reason])
    table = table.reindex(columns=list(_OF_PICTURE))
    number = pd.to_numeric(table["instance_number"], errors="coerce")
    keys = ["array", "person", "visit", "side", "_number", "file"]
    return table.assign(_number=number).sort_values(keys, ignore_index=True).drop(columns="_number")


def refusal_table(entries: Iterable[Entry]) -> pd.DataFrame:
    """``file``, ``reason``, ``sentence`` and what is known of person and region, sorted."""
    columns = ["file", "reason", "sentence", "person", "visit", "region", "side"]
    rows = [vars(e) | {"file": e.name} for e in entries if e.reason]
    return pd.DataFrame(rows).reindex(columns=columns).sort_values("file", ignore_index=True)


def home_of(name: str) -> str:
    """The array whose rows an array shares: a skeleton is made of each bone image."""
    return BODY_ARRAYS[0] if name == BODY_ARRAYS[2] else name


def read_settings(folder: Path) -> ImageSettings:
    """How the arrays of a cache were made.

    Raises
    ------
    InputError
        No cache in the folder, or settings that cannot be read.
    """
    path = folder / SETTINGS
    try:
        return ImageSettings.from_mapping(json.loads(path.read_text()))
    except FileNotFoundError:
        raise InputError(
            f"expected an image cache in {folder}, there is no {SETTINGS}: make one with "
            "`gwasbone images`"
        ) from None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, UsageError) as error:
        raise InputError(
            f"expected the settings of an image cache in {path} ({error}): build it anew with "
            "--force"
        ) from None
