"""Regional plots of loci: what they show, kept as files, and drawn from them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from gwasbone.cohort.model import Cohort
from gwasbone.errors import InputError
from gwasbone.files import atomic_path
from gwasbone.genes.bone import bone_genes
from gwasbone.genes.table import Genes
from gwasbone.genome import chromosome_label
from gwasbone.loci.loci import Loci
from gwasbone.loci.regional import Region, region_around
from gwasbone.progress import counted_progress
from gwasbone.sumstats.scan import Scans
from gwasbone.tables import write_table

if TYPE_CHECKING:
    from gwasbone.plots.page import Sections

_REGIONS, _VARIANTS, _GENES = "regions.tsv", "variants.parquet", "genes.parquet"
_EXONS, _RATES = "exons.parquet", "recombination.parquet"


@dataclass(frozen=True)
class RegionalPlots:
    """What the regional plots of some loci show.

    Parameters
    ----------
    table : a row per plot: ``title``, ``trait``, ``chromosome`` (code), ``start_bp``, ``end_bp``,
        ``lead`` (row among the plot's variants), ``p`` (the level drawn).
    variants : ``plot`` (row of ``table``) and the columns of a results table and ``r2``.
    genes : ``plot``, ``name``, ``start_bp``, ``end_bp``, ``strand``, ``is_known``; None where no
        genes were given.
    exons : ``plot``, ``gene`` (row among the plot's genes), ``start_bp``, ``end_bp``.
    recombination : ``plot``, ``position_bp``, ``cm_per_mb``; None without a genetic map.
    """

    table: pd.DataFrame
    variants: pd.DataFrame
    genes: pd.DataFrame | None
    exons: pd.DataFrame | None
    recombination: pd.DataFrame | None

    def write(self, folder: Path) -> None:
        """Keep it as files of a folder that is made."""
        folder.mkdir(parents=True, exist_ok=True)
        write_table(self.table, folder / _REGIONS, index=False)
        tables = {
            _VARIANTS: self.variants, _GENES: self.genes, _EXONS: self.exons,
            _RATES: self.recombination,
        }  # fmt: skip
        for name, table in tables.items():
            if table is not None:
                with atomic_path(folder / name) as temporary:
                    table.to_parquet(temporary, index=False)

    @classmethod
    def read(cls, folder: Path) -> RegionalPlots:
        """What :meth:`write` kept.

        Raises
        ------
        InputError
            The folder holds no such files.
        """
        if not (folder / _REGIONS).is_file():
            raise InputError(f"{folder}: expected what regional plots show, no {_REGIONS}")
        some = {
            name: pd.read_parquet(folder / name) if (folder / name).is_file() else None
            for name in (_GENES, _EXONS, _RATES)
        }
        return cls(
            pd.read_csv(folder / _REGIONS, sep="\t", dtype={"title": str, "trait": str}),
            pd.read_parquet(folder / _VARIANTS),
            some[_GENES], some[_EXONS], some[_RATES],
        )  # fmt: skip

    def sections(self) -> Sections:
        """A heading and a figure for each plot."""
        from gwasbone.plots.regional import regional

        return [
            (
                str(row["title"]),
                regional(
                    _of(self.variants, plot), lead=int(row["lead"]), title=str(row["trait"]),
                    start_bp=int(row["start_bp"]), end_bp=int(row["end_bp"]),
                    genes=_of(self.genes, plot), exons=_of(self.exons, plot),
                    recombination=_of(self.recombination, plot), genome_wide=float(row["p"]),
                ),
            )
            for plot, row in self.table.iterrows()
        ]  # fmt: skip


def regional_plots(
    found: Loci,
    scans: Scans,
    cohort: Cohort | None,
    *,
    n: int,
    genes: Genes | None = None,
    recombination: pd.DataFrame | None = None,
    window_kb: float = 500,
    level: float = 5e-8,
) -> RegionalPlots:
    """What the regional plots of the strongest loci show.

    Each locus once, in the scan where its lead has the smallest p.

    Parameters
    ----------
    scans : those that the loci were found in.
    cohort : genotypes to take r² from; none is known without.
    n : how many loci at most.
    genes, recombination : from :func:`gwasbone.genes.files.read_genes` and
        :func:`gwasbone.genes.genetic_map.read_genetic_map`.
    window_kb : how far to either side of the lead.
    level : p-value at which a line is drawn.
    """
    ranked = found.table.sort_values("neg_log_10_p_value", ascending=False, kind="stable")
    chosen = ranked.drop_duplicates("locus").head(n)
    regions: dict[int, tuple[Region, str]] = {}
    with counted_progress() as progress:
        # a scan is read once, however many of its loci are drawn
        for trait, rows in chosen.groupby("trait", sort=False):
            scan = scans[str(trait)].table()
            for index, lead in rows.iterrows():
                row = {str(name): value for name, value in lead.items()}
                regions[int(str(index))] = (
                    region_around(
                        scan, row, cohort, build=found.build, trait=str(trait),
                        window_kb=window_kb,
                    ),
                    _title(row),
                )  # fmt: skip
                if progress is not None:
                    progress("regions", len(regions), len(chosen))
    ordered = [regions[int(index)] for index in chosen.index]
    plots = _collected(ordered, genes, recombination, found.build)
    return replace(plots, table=plots.table.assign(p=level))


def _collected(
    regions: list[tuple[Region, str]],
    genes: Genes | None,
    recombination: pd.DataFrame | None,
    build: str,
) -> RegionalPlots:
    known = set(bone_genes(build)["gene"])
    table, variants, near, exons, rates = [], [], [], [], []
    for plot, (r, title) in enumerate(regions):
        table.append((title, r.trait, r.chromosome, r.start_bp, r.end_bp, r.lead))
        variants.append(r.variants.assign(plot=plot))
        if genes is not None:
            here = genes.within(r.chromosome, r.start_bp, r.end_bp)
            columns = here.table[["name", "start_bp", "end_bp", "strand"]]
            near.append(columns.assign(is_known=here.table["name"].isin(known), plot=plot))
            exons.append(here.exons.assign(plot=plot))
        if recombination is not None:
            rates.append(_rates_in(recombination, r).assign(plot=plot))
    names = ["title", "trait", "chromosome", "start_bp", "end_bp", "lead"]
    has_exons = genes is not None and len(genes.exons) > 0
    return RegionalPlots(
        pd.DataFrame(table, columns=names),
        pd.concat(variants, ignore_index=True) if variants else pd.DataFrame({"plot": []}),
        pd.concat(near, ignore_index=True) if near else None,
        pd.concat(exons, ignore_index=True) if has_exons and exons else None,
        pd.concat(rates, ignore_index=True) if rates else None,
    )


def _rates_in(recombination: pd.DataFrame, region: Region) -> pd.DataFrame:
    """The rates of a region, with the one that holds at its start."""
    of_chromosome = recombination[recombination["chromosome"] == region.chromosome]
    position = of_chromosome["base_pair_location"].to_numpy()
    # a little more than the region, for the margins of the picture
    first = max(0, int(position.searchsorted(region.start_bp - 50_000)) - 1)
    last = int(position.searchsorted(region.end_bp + 50_000))
    return of_chromosome.iloc[first:last]


def _title(row: dict[str, object]) -> str:
    place = f"{chromosome_label(int(str(row['chromosome'])))}:{row['base_pair_location']:,}"
    bone = row["known_bone_genes"]
    gene = row["nearest_gene"] if row["nearest_gene"] is not None else None
    words = [f"near {gene}"] if gene else []
    if bone:
        words.append(f"bone genes {str(bone).replace(',', ', ')}")
    about = f" ({'; '.join(words)})" if words else ""
    return f"{row['trait']}: {place}{about}"


def _of(table: pd.DataFrame | None, plot: object) -> pd.DataFrame | None:
    if table is None:
        return None
    return table[table["plot"] == plot].drop(columns="plot").reset_index(drop=True)
