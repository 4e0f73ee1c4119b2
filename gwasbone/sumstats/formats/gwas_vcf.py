"""GWAS-VCF: a scan for each sample of a VCF, its numbers in FORMAT (ES, SE, LP, AF, SS, EZ).

References
----------
Lyon et al. (2021), Genome Biology 22:32; specification 1.1 (MRCIEU/gwas-vcf-specification).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gwasbone.errors import InputError
from gwasbone.genome import BUILDS
from gwasbone.sumstats.formats.text_format import allele_column, chromosome_number, numbers_by_text
from gwasbone.sumstats.scan import ReadRequest, Scan, ScanPiece, checked
from gwasbone.text_table import MISSING_TEXTS, TextTable

_FIXED = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT")
#: Canonical column -> key of FORMAT.
_KEYS = {
    "beta": "ES",
    "standard_error": "SE",
    "neg_log_10_p_value": "LP",
    "effect_allele_frequency": "AF",
    "n": "SS",
}
_DICTIONARY = pa.dictionary(pa.int32(), pa.string())
_BUILD_WORDS = {"GRCh37": ("grch37", "hg19", "b37"), "GRCh38": ("grch38", "hg38", "b38")}


def is_gwas_vcf(table: TextTable) -> bool:
    """Whether a table of text is a VCF."""
    return bool(table.preamble) and table.preamble[0].startswith("##fileformat=VCF")


def open_gwas_vcf(table: TextTable) -> list[Scan]:
    """The scans of a GWAS-VCF.

    Raises
    ------
    InputError
        It is a VCF of genotypes, or has no sample.
    """
    keys = {m[1] for line in table.preamble if (m := re.match(r"##FORMAT=<ID=(\w+)", line))}
    samples = table.header[len(_FIXED) :]
    if table.header[: len(_FIXED)] != _FIXED or not samples or not {"ES", "LP"} & keys:
        raise InputError(
            f"{table.path}: expected a GWAS-VCF (FORMAT with ES, SE, LP and a sample for each "
            "trait), got a VCF without"
        )
    return [_VcfScan(name, table) for name in samples]


class _VcfScan(Scan):
    """One sample of a GWAS-VCF."""

    def __init__(self, name: str, table: TextTable) -> None:
        super().__init__(
            name, str(table.path), format_name="GWAS-VCF", build=_build(table.preamble),
            n_bytes=table.n_bytes,
        )  # fmt: skip
        self._text, self._sample = table, name
        self._n = _sample_size(table.preamble, name)

    @property
    def has(self) -> frozenset[str]:
        return frozenset(
            {"chromosome", "base_pair_location", "effect_allele", "other_allele", "source_id"}
        ) | frozenset(_KEYS)

    def pieces(self, request: ReadRequest) -> Iterator[ScanPiece]:
        line = self._text.n_before + 1
        types: dict[str, pa.DataType] = {
            "CHROM": _DICTIONARY, "POS": pa.float64(), "ID": pa.string(), "REF": _DICTIONARY,
            "ALT": _DICTIONARY, "FORMAT": _DICTIONARY, self._sample: pa.string(),
        }  # fmt: skip
        for lines in self._text.pieces(request.count):
            raw = self._text.columns(lines, types, first_line=line, threads=request.threads)
            numbers = self._numbers(raw, line)
            places = line + np.arange(len(raw))
            line += len(raw)
            n_rows = len(raw)
            if request.above is not None:
                rows = np.flatnonzero(numbers["neg_log_10_p_value"] > request.above)
                raw, places = raw.take(rows), places[rows]
                numbers = {name: column[rows] for name, column in numbers.items()}
            made = {name: self._column(raw, numbers, name) for name in request.columns}
            fine = checked(pa.table(made), request.aside, partial(_line, places))
            yield ScanPiece(fine, n_rows)

    def _column(
        self, raw: pa.Table, numbers: dict[str, npt.NDArray[np.float64]], name: str
    ) -> pa.Array:
        if name in numbers:
            return pa.array(numbers[name], from_pandas=True)
        if name == "chromosome":
            return pa.array(numbers_by_text(raw["CHROM"], chromosome_number))
        if name == "base_pair_location":
            return pa.array(raw["POS"].to_numpy().astype(np.float64))
        if name == "source_id":
            return pc.fill_null(raw["ID"], "")
        return allele_column(raw["REF" if name == "other_allele" else "ALT"])

    def _numbers(self, raw: pa.Table, line: int) -> dict[str, npt.NDArray[np.float64]]:
        """(m,) the numbers of the sample; rows may differ in the keys of their FORMAT."""
        m = len(raw)
        found = {name: np.full(m, np.nan) for name in _KEYS}
        formats = raw["FORMAT"].combine_chunks()
        which = formats.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        cells = raw[self._sample].combine_chunks()
        for code, text in enumerate(formats.dictionary.to_pylist()):
            keys = (text or "").split(":")
            rows = np.flatnonzero(which == code)
            # trailing values may be left out: as many separators as there are keys are added
            filled = pc.binary_join_element_wise(
                pc.fill_null(cells.take(pa.array(rows)), "."), ":" * len(keys), ""
            )
            parts = pc.split_pattern(filled, ":")
            for name, key in _KEYS.items():
                if key in keys:
                    value = pc.list_element(parts, keys.index(key))
                    found[name][rows] = self._floats(value, key, line + rows)
        if self._n is not None:
            found["n"] = np.where(np.isnan(found["n"]), self._n, found["n"])
        return found

    def _floats(
        self, texts: pa.Array, key: str, lines: npt.NDArray[np.intp]
    ) -> npt.NDArray[np.float64]:
        missing = pc.is_in(texts, pa.array(MISSING_TEXTS))
        usable = pc.if_else(missing, None, texts)
        try:
            return np.asarray(usable.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=float)
        except pa.ArrowInvalid:
            for text, line in zip(usable.to_pylist(), lines, strict=True):
                try:
                    float(text if text is not None else "nan")
                except ValueError:
                    raise InputError(
                        f"{self._text.path}: line {line}: expected a number for {key}, got {text!r}"
                    ) from None
            raise


def _line(places: npt.NDArray[np.intp], row: int) -> str:
    return f"first in line {places[row]}"


def _build(preamble: Sequence[str]) -> str | None:
    text = "\n".join(preamble).lower()
    said = [build for build in BUILDS if any(word in text for word in _BUILD_WORDS[build])]
    return said[0] if len(said) == 1 else None


def _sample_size(preamble: Sequence[str], sample: str) -> float | None:
    """Cases and controls of a sample as the header has them; None without."""
    for line in preamble:
        if line.startswith("##SAMPLE=<") and re.search(rf"ID={re.escape(sample)}[,>]", line):
            counts = [
                float(m[1])
                for key in ("TotalCases", "TotalControls")
                if (m := re.search(rf"{key}=([\d.]+)", line))
            ]
            return sum(counts) if counts else None
    return None
