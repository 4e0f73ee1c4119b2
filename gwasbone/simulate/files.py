"""The files of a simulated cohort, which appear together; hard calls as block-gzipped VCF."""

from __future__ import annotations

import dataclasses
import json
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone import genome
from gwasbone.errors import GwasboneError, UsageError
from gwasbone.files import staged_outputs
from gwasbone.simulate.genotypes import SimulatedGenotypes
from gwasbone.simulate.phenotypes import SimulatedPhenotypes
from gwasbone.simulate.settings import SimulationSettings

#: Genotype formats and the files of each.
FORMATS: dict[str, tuple[str, ...]] = {
    "plink": ("genotypes.bed", "genotypes.bim", "genotypes.fam"),
    "vcf": ("genotypes.vcf.bgz",),
}
PHENOTYPES, COVARIATES = "phenotypes.tsv", "covariates.tsv"
TRUTH = (
    "truth/causal_variants.tsv",
    "truth/genetic_values.tsv",
    "truth/ancestry.tsv",
    "truth/relatives.tsv",
    "truth/people_faults.tsv",
    "truth/variant_faults.tsv",
    "truth/settings.json",
)


def output_names(formats: Sequence[str]) -> list[str]:
    """The files that a simulation writes, relative to its folder; the settings come last.

    Raises
    ------
    UsageError
        When a format is none of ``FORMATS``.
    """
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise UsageError(f"simulate: formats must be some of {', '.join(FORMATS)}, got {unknown}")
    genotypes = [file for name in formats for file in FORMATS[name]]
    return [*genotypes, PHENOTYPES, COVARIATES, *TRUTH]


@contextmanager
def all_or_nothing(out_dir: Path, names: Sequence[str]) -> Iterator[Path]:
    """A hidden folder beside the results; on a clean exit its files take their final names.

    Whatever kills the run, no file under a final name is half written. An exception removes the
    hidden folder and a failing disk becomes a one-line error.

    Raises
    ------
    GwasboneError
        When the folder cannot be made or written.
    """
    try:
        with staged_outputs(out_dir, names, command="simulate", force=True) as staging:
            (staging.files / "truth").mkdir()
            yield staging.files
            staging.commit()
    except OSError as error:
        raise GwasboneError(
            f"simulate: could not write to {out_dir} ({error.strerror or error}): nothing was "
            "kept; free some space or choose another folder"
        ) from error


def write_plink(prefix: Path, genotypes: SimulatedGenotypes) -> None:
    """Write ``prefix``.bed/.bim/.fam; A1 is ALT, chromosome X is 23, the sex is the reported one.

    References
    ----------
    https://www.cog-genomics.org/plink/1.9/formats
    """
    import bed_reader

    variants, people = genotypes.variants, genotypes.people
    bed_reader.to_bed(
        f"{prefix}.bed",
        genotypes.G.T,
        properties={
            "fid": people["fid"].to_numpy(),
            "iid": people["iid"].to_numpy(),
            "father": np.full(len(people), "0"),
            "mother": np.full(len(people), "0"),
            "sex": np.where(people["reported_is_male"], 1, 2),
            "pheno": np.full(len(people), "-9"),
            "chromosome": variants["chromosome"].astype(str).to_numpy(),
            "sid": variants["source_id"].to_numpy(),
            "cm_position": np.zeros(len(variants)),
            "bp_position": variants["base_pair_location"].to_numpy(),
            "allele_1": variants["effect_allele"].to_numpy(),
            "allele_2": variants["other_allele"].to_numpy(),
        },
    )


def write_tables(
    folder: Path,
    genotypes: SimulatedGenotypes,
    phenotypes: SimulatedPhenotypes,
    settings: SimulationSettings,
) -> None:
    """Write the phenotype and covariate tables and everything under ``truth/``."""
    people, variants = genotypes.people, genotypes.variants
    ancestry = people.assign(
        genetic_sex=np.where(people["is_male"], "man", "woman"),
        reported_sex=np.where(people["reported_is_male"], "man", "woman"),
    ).rename(columns={"fid": "FID", "iid": "IID"})
    tables = {
        PHENOTYPES: phenotypes.phenotypes,
        COVARIATES: phenotypes.covariates,
        "truth/causal_variants.tsv": phenotypes.causal_variants,
        "truth/genetic_values.tsv": phenotypes.genetic_values,
        "truth/ancestry.tsv": ancestry[
            ["FID", "IID", "ancestry", "genetic_sex", "reported_sex", "array"]
        ],
        "truth/relatives.tsv": genotypes.relatives,
        "truth/people_faults.tsv": ancestry.loc[people["fault"] != "", ["FID", "IID", "fault"]],
        "truth/variant_faults.tsv": variants.loc[variants["fault"] != ""],
    }
    for name, table in tables.items():
        _write_tsv(folder / name, table)
    text = json.dumps(dataclasses.asdict(settings), indent=2)
    (folder / "truth/settings.json").write_text(text + "\n")


def _write_tsv(path: Path, table: pd.DataFrame) -> None:
    if "chromosome" in table:
        labels = table["chromosome"].map(genome.chromosome_label)
        table = table.assign(chromosome=labels)
    table.to_csv(path, sep="\t", index=False, na_rep="NA", float_format="%.8g")


# SAM specification v1, section 4.1: blocks hold less than 64 KiB, and an empty one ends the file.
_BLOCK_BYTES = 65_280
_END_OF_FILE = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_ROWS = 256


class BgzfWriter:
    """A binary stream that writes BGZF, the gzip of blocks that tabix, bcftools and Hail index.

    The end-of-file block is written only on a clean exit, so that readers notice a cut file.
    """

    def __init__(self, path: str | os.PathLike[str], *, level: int = 1) -> None:
        self._stream: BinaryIO = Path(path).open("wb")  # noqa: SIM115 (closed in __exit__)
        self._pending = bytearray()
        self._level = level

    def write(self, data: bytes) -> None:
        """Add ``data``; full blocks go to the file at once."""
        self._pending += data
        full = len(self._pending) - len(self._pending) % _BLOCK_BYTES
        for start in range(0, full, _BLOCK_BYTES):
            self._write_block(self._pending[start : start + _BLOCK_BYTES])
        del self._pending[:full]

    def _write_block(self, data: bytes | bytearray) -> None:
        squeeze = zlib.compressobj(self._level, zlib.DEFLATED, -15)
        body = squeeze.compress(data) + squeeze.flush()
        if len(body) > 65_535 - 26:
            # Data that deflate makes larger are stored, one stored block holding up to 65,535.
            body = b"\x01" + struct.pack("<HH", len(data), len(data) ^ 0xFFFF) + bytes(data)
        head = struct.pack("<4BI2BH2B2H", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(body) + 25)
        tail = struct.pack("<2I", zlib.crc32(data), len(data))
        self._stream.write(head + body + tail)

    def __enter__(self) -> BgzfWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stream:
            if kind is None:
                if self._pending:
                    self._write_block(self._pending)
                self._stream.write(_END_OF_FILE)


def write_vcf(
    path: str | os.PathLike[str],
    G: npt.NDArray[np.int8],
    variants: pd.DataFrame,
    iids: npt.NDArray,
    *,
    is_male: npt.NDArray[np.bool_],
    build: str,
    progress: Callable[[str, int, int], None] | None = None,
) -> None:
    """Write unphased genotypes; men are haploid on X outside the pseudo-autosomal regions.

    Parameters
    ----------
    G : (m, n) int8 dosage of ALT; negative = missing; men 0 or 2 where they are haploid.
    variants : m rows with ``chromosome position_bp source_id other_allele effect_allele``;
        ``other_allele`` becomes REF, ``effect_allele`` ALT. Simulated alleles do not follow the
        reference sequence of ``build``.
    iids : (n,) sample names.
    is_male : (n,) who is haploid on X.
    """
    chromosome = variants["chromosome"].to_numpy()
    haploid_rows = genome.in_x_non_par(chromosome, variants["base_pair_location"].to_numpy(), build)
    prefixes = [
        f"{genome.chromosome_label(c)}\t{p}\t{i}\t{ref}\t{alt}\t.\tPASS\t.\tGT".encode()
        for c, p, i, ref, alt in zip(
            chromosome.tolist(),
            variants["base_pair_location"].tolist(),
            variants["source_id"],
            variants["other_allele"],
            variants["effect_allele"],
            strict=True,
        )
    ]
    # Four bytes per call as one number; haploid calls keep the first two.
    diploid = _lookup({0: b"\t0/0", 1: b"\t0/1", 2: b"\t1/1"}, missing=b"\t./.")
    haploid = _lookup({0: b"\t0  ", 2: b"\t1  "}, missing=b"\t.  ")
    kept_bytes = np.ones((len(iids), 4), dtype=bool)
    kept_bytes[is_male, 2:] = False
    with BgzfWriter(path) as stream:
        stream.write(_header(chromosome, iids, build))
        for start in range(0, len(G), _ROWS):
            lines = []
            for row in range(start, min(start + _ROWS, len(G))):
                codes = G[row].view(np.uint8)
                text = diploid[codes]
                if haploid_rows[row]:
                    text = np.where(is_male, haploid[codes], text)
                    calls = text.view(np.uint8).reshape(-1, 4)[kept_bytes].tobytes()
                else:
                    calls = text.tobytes()
                lines.append(prefixes[row] + calls)
            stream.write(b"\n".join(lines) + b"\n")
            if progress is not None:
                progress("VCF", min(start + _ROWS, len(G)), len(G))


def _lookup(calls: dict[int, bytes], *, missing: bytes) -> npt.NDArray[np.uint32]:
    table = np.frombuffer(missing * 256, dtype=np.uint32).copy()
    for dosage, text in calls.items():
        table[dosage] = np.frombuffer(text, dtype=np.uint32)[0]
    return table


def _header(chromosome: npt.NDArray, iids: npt.NDArray, build: str) -> bytes:
    lines = ["##fileformat=VCFv4.2", "##source=gwasbone simulate", f"##reference={build}"]
    lines += [
        f"##contig=<ID={genome.chromosome_label(c)},length={genome.LENGTHS_BP[build][c]},"
        f"assembly={build}>"
        for c in np.unique(chromosome).tolist()
    ]
    lines.append('##FILTER=<ID=PASS,Description="All filters passed">')
    lines.append('##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">')
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *iids]
    return ("\n".join(lines) + "\n" + "\t".join(columns) + "\n").encode()
