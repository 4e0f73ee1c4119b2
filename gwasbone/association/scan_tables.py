"""Tables of several scans by trait, each read when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import pandas as pd

from gwasbone.association.results import AssociationResults
from gwasbone.errors import InputError, UsageError
from gwasbone.sumstats.ssf import read_ssf
from gwasbone.sumstats.ssf_sidecar import sidecar_build


class ScanTables(Mapping[str, pd.DataFrame]):
    """Results tables by trait, of which one at a time is in memory.

    Parameters
    ----------
    traits : names, in order.
    read : gives the table of a trait.
    build : ``GRCh37``, ``GRCh38`` or None where unknown.
    """

    def __init__(
        self, traits: Iterable[str], read: Callable[[str], pd.DataFrame], build: str | None
    ) -> None:
        self._traits, self._read, self.build = tuple(traits), read, build

    def __getitem__(self, trait: str) -> pd.DataFrame:
        if trait not in self._traits:
            raise KeyError(trait)
        return self._read(trait)

    def __iter__(self) -> Iterator[str]:
        return iter(self._traits)

    def __len__(self) -> int:
        return len(self._traits)

    @classmethod
    def of_results(cls, results: AssociationResults) -> ScanTables:
        """The tables of a run."""
        return cls(results.traits, results.table, results.build)

    @classmethod
    def of_files(cls, traits: Mapping[str, Path]) -> ScanTables:
        """GWAS-SSF files by trait, on the build that their sidecars name.

        Raises
        ------
        InputError
            A file is missing.
        UsageError
            No file, or sidecars of different builds.
        """
        if not traits:
            raise UsageError("no scans: give GWAS-SSF files (PREFIX.TRAIT.tsv.gz)")
        for path in traits.values():
            if not path.is_file():
                raise InputError(f"{path}: no such file; expected a GWAS-SSF file (.tsv.gz)")
        builds = {path: sidecar_build(path) for path in traits.values()}
        known = {path: build for path, build in builds.items() if build is not None}
        if len(set(known.values())) > 1:
            words = ", ".join(f"{path} on {build}" for path, build in known.items())
            raise UsageError(f"expected scans on one build, got {words}")
        build = next(iter(known.values()), None)
        return cls(traits, lambda trait: read_ssf(traits[trait]), build)
