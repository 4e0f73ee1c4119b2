"""Hard calls and dosages of PGEN files, read in place.

Format: https://github.com/chrchang/plink-ng/tree/master/pgen_spec, storage modes 0x02 (calls of two
bits), 0x03 (these and dosages) and 0x10 (records of variable width, what PLINK 2 writes). Phases
are passed over; of a variant with several ALT alleles the copies of one are counted.

Measured on one core, 20,000 variants of 10,000 participants with missing calls, in processor time:
packed rows for the kernels of scans 0.19 s, in several threads at once; PyPI's pgenlib 0.95 0.14 s
for calls of a byte each, which take 0.45 s more to pack, and of files on this machine only.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse

from gwasbone.blocks import pgen_kernels as kernels
from gwasbone.blocks.dosages import DosageBlock
from gwasbone.blocks.packed import PEOPLE_PER_WORD, Words
from gwasbone.errors import InputError
from gwasbone.ranges import Bytes, RangeReader, absolute, is_url

BoolArray = npt.NDArray[np.bool_]
IntArray = npt.NDArray[np.integer]

MAGIC = b"\x6c\x1b"
FIXED, FIXED_DOSAGES, VARIABLE = 0x02, 0x03, 0x10
HEADER_BYTES = 12
#: Variants of which record types and lengths stand together in the header.
VARIANTS_PER_PART = 65_536
_MODES = {
    0x00: "a sample-major PLINK 1 .bed file: make it variant-major with plink1.9 --make-bed",
    0x01: "a PLINK 1 .bed file: give it with its .bim and .fam as --bfile",
    0x04: "of storage mode 0x04 (phased dosages of fixed width)",
    0x11: "of storage mode 0x11 (header extensions)",
    0x20: "with its index in a .pgen.pgi file (storage mode 0x20)",
    0x21: "with its index in a .pgen.pgi file (storage mode 0x21)",
}
_REWRITE = "rewrite it with plink2 --make-pgen"
_COPY_AGAIN = "the file is damaged; copy it again"


class PgenVariantError(InputError):
    """The record of a variant is not what a PGEN file must hold.

    Parameters
    ----------
    path : of the file. row : the variant's number in it, from 0.
    """

    def __init__(self, path: str | Path, row: int) -> None:
        super().__init__(f"{path}: variant {row + 1}: {self.fault}")
        self.path, self.row = path, row

    fault = f"expected genotypes as PGEN packs them, got others: {_COPY_AGAIN}"

    def __reduce__(self) -> tuple[type[PgenVariantError], tuple[str | Path, int]]:
        return PgenVariantError, (self.path, self.row)


@dataclass(frozen=True)
class PgenIndex:
    """Where the records of a PGEN file are.

    Parameters
    ----------
    n_people : in the file.
    starts : (m + 1,) first byte of each record, and the end of the last one.
    kinds : (m,) types: how calls are packed, and which tracks follow them.
    bases : (m,) the record that calls are stored as differences from, −1 where they are not.
    n_alleles : (m,) REF included; None where only the .pvar tells.
    provisional : whether the reference alleles are provisional: True, False, or None where the
        .pvar may tell.
    """

    n_people: int
    starts: npt.NDArray[np.int64]
    kinds: Bytes
    bases: npt.NDArray[np.int64]
    n_alleles: npt.NDArray[np.int64] | None
    provisional: bool | None

    def __len__(self) -> int:
        return len(self.kinds)

    @property
    def has_dosages(self) -> bool:
        """Whether any record has dosages that are more than its calls."""
        return bool((self.kinds & kernels.DOSAGES).any())


def read_index(path: str | Path) -> PgenIndex:
    """The index of a file, kept in memory while the file is what it was.

    Raises
    ------
    InputError
        No PGEN file, one of a kind that is not read, or shorter or longer than it says.
    """
    changed = 0 if is_url(path) else Path(path).stat().st_mtime_ns
    return _read_index(path, RangeReader(path).size, changed)


@lru_cache(maxsize=64)
def _read_index(path: str | Path, size: int, changed: int) -> PgenIndex:
    file = RangeReader(path)
    head = file.read(0, min(size, HEADER_BYTES)) if size else np.empty(0, np.uint8)
    if head[:2].tobytes() != MAGIC or len(head) < 3:
        raise InputError(f"{path}: expected a PGEN file, it does not begin as one: {_COPY_AGAIN}")
    mode = int(head[2])
    if mode not in (FIXED, FIXED_DOSAGES, VARIABLE):
        what = _MODES.get(mode, f"of storage mode {mode:#04x}")
        advice = "" if ": " in what else f": {_REWRITE}"
        raise InputError(
            f"{path}: expected a PGEN file of storage mode 0x02, 0x03 or 0x10, got one that is "
            f"{what}{advice}"
        )
    if len(head) < HEADER_BYTES:
        raise InputError(f"{path}: expected a header of 12 bytes, got {len(head)}: {_COPY_AGAIN}")
    m, n = (int(x) for x in head[3:11].view("<u4"))
    if not n:
        raise InputError(f"{path}: expected participants, the header says there are none")
    control = int(head[11])
    provisional = {1: False, 2: True}.get(control >> 6)
    if mode == VARIABLE:
        return _variable(file, m, n, control, provisional, size)
    width = (n + 3) // 4 + (2 * n if mode == FIXED_DOSAGES else 0)
    first = HEADER_BYTES + ((m + 7) // 8 if control >> 6 == 3 else 0)
    _refuse_other_size(path, first + m * width, size, m, n)
    kind = kernels.ALL_DOSAGES if mode == FIXED_DOSAGES else 0
    starts = first + width * np.arange(m + 1, dtype=np.int64)
    return PgenIndex(
        n, starts, np.full(m, kind, np.uint8), np.full(m, -1, np.int64), None, provisional
    )


def _variable(
    file: RangeReader, m: int, n: int, control: int, provisional: bool | None, size: int
) -> PgenIndex:
    """The index of records of variable width."""
    if control & 8:
        raise InputError(
            f"{file.path}: expected lengths of records in the header, got its short form "
            f"(control byte {control:#04x}): {_REWRITE}"
        )
    length_bytes, allele_bytes = 1 + (control & 3), (control >> 4) & 3
    wide, flags = bool(control & 4), control >> 6 == 3
    n_parts = -(-m // VARIANTS_PER_PART)
    at = HEADER_BYTES + 8 * n_parts
    quarter_bits = (8 if wide else 4) + 8 * length_bytes + 8 * allele_bytes + int(flags)
    if at + m * quarter_bits // 8 > size:
        raise InputError(
            f"{file.path}: expected {m} variants of {n} participants, the file ends within its "
            f"header ({size} bytes): it was cut short; copy it again"
        )
    firsts = file.read(HEADER_BYTES, at).view("<u8").astype(np.int64)
    starts, kinds = np.zeros(m + 1, np.int64), np.zeros(m, np.uint8)
    n_alleles = np.full(m, 2, np.int64) if allele_bytes else None
    for part in range(n_parts):
        rows = slice(part * VARIANTS_PER_PART, min(m, (part + 1) * VARIANTS_PER_PART))
        k = rows.stop - rows.start
        sizes = [k if wide else (k + 1) // 2, k * length_bytes, k * allele_bytes]
        sizes.append((k + 7) // 8 if flags else 0)
        if at + sum(sizes) > size:
            raise InputError(f"{file.path}: the file ends within its header: copy it again")
        types, lengths, alleles, _ = np.split(file.read(at, at + sum(sizes)), np.cumsum(sizes)[:3])
        at += sum(sizes)
        kinds[rows] = types if wide else _nibbles(types, k)
        starts[rows.start] = firsts[part]
        starts[rows.start + 1 : rows.stop + 1] = firsts[part] + np.cumsum(
            _numbers(lengths, length_bytes)
        )
        if part + 1 < n_parts and starts[rows.stop] != firsts[part + 1]:
            raise InputError(
                f"{file.path}: expected record {rows.stop + 1} at byte {starts[rows.stop]}, the "
                f"header says {firsts[part + 1]}: {_COPY_AGAIN}"
            )
        if n_alleles is not None:
            n_alleles[rows] = _numbers(alleles, allele_bytes)
    if m and starts[0] < at:
        raise InputError(
            f"{file.path}: expected records behind the header of {at} bytes, got the first at "
            f"byte {starts[0]}: {_COPY_AGAIN}"
        )
    _refuse_other_size(file.path, int(starts[-1]) if m else at, size, m, n)
    return PgenIndex(n, starts, kinds, _bases(kinds, file.path), n_alleles, provisional)


def _nibbles(packed: Bytes, k: int) -> Bytes:
    return np.stack([packed & 15, packed >> 4], axis=1).ravel()[:k]


def _numbers(data: Bytes, width: int) -> npt.NDArray[np.int64]:
    """Whole numbers of ``width`` bytes each, lowest first."""
    shifts = 8 * np.arange(width, dtype=np.int64)
    numbers: npt.NDArray[np.int64] = (data.reshape(-1, width).astype(np.int64) << shifts).sum(1)
    return numbers


def _bases(kinds: Bytes, path: str | Path) -> npt.NDArray[np.int64]:
    """(m,) the record that each refers to: the last one before it that refers to none."""
    refers = (kinds & 6) == 2
    row = np.arange(len(kinds))
    last = np.maximum.accumulate(np.where(refers, -1, row)) if len(kinds) else row
    lost = refers & (last < row // VARIANTS_PER_PART * VARIANTS_PER_PART)
    if lost.any():
        raise PgenVariantError(path, int(np.argmax(lost)))
    return np.where(refers, last, -1).astype(np.int64)


def _refuse_other_size(path: str | Path, expected: int, size: int, m: int, n: int) -> None:
    if size != expected:
        state = "it was cut short" if size < expected else "it has more than its header says"
        raise InputError(
            f"{path}: expected {expected} bytes for {m} variants of {n} participants, got {size}: "
            f"{state}; copy it again"
        )


@dataclass(frozen=True)
class PgenFile:
    """A PGEN file, whose header was checked before."""

    path: str | Path

    def __reduce__(self) -> tuple[type[PgenFile], tuple[str | Path]]:
        return PgenFile, (absolute(self.path),)

    @property
    def index(self) -> PgenIndex:
        """Where its records are."""
        return read_index(self.path)


@dataclass(frozen=True)
class Chosen:
    """Variants to read from one file.

    Parameters
    ----------
    row : (m,) their numbers in the file.
    allele : (m,) the ALT allele to count, from 1.
    n_alleles : (m,) alleles of the variant, REF included.
    """

    row: IntArray
    allele: IntArray
    n_alleles: IntArray


@dataclass(frozen=True)
class _Records:
    """Bytes of records as the kernels take them; see :func:`pgen_kernels.read_calls`."""

    data: Bytes
    starts: npt.NDArray[np.int64]
    stops: npt.NDArray[np.int64]
    kinds: Bytes
    alleles: npt.NDArray[np.int64]
    n_alleles: npt.NDArray[np.int64]
    out: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]

    @classmethod
    def of(cls, file: PgenFile, index: PgenIndex, chosen: Chosen) -> _Records:
        """Those of some variants and of the variants that these are stored as differences from."""
        wanted = np.asarray(chosen.row, np.int64)
        base = index.bases[wanted]
        bases = np.setdiff1d(base[base >= 0], wanted)
        row = np.concatenate([wanted, bases])
        order = np.argsort(row, kind="stable")
        row, one = row[order], np.ones(len(bases), np.int64)
        out = np.concatenate([np.arange(len(wanted)), np.full(len(bases), -1)])[order]
        alleles, n_alleles = (
            np.concatenate([np.asarray(values, np.int64), fill])[order]
            for values, fill in ((chosen.allele, one), (chosen.n_alleles, 2 * one))
        )
        starts, stops = index.starts[row], index.starts[row + 1]
        reader = RangeReader(file.path)
        first, last = int(starts[0]), int(stops[-1])
        if not is_url(file.path) or 2 * int((stops - starts).sum()) > last - first:
            data = reader.read(first, last)
            starts, stops = starts - first, stops - first
        else:
            parts = reader.read_many(starts.tolist(), stops.tolist())
            data, stops = np.concatenate(parts), np.cumsum(stops - starts)
            starts = stops - (index.starts[row + 1] - index.starts[row])
        return cls(data, starts, stops, index.kinds[row], alleles, n_alleles, out, row)


def read_packed_calls(file: PgenFile, chosen: Chosen) -> Words:
    """(m, w) packed hard calls of everybody in the file; see :mod:`gwasbone.blocks.packed`.

    Raises
    ------
    PgenVariantError
        A record that is damaged.
    """
    index = file.index
    words = np.empty((len(chosen.row), -(-index.n_people // PEOPLE_PER_WORD)), dtype=np.uint64)
    if not len(words):
        return words
    r = _Records.of(file, index, chosen)
    fault = kernels.read_calls(
        r.data, r.starts, r.stops, r.kinds, r.alleles, r.n_alleles, r.out, index.n_people, words
    )
    if fault >= 0:
        raise PgenVariantError(file.path, int(r.row[fault]))
    return words


def read_dosages(
    file: PgenFile,
    chosen: Chosen,
    people: npt.NDArray[np.intp],
    *,
    men: BoolArray,
    on_x: BoolArray,
    on_y: BoolArray,
    calls: npt.NDArray[np.int8] | None = None,
) -> DosageBlock:
    """The dosages of m variants and some participants; hard calls where there is no dosage.

    Parameters
    ----------
    people : (n,) their rising positions in the file. men : (n,) the men among them.
    on_x, on_y : (m,) variants on X outside the pseudo-autosomal regions, where men whose hard call
        is heterozygous become missing, and on Y, where everybody but men does.
    calls : (m, n) filled, where given, with the hard calls, −1 where missing.

    Raises
    ------
    PgenVariantError
        A record that is damaged.
    """
    index = file.index
    m, n = len(chosen.row), len(people)
    units = np.empty((m, n), dtype=np.float32)
    swapped, n_missing = np.zeros(m, dtype=bool), np.zeros(m, dtype=np.int64)
    if m:
        r = _Records.of(file, index, chosen)
        fault = kernels.read_dosages(
            r.data, r.starts, r.stops, r.kinds, r.alleles, r.n_alleles, r.out, index.n_people,
            people, men, on_x, on_y, units, swapped, n_missing,
            np.empty((0, 0), np.int8) if calls is None else calls,
        )  # fmt: skip
        if fault >= 0:
            raise PgenVariantError(file.path, int(r.row[fault]))
    missing = _without_missing(units, n_missing) if n_missing.any() else None
    return DosageBlock(units, np.full(m, float(kernels.TWO_COPIES)), swapped, missing)


def _without_missing(
    units: npt.NDArray[np.float32], n_missing: npt.NDArray[np.int64]
) -> sparse.csr_array:
    """(m, n) 1 where a dosage is missing, which becomes 0."""
    indptr = np.append(0, np.cumsum(n_missing))
    columns = np.empty(indptr[-1], dtype=np.int32)
    kernels.take_missing(units, n_missing, columns)
    ones = np.ones(len(columns), dtype=np.float32)
    return sparse.csr_array((ones, columns, indptr), shape=units.shape)


def header_bytes(m: int, length_bytes: int) -> int:
    """The length of the header of m records whose lengths take so many bytes each."""
    return HEADER_BYTES + 8 * -(-m // VARIANTS_PER_PART) + m * (1 + length_bytes)


def header(n: int, sizes: npt.NDArray[np.int64], kinds: Bytes, length_bytes: int) -> bytes:
    """The header of records of n people that follow one another, of variants with two alleles.

    Parameters
    ----------
    sizes, kinds : (m,) bytes and type of each record.
    """
    m = len(sizes)
    first = header_bytes(m, length_bytes)
    starts = first + np.append(0, np.cumsum(sizes))[:m:VARIANTS_PER_PART]
    # bit 2: a byte for each type
    control = (length_bytes - 1) | 4
    parts = [
        MAGIC, bytes([VARIABLE]), np.array([m, n], "<u4").tobytes(), bytes([control]),
        starts.astype("<u8").tobytes(),
    ]  # fmt: skip
    for top in range(0, m, VARIANTS_PER_PART):
        part = slice(top, top + VARIANTS_PER_PART)
        lengths = sizes[part].astype("<u8").view(np.uint8).reshape(-1, 8)[:, :length_bytes]
        parts += [kinds[part].tobytes(), lengths.tobytes()]
    return b"".join(parts)
