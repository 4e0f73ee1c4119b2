"""Results as the GWAS Catalog takes them: GWAS-SSF v1.0, its YAML sidecar, and what is left out.

The Catalog's validator refuses missing effects, standard errors and p-values, and alleles that
are not spelled in A, C, G, T. Variants of that kind go to a third file with a named status, so
that the two tables together always hold every variant of the scan.

References
----------
GWAS-SSF v1.0 (EBISPOT/gwas-summary-statistics-standard): the first eight columns have a fixed
order, ``neg_log_10_p_value`` may stand in the place of ``p_value``; missing is ``#NA``.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import yaml
from pyarrow import csv

from gwasbone.association.results_table import COLUMNS, canonical_table
from gwasbone.errors import InputError, UsageError
from gwasbone.files import atomic_path

MISSING = "#NA"
FILE_TYPE = "GWAS-SSF v1.0"

#: SSF column -> canonical column; the first eight have the order that the standard fixes.
SSF_COLUMNS = {
    "chromosome": "chromosome",
    "base_pair_location": "position_bp",
    "effect_allele": "effect_allele",
    "other_allele": "other_allele",
    "beta": "beta",
    "standard_error": "se",
    "effect_allele_frequency": "effect_allele_frequency",
    "neg_log_10_p_value": "neg_log10_p",
    "n": "n",
    "call_rate": "call_rate",
    "test": "test",
    "source_id": "source_id",
}

#: What a user may add to the sidecar, over what a scan knows of itself.
STUDY_FIELDS = frozenset(
    {
        "author_notes", "trait_description", "ontology_mapping", "genotyping_technology",
        "imputation_panel", "imputation_software", "sex", "sample_ancestry_category",
        "sample_ancestry", "ancestry_method", "minor_allele_freq_lower_limit",
    }
)  # fmt: skip

# The validator refuses a bare 0 in the p-value column (it takes it for an underflowed p), yet
# −log10(1) is 0. Ten to the power of −1e-17 is exactly 1 in float64.
_P_OF_ONE = 1e-17
_GZIP_LEVEL = 4
_ROWS_PER_CHUNK = 200_000


@dataclass(frozen=True)
class SsfPaths:
    """The three files of one trait."""

    data: Path
    metadata: Path
    untested: Path

    @classmethod
    def of(cls, stem: str | Path) -> SsfPaths:
        """``STEM.tsv.gz``, ``STEM.tsv.gz-meta.yaml`` and ``STEM.untested.tsv.gz``."""
        return cls(
            data=Path(f"{stem}.tsv.gz"),
            metadata=Path(f"{stem}.tsv.gz-meta.yaml"),
            untested=Path(f"{stem}.untested.tsv.gz"),
        )

    def __iter__(self):  # type: ignore[no-untyped-def]
        return iter((self.data, self.metadata, self.untested))


def write_ssf(
    table: pd.DataFrame,
    stem: str | Path,
    *,
    trait: str,
    build: str,
    provenance: Mapping[str, Any],
    study: Mapping[str, Any] | None = None,
) -> SsfPaths:
    """Write one trait as GWAS-SSF with its sidecar and the table of untested variants.

    The three files appear together once all are complete, the data file last; existing files
    are replaced. Floats are written with the 8 to 9 digits that identify a float32. The bytes
    depend on the table only.

    Parameters
    ----------
    table : canonical results table of the trait.
    stem : path without extension; files are named by ``SsfPaths.of``.
    trait : name of the trait.
    build : ``GRCh37`` or ``GRCh38``.
    provenance : as in ``AssociationResults``.
    study : further sidecar fields that the scan cannot know (``STUDY_FIELDS``).

    Returns
    -------
    SsfPaths.

    Raises
    ------
    UsageError
        Where ``study`` holds a field that the sidecar does not have.
    """
    with contextlib.ExitStack() as stack:
        return stage_ssf(
            stack, table, stem, trait=trait, build=build, provenance=provenance, study=study
        )


def stage_ssf(
    stack: contextlib.ExitStack,
    table: pd.DataFrame,
    stem: str | Path,
    *,
    trait: str,
    build: str,
    provenance: Mapping[str, Any],
    study: Mapping[str, Any] | None = None,
) -> SsfPaths:
    """As ``write_ssf``, but the files take their names when ``stack`` closes without error.

    So that several traits appear together or, after a failure, not at all.
    """
    paths = SsfPaths.of(stem)
    # The stack closes backwards: the data file, whose presence means "done", is renamed last.
    data = stack.enter_context(atomic_path(paths.data))
    untested = stack.enter_context(atomic_path(paths.untested))
    sidecar = stack.enter_context(atomic_path(paths.metadata))
    status = catalog_status(table)
    accepted = status == ""
    md5 = _write_table(table[accepted], data, _ssf_chunk)
    _write_table(table.assign(status=status)[~accepted], untested, _untested_chunk)
    fields = ssf_metadata(
        table[accepted], trait=trait, build=build, provenance=provenance, study=study,
        data_file_name=paths.data.name, data_file_md5sum=md5,
    )  # fmt: skip
    sidecar.write_text(yaml.safe_dump(fields, sort_keys=False, allow_unicode=True), "utf-8")
    return paths


def catalog_status(table: pd.DataFrame) -> npt.NDArray[np.object_]:
    """Why each variant cannot go into a GWAS-SSF file, '' where it can.

    The table's own status where set; else ``symbolic_allele`` (``<DEL>``, ``*``, breakends),
    ``non_acgt_allele`` (``N``, ``I``/``D``), or ``not_finite`` (a number is missing).
    """
    status = table["status"].to_numpy(dtype=object).copy()
    numbers = table[["beta", "se", "effect_allele_frequency", "neg_log10_p"]].to_numpy()
    status[(status == "") & ~np.isfinite(numbers).all(axis=1)] = "not_finite"
    for name, pattern in (("non_acgt_allele", r"^[ACGTacgt]+$"), ("symbolic_allele", r"^[^<>\[\]*]*$")):
        for allele in ("other_allele", "effect_allele"):
            fits = pc.match_substring_regex(pa.array(table[allele], pa.string()), pattern)
            odd = ~fits.to_numpy(zero_copy_only=False)
            status[odd & np.isin(status, ["", "non_acgt_allele", "not_finite"])] = name
    return status
