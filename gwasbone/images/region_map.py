"""Which pictures learn which measurement of bone."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import pandas as pd

from gwasbone.errors import InputError
from gwasbone.images.regions import Place

_COLUMNS = ("name", "region", "side")


@dataclass(frozen=True)
class RegionMap:
    """Measurements and the pictures they are learnt from.

    Parameters
    ----------
    table : ``name`` of the measurement, ``region`` and ``side`` of the picture (empty for none);
        one row per pair.
    """

    table: pd.DataFrame

    def images_of(self, measurement: str) -> list[Place]:
        """Regions and sides of the pictures that a measurement is learnt from.

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

    def measurements_of(self, region: str, side: str | None = None) -> list[str]:
        """Measurements learnt from pictures of a region; of both sides where none is named."""
        rows = self.table[self.table["region"] == region]
        if side is not None:
            rows = rows[rows["side"].isin([side, ""])]
        return list(rows["name"].unique())


def read_region_map(path: str | Path | None = None) -> RegionMap:
    """Read a map of measurements to pictures.

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
    try:
        with source.open(encoding="utf-8") as handle:
            table = pd.read_csv(handle, sep="\t", comment="#", dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"expected a region map in {source}: {error}") from None
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
