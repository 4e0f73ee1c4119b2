"""The columns of one scan that a comparison needs, read a piece at a time.

A variant is one whole number: chromosome, position, and which two alleles, in either order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv

from gwasbone.errors import InputError
from gwasbone.sumstats.ssf_write import MISSING

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

#: Numbers of each variant that are kept, by their names in GWAS-SSF.
NUMBERS = ("beta", "standard_error", "neg_log_10_p_value", "n", "effect_allele_frequency")
_NEEDED = ("chromosome", "base_pair_location", "effect_allele", "other_allele", *NUMBERS)
_BLOCK_BYTES = 16 << 20

#: Bits of a variant's number: position, then alleles; the chromosome stands above.
POSITION_BITS, PAIR_BITS = 28, 30
_BASES = "ACGT"


@dataclass
class AlleleBook:
    """A number for each pair of alleles, shared by all scans.

    Pairs of single bases have fixed numbers (4 · first + second, in alphabetical order).
    """

    _alleles: dict[str, int] = field(default_factory=lambda: {b: i for i, b in enumerate(_BASES)})
    _pairs: dict[int, int] = field(default_factory=dict)

    def alleles(self, texts: Sequence[str]) -> IntArray:
        """The number of each allele."""
        known = self._alleles
        return np.array([known.setdefault(t.upper(), len(known)) for t in texts], dtype=np.int64)

    def pairs(self, one: IntArray, other: IntArray) -> IntArray:
        """The number of each unordered pair."""
        low, high = np.minimum(one, other), np.maximum(one, other)
        pair = low * 4 + high
        longer = high >= 4
        if longer.any():
            both, place = np.unique((low[longer] << 31) | high[longer], return_inverse=True)
            known = self._pairs
            codes = [known.setdefault(int(p), 16 + len(known)) for p in both]
            pair[longer] = np.array(codes, dtype=np.int64)[place]
        return np.asarray(pair)

    def texts(self, pair: IntArray) -> tuple[list[str], list[str]]:
        """The two alleles of each pair, the counted one last."""
        names = list(self._alleles)
        long = {code: (p >> 31, p & ((1 << 31) - 1)) for p, code in self._pairs.items()}
        both = [divmod(int(p), 4) if p < 16 else long[int(p)] for p in pair]
        return [names[a] for a, _ in both], [names[b] for _, b in both]


@dataclass(frozen=True)
class ScanColumns:
    """One scan, sorted by variant; effects are of the allele with the higher number."""

    key: IntArray
    values: dict[str, FloatArray]
    n_rows: int
    dropped: dict[str, int]

    def take(self, rows: npt.NDArray[np.intp]) -> ScanColumns:
        values = {name: column[rows] for name, column in self.values.items()}
        return replace(self, key=self.key[rows], values=values)


def read_scan_columns(path: Path, book: AlleleBook) -> ScanColumns:
    """The columns that are compared, effects turned to the allele with the higher number."""
    text = pa.dictionary(pa.int32(), pa.string())
    types: dict[str, pa.DataType] = dict.fromkeys(NUMBERS, pa.float64())
    types |= {"chromosome": pa.int64(), "base_pair_location": pa.int64()}
    types |= {"effect_allele": text, "other_allele": text}
    parts: list[tuple[IntArray, list[FloatArray]]] = []
    n_rows = 0
    try:
        _refuse_other_columns(path)
        with csv.open_csv(
            path,
            read_options=csv.ReadOptions(block_size=_BLOCK_BYTES),
            parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=csv.ConvertOptions(
                column_types=types, include_columns=list(_NEEDED),
                null_values=[MISSING, "NA", ""],
            ),
        ) as reader:  # fmt: skip
            for batch in reader:
                n_rows += len(batch)
                parts.append(_numbers_of(batch, book))
    except (OSError, EOFError, pa.ArrowInvalid, pa.ArrowKeyError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: expected a GWAS-SSF table, got {reason}") from error
    if not parts:
        raise InputError(f"{path}: expected a GWAS-SSF table with rows, it has none")
    key = np.concatenate([key for key, _ in parts])
    values = {
        name: np.concatenate([columns[i] for _, columns in parts]) for i, name in enumerate(NUMBERS)
    }
    return ScanColumns(
        key, values, n_rows, {"no effect, standard error or p-value": n_rows - len(key)}
    )


def _refuse_other_columns(path: Path) -> None:
    with pa.input_stream(str(path)) as stream:
        # a header is far shorter than this
        header = bytes(stream.read(1 << 16)).split(b"\n", 1)[0].decode("utf-8", "replace")
    found = header.rstrip("\r").split("\t")
    if absent := [name for name in _NEEDED if name not in found]:
        raise InputError(
            f"{path}: expected the GWAS-SSF columns {' '.join(_NEEDED)}; no {', '.join(absent)}"
        )


def _numbers_of(batch: pa.RecordBatch, book: AlleleBook) -> tuple[IntArray, list[FloatArray]]:
    effect, other = (_codes(batch[name], book) for name in ("effect_allele", "other_allele"))
    chromosome = batch["chromosome"].to_numpy(zero_copy_only=False).astype(np.float64)
    position = batch["base_pair_location"].to_numpy(zero_copy_only=False).astype(np.float64)
    numbers = {
        name: batch[name].to_numpy(zero_copy_only=False).astype(np.float64) for name in NUMBERS
    }
    fine = np.isfinite(chromosome) & np.isfinite(position) & (effect >= 0) & (other >= 0)
    fine &= effect != other
    for name in NUMBERS[:3]:
        fine &= np.isfinite(numbers[name])
    fine &= numbers["standard_error"] > 0
    effect, other = effect[fine], other[fine]
    key = chromosome[fine].astype(np.int64) << (POSITION_BITS + PAIR_BITS)
    key |= position[fine].astype(np.int64) << PAIR_BITS
    key |= book.pairs(effect, other)
    turned = effect < other
    columns = {name: column[fine] for name, column in numbers.items()}
    columns["beta"] = np.where(turned, -columns["beta"], columns["beta"])
    frequency = columns["effect_allele_frequency"]
    columns["effect_allele_frequency"] = np.where(turned, 1 - frequency, frequency)
    return key, [columns[name].astype(np.float32) for name in NUMBERS]


def _codes(column: pa.DictionaryArray, book: AlleleBook) -> IntArray:
    """The numbers of alleles, −1 where there is none."""
    names = book.alleles([text or "" for text in column.dictionary.to_pylist()])
    rows = column.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return np.append(names, -1)[rows]
