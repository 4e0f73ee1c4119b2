"""Regions of long-range linkage disequilibrium, which distort principal components."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import UsageError
from gwasbone.genome import BUILDS


@cache
def _all_regions() -> pd.DataFrame:
    path = files("gwasbone") / "resources" / "long_range_ld.tsv"
    with path.open(encoding="utf-8") as handle:
        return pd.read_csv(handle, sep="\t", keep_default_na=False)


def long_range_ld(build: str) -> pd.DataFrame:
    """The regions of ``resources/long_range_ld.tsv`` on one build.

    Parameters
    ----------
    build : ``GRCh37`` or ``GRCh38``.

    Returns
    -------
    Columns ``chromosome``, ``start_bp``, ``end_bp`` (1-based, both included), ``source``, ``note``;
    sorted.

    Raises
    ------
    UsageError
        Another build.

    Examples
    --------
    >>> long_range_ld("GRCh37").query("note == 'HLA'")[["start_bp", "end_bp"]].values.tolist()
    [[25000000, 33500000]]
    """
    if build not in BUILDS:
        raise UsageError(f"long-range LD regions: expected build GRCh37 or GRCh38, got {build}")
    regions = _all_regions()
    chosen = regions[regions["build"] == build].drop(columns="build")
    return chosen.sort_values(["chromosome", "start_bp"], ignore_index=True)


def in_long_range_ld(
    chromosome: npt.ArrayLike, position_bp: npt.ArrayLike, build: str
) -> npt.NDArray[np.bool_]:
    """(m,) True for variants inside a region of long-range LD.

    Parameters
    ----------
    chromosome, position_bp : (m,) integers; codes of :mod:`gwasbone.genome`, 1-based positions.
    """
    codes, position = np.asarray(chromosome), np.asarray(position_bp)
    inside = np.zeros(len(codes), dtype=bool)
    for region in long_range_ld(build).itertuples():
        inside |= (
            (codes == region.chromosome)
            & (position >= region.start_bp)
            & (position <= region.end_bp)
        )
    return inside
