"""Which images learn which measurement of bone."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pandas as pd

from gwasbone.errors import InputError, reads
from gwasbone.images.regions import REGIONS, SIDED, SIDES, Place
from gwasbone.tables import read_cells

_COLUMNS = ("name", "region", "side")


@dataclass(frozen=True)
class RegionMap:
    """Bone measurements and the body regions of the images that show them.

    Parameters
    ----------
    table : ``name`` of the measurement, ``region`` and ``side`` of the image (empty for none);
        one row per pair.
    """

    table: pd.DataFrame

    def images_of(self, measurement: str) -> list[Place]:
        """Regions and sides of the images that a measurement is learnt from.

        Raises
        ------
        InputError
            The map has no such measurement.

        Examples
        --------
        >>> read_region_map().images_of("bmd_femur_neck_left")
        [Place(region='hip', side='left', view=None)]
        """
        rows = self.table[self.table["name"] == measurement]
        if rows.empty:
            names = self.table["name"].unique()
            near = difflib.get_close_matches(measurement, names, n=3, cutoff=0.5)
            raise InputError(
                f"expected a measurement of the region map, got {measurement}: the nearest are "
                f"{', '.join(near) or 'none'}"
            )
        return [Place(r, s or None) for r, s in zip(rows["region"], rows["side"], strict=True)]

    def measurement_in(self, trait: str) -> str | None:
        """The measurement that the name of a trait holds; None where it holds none.

        A name holds a measurement where it is that, or where letters and digits end at both its
        ends, as in ``resid_bmd_total`` and ``bmd_total.linear``; of several, the longest.

        Examples
        --------
        >>> read_region_map().measurement_in("resid_bmd_spine_l1_l4")
        'bmd_spine_l1_l4'
        """
        held = [
            name
            for name in self.table["name"].unique()
            if re.search(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", trait)
        ]
        return max(held, key=len, default=None)

    def regions_of(self, trait: str) -> tuple[str, ...]:
        """Names of the images' regions that a trait belongs to; () where no row has it.

        Examples
        --------
        >>> read_region_map().regions_of("resid_bmd_legs")
        ('left_knee', 'right_knee', 'whole_body')
        """
        measurement = self.measurement_in(trait)
        if measurement is None:
            return ()
        return tuple(region_name(place) for place in self.images_of(measurement))

    def measurements_of(self, region: str, side: str | None = None) -> list[str]:
        """Measurements learnt from images of a region; of both sides where none is named."""
        rows = self.table[self.table["region"] == region]
        if side is not None:
            rows = rows[rows["side"].isin([side, ""])]
        return list(rows["name"].unique())


#: Names of regions, as `gwasbone train --region` takes them: without a side, both.
REGION_NAMES = tuple(
    name for r in REGIONS for name in (r, *(f"{s}_{r}" for s in SIDES if r in SIDED))
)


def region_name(place: Place) -> str:
    """A region as the command line names it.

    >>> region_name(Place("hip", "left")), region_name(Place("ap_spine"))
    ('left_hip', 'ap_spine')
    """
    return f"{place.side}_{place.region}" if place.side else str(place.region)


@reads("a region map")
def read_region_map(path: str | Path | None = None) -> RegionMap:
    """Read a table that maps bone measurements to body regions of images.

    Parameters
    ----------
    path : tab-delimited with ``name``, ``region``, ``side`` (``none`` for no side), lines with
        ``#`` are remarks; None for ``resources/region_map.tsv``.

    Raises
    ------
    InputError
        No such file, other columns, a region or side that is none.
    """
    source = Path(path) if path is not None else files("gwasbone") / "resources" / "region_map.tsv"
    table = read_cells(Path(str(source)), what="a region map", comment="#")
    if tuple(table.columns) != _COLUMNS:
        raise InputError(
            f"expected columns {', '.join(_COLUMNS)} in {source}, got {', '.join(table.columns)}"
        )
    table["side"] = table["side"].replace("none", "")
    faults = []
    for name, region, side in table.itertuples(index=False, name=None):
        try:
            Place(region, side or None)
        except InputError as error:
            faults.append(f"{name}: {error}")
    faults += [f"{n} twice" for n in table.loc[table.duplicated(), "name"].unique()]
    if faults:
        raise InputError(f"region map {source}: {'; '.join(faults)}")
    return RegionMap(table)
