"""VCF and BCF files: checked, read once into packed blocks, and read from these ever after."""

from __future__ import annotations

import glob
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow.parquet as pq

from gwasbone.cohort.sources.kept_blocks import kept_folder
from gwasbone.cohort.sources.left_align import Fasta
from gwasbone.cohort.sources.source import (
    CallReader,
    Capabilities,
    GenotypeReader,
    Genotypes,
    Participants,
    ReadOptions,
    Source,
)
from gwasbone.cohort.sources.tables import TEXT, build_people_table, build_variant_table
from gwasbone.cohort.sources.vcf_blocks import CALLS, DOSAGES, SAMPLES, VARIANTS, write_blocks
from gwasbone.cohort.sources.vcf_header import (
    VcfHeader,
    build_of,
    read_header,
    refuse_other_samples,
)
from gwasbone.errors import InputError

log = logging.getLogger(__name__)

#: Dosages up to this are of one copy.
_ONE_COPY = 1.001


@dataclass(frozen=True)
class VcfSource(Source):
    """Genotypes of one VCF or BCF, or of several with the same samples, in packed blocks.

    ``variants`` of the cohort carry ``file`` (index into ``folders``), ``row`` (of the packed
    calls), ``dosage`` and ``top`` (row of the dosages, −1 without, and units of two copies) and
    ``untold`` (variants on X of which nothing tells the number of copies that a dosage is of).

    Parameters
    ----------
    files : the VCFs.
    folders : with the blocks of each.
    has_dosages : whether any variant has.
    untold_most : (N,) each sample's greatest dosage at ``untold`` variants; nothing where there
        are no such.
    """

    files: tuple[str, ...]
    folders: tuple[Path, ...]
    has_dosages: bool
    untold_most: tuple[float, ...] = field(default=(), repr=False)

    format_name: ClassVar[str] = "VCF"
    place_columns: ClassVar[tuple[str, ...]] = ("file", "row", "dosage", "top", "untold")
    reader_modules: ClassVar[tuple[str, ...]] = ("gwasbone.cohort.sources.kept_reader",)

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            calls=True,
            dosages=self.has_dosages,
            # what is known is deduced from the calls
            sex=False,
            genetic_map=False,
            blocks=True,
            matrix_table=True,
        )

    def describe(self) -> str:
        n = len(self.files)
        return self.files[0] + (f" and {n - 1} more VCFs" if n > 1 else "")

    def calls(self, people: Participants, *, as_filed: bool = False) -> CallReader:
        from gwasbone.cohort.sources.kept_reader import kept_calls

        beds = [folder / CALLS for folder in self.folders]
        return kept_calls(beds, people, doubled=self._doubled(people), as_filed=as_filed)

    def genotypes(self, people: Participants) -> GenotypeReader:
        from gwasbone.cohort.sources.bed_reader import PackedGenotypes
        from gwasbone.cohort.sources.kept_reader import KeptDosages, kept_calls

        if not self.has_dosages:
            return PackedGenotypes(self.calls(people))
        calls = kept_calls(
            [folder / CALLS for folder in self.folders], people,
            doubled=self._doubled(people), as_filed=True,
        )  # fmt: skip
        files = tuple(folder / DOSAGES for folder in self.folders)
        return KeptDosages(files, len(people.kept), calls, np.flatnonzero(people.kept), people.men)

    def _doubled(self, people: Participants) -> bool:
        """Whether men's dosages of unknown ploidy on X are of one copy: none is above 1."""
        if not self.untold_most or not people.men.any():
            return False
        most = np.asarray(self.untold_most)[people.kept]
        return bool(most[people.men].max() <= _ONE_COPY)

    def matrix_table(self, build: str, person_ids: list[str]) -> Any:
        from gwasbone.cohort.sources.matrix_table import with_person_ids
        from gwasbone.cohort.sources.vcf_matrix import import_blocks

        if build not in self._imported:
            self._imported[build] = import_blocks(self.folders, build, has_dosages=self.has_dosages)
        return with_person_ids(self._imported[build], person_ids)

    @cached_property
    def _imported(self) -> dict[str, Any]:
        """Build -> MatrixTable: the files are read by Hail once."""
        return {}


def read_vcf(pattern: str | list[str], options: ReadOptions) -> Genotypes:
    """The genotypes of one or several VCFs or BCFs with the same samples.

    Multiallelic sites are split (and left-aligned where a reference FASTA is given). A genotype is
    its dosage (``DS``), where that is missing the expectation of its probabilities (``GP``), and
    where those are missing its call (``GT``). The files are read once, into packed blocks that
    are kept in ``options.cache``, or in a temporary folder.

    Raises
    ------
    InputError
        Missing, truncated or malformed files, other samples in one of them, a build that the
        header contradicts, no build known at all.
    """
    paths = _expand(pattern)
    headers = [read_header(path) for path in paths]
    refuse_other_samples(headers)
    plain = [h.path for h in headers if h.compression == "gzip"]
    if plain:
        log.warning(
            "%d VCFs (%s ...) are plain gzip: a file is unpacked by one core; bgzip makes it "
            "parallel",
            len(plain), plain[0],
        )  # fmt: skip
    build = build_of(headers, options.build)
    fasta = None if options.reference_fasta is None else Fasta.open(options.reference_fasta)
    folders = [_blocks(header, build, fasta, options.cache) for header in headers]
    variants, sex, most = _tables(folders)
    dosages = bool((variants["dosage"] >= 0).any())
    untold = tuple(most.tolist()) if variants["untold"].any() else ()
    source = VcfSource(tuple(str(path) for path in paths), tuple(folders), dosages, untold)
    samples = pd.Series(headers[0].samples, dtype=str)
    people = build_people_table(
        pd.Series(["0"] * len(samples)) if options.id_rule == "iid" else samples,
        samples, _sex_from_ploidy(sex), id_rule=options.id_rule, where=source.describe(),
    )  # fmt: skip
    table = build_variant_table(variants, build=build, where=source.describe())
    return Genotypes(source, build, people, table)


def _blocks(header: VcfHeader, build: str, fasta: Fasta | None, cache: Path | None) -> Path:
    """The folder with the blocks of a file."""
    reference = None
    if fasta is not None:
        status = fasta.path.stat()
        reference = [str(fasta.path.absolute()), status.st_size, status.st_mtime_ns]
    return kept_folder(
        header.path, cache, {"build": build, "reference": reference},
        lambda folder: write_blocks(header, build, folder, fasta),
    )  # fmt: skip


def _expand(pattern: str | list[str]) -> list[Path]:
    parts = pattern.split(",") if isinstance(pattern, str) else pattern
    paths: list[Path] = []
    for part in map(str, parts):
        found = sorted(glob.glob(part)) if glob.has_magic(part) else [part]
        paths += [Path(p) for p in found]
    missing = [p for p in paths if not p.is_file()]
    if missing or not paths:
        raise InputError(f"--vcf {missing[0] if missing else pattern}: no such file")
    return paths


def _tables(
    folders: Sequence[Path],
) -> tuple[pd.DataFrame, npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The variants of all files; (3, N) counts of calls on X; greatest dosages of no ploidy."""
    tables, counts, most = [], [], []
    for i, folder in enumerate(folders):
        table = pq.read_table(folder / VARIANTS)
        # of categories, names of chromosomes and alleles are held once
        frame = pd.DataFrame(
            {
                "chromosome": table["chromosome"].to_pandas().astype(object),
                "source_id": pd.Series(pd.array(table["source_id"], dtype=TEXT)),
                "base_pair_location": table["base_pair_location"].to_numpy(),
                "ref": _shared(table["ref"]),
                "alt": _shared(table["alt"]),
            },
            copy=False,
        )
        if "info" in table.column_names:
            frame["info"] = table["info"].to_numpy()
        frame["file"] = np.int16(i)
        frame["row"] = np.arange(len(frame), dtype=np.int32)
        frame["dosage"] = table["dosage"].to_numpy().astype(np.int32)
        frame["top"], frame["untold"] = table["top"].to_numpy(), table["untold"].to_numpy()
        tables.append(frame)
        samples = pq.read_table(folder / SAMPLES)
        counts.append(np.stack([samples[name].to_numpy() for name in ("one", "two", "het")]))
        most.append(samples["untold"].to_numpy())
    variants = pd.concat(tables, ignore_index=True) if len(tables) > 1 else tables[0]
    return variants, np.sum(counts, axis=0), np.max(most, axis=0)


def _shared(column: Any) -> pd.Series:
    """Texts of which many are equal, as objects that are shared."""
    return column.dictionary_encode().to_pandas().astype(object)


def _sex_from_ploidy(counts: npt.NDArray[np.int64]) -> pd.Series:
    """Men have calls of one allele on X outside the pseudo-autosomal regions.

    Women are those with two, some of them heterozygous, where the files write men so. Where
    everybody has two alleles, nothing tells.
    """
    one, two, het = counts
    # a few half-calls among diploid ones are errors, not a man
    men = one > two
    women = ~men & (het > 0) & men.any()
    return pd.Series(np.select([men, women], [1, 2], 0).astype("int8"))
