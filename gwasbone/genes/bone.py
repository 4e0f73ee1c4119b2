"""Genes known for bone: the package's own hand-made list."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from gwasbone.errors import UsageError
from gwasbone.genes.table import Genes
from gwasbone.genome import BUILDS, chromosome_code


@cache
def _rows() -> pd.DataFrame:
    path = files("gwasbone") / "resources" / "bone_genes.tsv"
    with path.open(encoding="utf-8") as handle:
        table = pd.read_csv(
            handle, sep="\t", comment="#", keep_default_na=False, dtype={"chromosome": str}
        )
    return table.assign(chromosome=table["chromosome"].map(chromosome_code).astype(np.int16))


def bone_genes(build: str) -> pd.DataFrame:
    """Read the list of known bone genes on a genome build.

    Parameters
    ----------
    build : ``GRCh37`` or ``GRCh38``.

    Returns
    -------
    Columns ``gene``, ``aliases`` (earlier symbols, joined by commas), ``chromosome`` (code),
    ``start_bp`` and ``end_bp`` (1-based, both included, outwards to whole kilobases), ``strand``,
    ``known_for``, ``source``; sorted by place.

    Raises
    ------
    UsageError
        Another build.

    Examples
    --------
    >>> bone_genes("GRCh37").query("gene == 'SOST'")[["chromosome", "strand"]].values.tolist()
    [[17, '-']]
    """
    if build not in BUILDS:
        raise UsageError(f"bone genes: expected build GRCh37 or GRCh38, got {build}")
    rows = _rows()
    chosen = rows[rows["build"] == build].drop(columns="build")
    return chosen.sort_values(["chromosome", "start_bp"], ignore_index=True)


def known_bone_genes(build: str) -> Genes:
    """Read the known bone genes as :class:`Genes`, to search near variants."""
    table = bone_genes(build)
    return Genes(
        table[["chromosome", "start_bp", "end_bp", "strand"]].assign(
            name=table["gene"], biotype="protein_coding"
        ),
        build,
        "genes known for bone",
    )


def build_by_bone_genes(table: pd.DataFrame) -> str | None:
    """The build on which a table of genes places the genes known for bone; None if not plain.

    Parameters
    ----------
    table : columns ``chromosome``, ``start_bp``, ``end_bp`` and ``name``.

    Notes
    -----
    A gene counts where its two places are more than 20 kb apart; nine in ten have to agree, and
    one is enough.
    """
    places = table[["chromosome", "start_bp", "end_bp", "name"]]
    off = {}
    for build in BUILDS:
        known = bone_genes(build)
        names = (known["gene"] + "," + known["aliases"]).str.split(",")
        both = (
            known.assign(name=names)
            .explode("name")
            .merge(places, on=["chromosome", "name"], suffixes=("", "_given"))
        )
        start = (both["start_bp"] - both["start_bp_given"]).abs()
        end = (both["end_bp"] - both["end_bp_given"]).abs()
        # one end may be that of another transcript
        off[build] = both.assign(off=start.where(start < end, end)).groupby("gene")["off"].min()
    apart = pd.DataFrame(off).dropna()
    apart = apart[(apart["GRCh37"] - apart["GRCh38"]).abs() > 20_000]
    if apart.empty:
        return None
    on_37 = float((apart["GRCh37"] < apart["GRCh38"]).mean())
    if 0.1 < on_37 < 0.9:
        return None
    return "GRCh37" if on_37 >= 0.9 else "GRCh38"
