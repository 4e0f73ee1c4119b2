"""Principal components of any source by Hail's ``hwe_normalized_pca``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.cohort.model import VARIANT_COLUMNS, VARIANT_KEY, Cohort
from gwasbone.cohort.selected import autosomal_calls
from gwasbone.cohort.sources.tables import chromosome_codes
from gwasbone.session import hail, temporary_path

_CALLS_PER_PARTITION = 5_000_000


def hail_components(
    cohort: Cohort, mask: npt.NDArray[np.bool_], k: int
) -> tuple[npt.NDArray[np.float64], pd.DataFrame, pd.DataFrame]:
    """Eigenvalues, scores and loadings, signs as they come; see :mod:`gwasbone.cohort.pca`."""
    hl = hail()
    # Read once for each Lanczos step: what is selected is a small part of the file, and every
    # partition is a task each time.
    mt = autosomal_calls(cohort, mask).checkpoint(temporary_path("components") + ".mt")
    calls = cohort.people.n_kept * int(mask.sum())
    mt = mt.naive_coalesce(1 + calls // _CALLS_PER_PARTITION)
    mt = mt.annotate_rows(frequency=hl.agg.mean(mt.GT.n_alt_alleles()) / 2)
    eigenvalues, scores, loadings = hl.hwe_normalized_pca(mt.GT, k=k, compute_loadings=True)
    names = [f"PC{j + 1}" for j in range(k)]
    scores = scores.key_by()
    score_table = _numbers(scores, scores.scores, names, {"s": scores.s}).set_index("s")
    loadings = loadings.annotate(frequency=mt.index_rows(loadings.key).frequency).key_by()
    loading_table = _numbers(
        loadings,
        loadings.loadings,
        names,
        {
            "chromosome": loadings.locus.contig,
            "base_pair_location": loadings.locus.position,
            "ref": loadings.alleles[0],
            "alt": loadings.alleles[1],
            "frequency": hl.format("%.14e", loadings.frequency),
        },
    )
    score_table = score_table[names].reindex(cohort.people.kept_table().index)
    return np.array(eigenvalues, dtype=float), score_table, _placed(loading_table, cohort, names)


def _numbers(table: Any, array: Any, names: list[str], others: dict[str, Any]) -> pd.DataFrame:
    """An array field of a Hail Table as columns; written in full, as Hail's export rounds."""
    hl = hail()
    path = Path(temporary_path("components") + ".tsv")
    numbers = {name: hl.format("%.14e", array[j]) for j, name in enumerate(names)}
    table.select(**others, **numbers).export(str(path))
    text = {"s": str, "chromosome": str, "ref": str, "alt": str}
    frame = pd.read_csv(path, sep="\t", dtype=text, keep_default_na=False)
    path.unlink()
    return frame


def _placed(loadings: pd.DataFrame, cohort: Cohort, names: list[str]) -> pd.DataFrame:
    """Loadings in the order, and with the index, of the variant table."""
    loadings["chromosome"] = chromosome_codes(loadings["chromosome"])
    table = cohort.variants.table[list(VARIANT_COLUMNS)].rename_axis("variant").reset_index()
    both = table.merge(loadings, on=VARIANT_KEY, how="inner").set_index("variant")
    return both[[*VARIANT_COLUMNS, "frequency", *names]]
