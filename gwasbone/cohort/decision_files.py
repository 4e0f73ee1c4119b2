"""Decisions about samples and variants as files: reasons, lists of those kept, funnels."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa

from gwasbone.cohort.masks import MaskedTable
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.subsets import variant_names
from gwasbone.errors import InputError
from gwasbone.files import atomic_path
from gwasbone.tables import write_lines, write_pieces, write_table


def write_decisions(table: MaskedTable, path: Path) -> None:
    """Write all rows with their columns and the reasons that exclude them, as gzipped TSV."""
    write_pieces(
        (
            piece.table.assign(excluded_by=piece.reasons().replace("", "NA"))
            for piece in table.pieces()
        ),
        path,
    )


def write_keep(cohort: Cohort, prefix: Path) -> None:
    """Write ``PREFIX.keep.txt``: FID and IID of the retained samples, as ``--keep`` takes them."""
    people = cohort.people.kept_table()
    with atomic_path(Path(f"{prefix}.keep.txt")) as temporary:
        people[["fid", "iid"]].to_csv(temporary, sep="\t", index=False, header=False)


def write_lists(cohort: Cohort, prefix: Path) -> None:
    """Write ``PREFIX.keep.txt``, and ``PREFIX.extract.txt`` with chr:pos:ref:alt."""
    write_keep(cohort, prefix)
    pieces = (variant_names(piece.kept_table()) for piece in cohort.variants.pieces())
    write_lines((pa.array(names, pa.string()) for names in pieces), Path(f"{prefix}.extract.txt"))


def write_funnels(cohort: Cohort, path: Path) -> None:
    """Write the funnels of samples and variants as one table."""
    parts = [t.funnel().assign(of=t.noun) for t in (cohort.people, cohort.variants)]
    write_table(pd.concat(parts), path, index=False)


def refuse_nothing_kept(cohort: Cohort) -> None:
    """Refuse a cohort of which decisions keep no sample, or no variant.

    Raises
    ------
    InputError
        With the reasons and how many each removed.
    """
    for table in (cohort.people, cohort.variants):
        if table.n_kept == 0:
            raise InputError(
                f"expected {table.label} to remain after quality control, none do: "
                f"{funnel_summary(table)}: loosen the thresholds, or look at the data"
            )


def funnel_summary(table: MaskedTable) -> str:
    """Who is left and what removed the others, in one line."""
    funnel = table.funnel()
    removed = funnel[funnel["removed"] > 0]
    parts = [f"{row.reason} {row.removed:,}" for row in removed.itertuples()]
    why = f" (removed: {', '.join(parts)})" if parts else ""
    return f"{table.n_kept:,} of {len(table):,} {table.label} kept{why}"
