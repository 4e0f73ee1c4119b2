"""PLINK 2 filesets (.pgen, .pvar, .psam) of any genotypes that are read in blocks."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.mapping import map_blocks
from gwasbone.blocks.pgen import header, header_bytes
from gwasbone.blocks.pgen_kernels import encode_records, plan_records
from gwasbone.cohort.sources.source import GenotypeReader, Genotypes, VariantBlock
from gwasbone.errors import InputError
from gwasbone.files import atomic_path
from gwasbone.genome import chromosome_label

log = logging.getLogger(__name__)

SUFFIXES = (".pgen", ".pvar", ".psam")


@dataclass(frozen=True)
class EncodedBlock:
    """Records of m variants, one after the other.

    Parameters
    ----------
    data : their bytes. sizes : (m,) of each. kinds : (m,) types of the records.
    """

    data: npt.NDArray[np.uint8]
    sizes: npt.NDArray[np.int64]
    kinds: npt.NDArray[np.uint8]


def write_pgen(genotypes: Genotypes, prefix: str | Path, *, threads: int | None = None) -> None:
    """Write the retained samples and variants as ``prefix.pgen``, ``.pvar`` and ``.psam``.

    Dosages are kept to 1/16,384. As in PLINK 2, the hard call of a dosage is the nearest whole
    number where that is at most 0.1 away, and missing elsewhere. What a participant's sex rules out
    is missing (heterozygous men on X outside the pseudo-autosomal regions; on Y everybody but men).
    The files appear together, when all three are complete.

    Parameters
    ----------
    genotypes : a cohort whose source is read in blocks.
    prefix : of the files, without extension.
    threads : cores to use; all by default.

    Raises
    ------
    InputError
        IDs of samples or variants that hold blanks.
    NotBuiltError
        The source cannot be read in blocks.

    Examples
    --------
    >>> from gwasbone.cohort.sources.pgen_files import write_pgen
    >>> write_pgen(gb.example_cohort(), folder / "copy")
    >>> gb.read_genotypes(pfile=folder / "copy", build="GRCh37")
    Cohort: 300 samples, 400 variants, GRCh37, PLINK 2 .pgen
    """
    people, variants = genotypes.people.kept_table(), genotypes.variants.kept_table()
    for noun, texts in (
        ("family and sample IDs", pd.concat([people["fid"], people["iid"]])),
        ("variant IDs", variants["source_id"]),
    ):
        blank = texts.astype(str).str.contains(r"\s|^$", regex=True)
        if blank.any():
            raise InputError(
                f"{prefix}: expected {noun} without blanks, got {texts[blank].iloc[0]!r} (in all "
                f"{int(blank.sum())}): rename them; a PLINK 2 file is separated by blanks"
            )
    reader = genotypes.source.genotypes(genotypes.participants)
    has_dosages = genotypes.source.capabilities.dosages
    with _whole(prefix) as (pgen, pvar, psam):
        with open(pgen, "wb") as stream:
            _write_records(stream, reader, variants, len(people), has_dosages, threads)
        _write_pvar(variants, pvar)
        columns = {"fid": "#FID", "iid": "IID", "sex": "SEX"}
        table = people[list(columns)].rename(columns=columns)
        table["SEX"] = table["SEX"].replace({0: "NA"}).astype(str)
        table.to_csv(psam, sep="\t", index=False)
    log.info("%s written to %s.pgen", genotypes.source.describe(), prefix)


@contextlib.contextmanager
def _whole(prefix: str | Path) -> Iterator[list[Path]]:
    """Paths to write the three at; they get their names once all are complete, the .pgen last."""
    with contextlib.ExitStack() as stack:
        paths = [Path(f"{prefix}{suffix}") for suffix in SUFFIXES]
        yield [stack.enter_context(atomic_path(path)) for path in paths]
        paths[0].unlink(missing_ok=True)


def _write_records(
    stream: IO[bytes],
    reader: GenotypeReader,
    variants: pd.DataFrame,
    n: int,
    has_dosages: bool,
    threads: int | None,
) -> None:
    """The header is written last, when the lengths of the records are known."""

    def encoded(block: VariantBlock) -> EncodedBlock:
        copies = reader.dosages(block.variants)
        sizes, kinds = np.empty(len(block), np.int64), np.empty(len(block), np.uint8)
        plan_records(copies, sizes, kinds)
        data = np.zeros(int(sizes.sum()), np.uint8)
        encode_records(copies, sizes, kinds, data)
        return EncodedBlock(data, sizes, kinds)

    most = (n + 3) // 4 + (2 * n if has_dosages else 0)
    length_bytes = max(1, (most.bit_length() + 7) // 8)
    stream.seek(header_bytes(len(variants), length_bytes))  # it is written last
    parts = []
    for found in map_blocks(encoded, reader.blocks(variants), threads=threads):
        stream.write(found.data)
        parts.append((found.sizes, found.kinds))
    sizes, kinds = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    stream.seek(0)
    stream.write(header(n, sizes, kinds, length_bytes))


def _write_pvar(variants: pd.DataFrame, path: Path) -> None:
    labels = {code: chromosome_label(code) for code in variants["chromosome"].unique()}
    table = pd.DataFrame(
        {
            "#CHROM": variants["chromosome"].map(labels),
            "POS": variants["base_pair_location"],
            "ID": variants["source_id"],
            "REF": variants["ref"],
            "ALT": variants["alt"],
        }
    )
    with open(path, "w", encoding="utf-8") as stream:
        if "info" in variants:
            stream.write(
                '##INFO=<ID=INFO,Number=1,Type=Float,Description="Imputation INFO score">\n'
            )
            score = variants["info"].map("INFO={:.6g}".format)
            table["INFO"] = score.where(variants["info"].notna(), ".")
        table.to_csv(stream, sep="\t", index=False)
