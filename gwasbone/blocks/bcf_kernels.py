"""Compiled loops over the records of BCF files (version 2): to packed calls and dosages.

Format: https://samtools.github.io/hts-specs/VCFv4.3.pdf, section 6. Whatever a record says of its
lengths is checked against its end: nothing is read beyond it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gwasbone.blocks.compiled import compiled
from gwasbone.blocks.vcf_kernels import (
    BAD_PLOIDY,
    DONE,
    FEW_SAMPLES,
    WITH_DOSAGES,
    pack_row,
    settle,
    take_dosages,
    take_probabilities,
    to_units,
)
from gwasbone.ranges import Bytes

#: A record whose lengths contradict one another.
BAD_RECORD = 30

#: Columns of the table of records: number of the contig, position from 1, where ID and REF stand,
#: number of alleles, and for each of GT, DS and GP type, values a sample, and place (0 if absent).
CONTIG, POSITION, ID, ID_END, REF, REF_END, ALLELES, CALL, DOSAGE, PROBABILITY = (
    0, 1, 2, 3, 4, 5, 6, 7, 10, 13,
)  # fmt: skip
N_COLUMNS = 16

_INT8, _INT16, _INT32, _FLOAT, _CHAR = 1, 2, 3, 5, 7
_FIXED = 32


@compiled
def _size(kind: int) -> int:
    if kind in (_INT8, _CHAR):
        return 1
    if kind == _INT16:
        return 2
    return 4 if kind in (_INT32, _FLOAT) else 0


@compiled
def _integer(data: Bytes, at: int, size: int) -> int:
    """A signed number, the lowest byte first."""
    value = np.int64(0)
    for i in range(size):
        value |= np.int64(data[at + i]) << (8 * i)
    half = np.int64(1) << (8 * size - 1)
    return value - 2 * half if value >= half else value


@compiled
def _typed(data: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """Type and number of the values that follow, and where they start; −1 where it is none."""
    if at >= end:
        return 0, -1, at
    kind, count = np.int64(data[at]) & 15, np.int64(data[at]) >> 4
    at += 1
    if count == 15:
        if at >= end:
            return 0, -1, at
        of_count = np.int64(data[at]) & 15
        size = _size(of_count)
        if size == 0 or of_count == _FLOAT or at + 1 + size > end:
            return 0, -1, at
        count = _integer(data, at + 1, size)
        at += 1 + size
    size = _size(kind)
    if count < 0 or (size == 0 and count > 0) or at + count * size > end:
        return 0, -1, at
    return kind, count, at


@compiled
def scan_records(
    data: Bytes, starts: npt.NDArray[np.int64], n: int, keys: npt.NDArray[np.int64],
    table: npt.NDArray[np.int64], scores: npt.NDArray[np.float64],
) -> tuple[int, int, int]:  # fmt: skip
    """Take records apart.

    Parameters
    ----------
    starts : (r + 1,) where records start, and where the last one ends.
    keys : numbers of the names GT, DS, GP, and of the INFO field with the imputation score; −1
        for what the header does not declare.
    table : (r, columns) filled. scores : (r,) filled, NaN where there is none.

    Returns
    -------
    The record at fault, a code and a number for the message.
    """
    for i in range(len(starts) - 1):
        begin, end, row = starts[i], starts[i + 1], table[i]
        if end - begin < 8 + 24:
            return i, BAD_RECORD, 0
        middle = begin + 8 + (_integer(data, begin, 4) & 0xFFFFFFFF)
        if middle > end or middle < begin + _FIXED:
            return i, BAD_RECORD, 0
        row[CONTIG] = _integer(data, begin + 8, 4)
        row[POSITION] = _integer(data, begin + 12, 4) + 1
        n_info = _integer(data, begin + 24, 2) & 0xFFFF
        row[ALLELES] = _integer(data, begin + 26, 2) & 0xFFFF
        samples = _integer(data, begin + 28, 4) & 0xFFFFFF
        n_format = np.int64(data[begin + 31])
        if samples != n:
            return i, FEW_SAMPLES, samples
        if row[ALLELES] < 1:
            return i, BAD_RECORD, 0
        kind, count, at = _typed(data, begin + _FIXED, middle)
        if count < 0 or (count and kind != _CHAR):
            return i, BAD_RECORD, 0
        row[ID], row[ID_END] = at, at + count
        at += count
        for allele in range(row[ALLELES]):
            kind, count, at = _typed(data, at, middle)
            if count < 0 or (count and kind != _CHAR):
                return i, BAD_RECORD, 0
            if allele == 0:
                row[REF], row[REF_END] = at, at + count
            at += count
        kind, count, at = _typed(data, at, middle)
        if count < 0:
            return i, BAD_RECORD, 0
        at += count * _size(kind)
        scores[i] = np.nan
        for _ in range(n_info):
            kind, count, at = _typed(data, at, middle)
            if count != 1 or kind > _INT32 or kind == 0:
                return i, BAD_RECORD, 0
            key = _integer(data, at, _size(kind))
            kind, count, at = _typed(data, at + _size(kind), middle)
            if count < 0:
                return i, BAD_RECORD, 0
            if key == keys[3] and count > 0 and kind != _CHAR:
                value, _ = _value(data, at, kind)
                scores[i] = value
            at += count * _size(kind)
        at = middle
        row[CALL : CALL + 9] = 0
        for _ in range(n_format):
            kind, count, at = _typed(data, at, end)
            if count != 1 or kind > _INT32 or kind == 0:
                return i, BAD_RECORD, 0
            key = _integer(data, at, _size(kind))
            # the number of values is that of a sample, so they are checked here
            at += _size(kind)
            if at >= end:
                return i, BAD_RECORD, 0
            kind, count = np.int64(data[at]) & 15, np.int64(data[at]) >> 4
            at += 1
            if count == 15:
                of_count, one, at = _typed(data, at, end)
                if one != 1 or of_count > _INT32:
                    return i, BAD_RECORD, 0
                count = _integer(data, at, _size(of_count))
                at += _size(of_count)
            size = _size(kind)
            if count < 0 or (size == 0 and count) or at + n * count * size > end:
                return i, BAD_RECORD, 0
            for which in range(3):
                if key == keys[which] and count > 0:
                    place = CALL + 3 * which
                    row[place], row[place + 1], row[place + 2] = kind, count, at
            at += n * count * size
        if row[CALL] > _INT32 or row[DOSAGE] == _CHAR or row[PROBABILITY] == _CHAR:
            return i, BAD_RECORD, 0
    return 0, DONE, 0


@compiled
def alternate_alleles(
    data: Bytes, starts: npt.NDArray[np.int64], table: npt.NDArray[np.int64],
    spans: npt.NDArray[np.int64],
) -> None:  # fmt: skip
    """Fill spans (rows, 3) with the record of each alternate allele, and where it stands.

    A record without any has a row, with an empty span.
    """
    row = 0
    for i in range(len(table)):
        at = table[i, REF_END]
        if table[i, ALLELES] == 1:
            spans[row, 0], spans[row, 1], spans[row, 2] = i, at, at
            row += 1
        for _ in range(table[i, ALLELES] - 1):
            _, count, at = _typed(data, at, starts[i + 1])
            spans[row, 0], spans[row, 1], spans[row, 2] = i, at, at + count
            at += count
            row += 1


@compiled
def _value(data: Bytes, at: int, kind: int) -> tuple[float, bool]:
    """A number, NaN where missing; whether the values of the sample end before it."""
    size = _size(kind)
    value = _integer(data, at, size)
    if kind != _FLOAT:
        least = -(np.int64(1) << (8 * size - 1))
        return (np.nan if value <= least + 1 else np.float64(value)), value == least + 1
    bits = value & 0xFFFFFFFF
    exponent, fraction = (bits >> 23) & 255, bits & 0x7FFFFF
    if exponent == 255:
        return (np.nan if fraction else np.inf), bits == 0x7F800002
    sign = -1.0 if bits >> 31 else 1.0
    if exponent == 0:
        return sign * fraction * 2.0**-149, False
    return sign * (fraction + 0x800000) * 2.0 ** (exponent - 150), False


@compiled
def read_records(
    data: Bytes, table: npt.NDArray[np.int64], n: int, on_x: npt.NDArray[np.bool_],
    most_alleles: int, calls: Bytes, dosages: npt.NDArray[np.uint16],
    tops: npt.NDArray[np.int32], single: Bytes, sex: npt.NDArray[np.int64],
    untold: npt.NDArray[np.float64],
) -> tuple[int, int, int, int]:  # fmt: skip
    """The genotypes of records; see :func:`gwasbone.blocks.vcf_kernels.read_samples`."""
    row, x_line, with_dosages = 0, 0, len(dosages) > 0
    alleles = np.empty((2, n), np.int32)
    copies = np.empty((2, n), np.int8)
    entries = np.empty((most_alleles if with_dosages else 0, n), np.float64)
    codes = np.empty((most_alleles, (n + 3) // 4 * 4), np.uint8)
    for i in range(len(table)):
        n_alt = max(table[i, ALLELES] - 1, 1)
        got = 0
        code, sample = _read_calls(data, table[i], alleles, copies)
        if code == DONE and with_dosages:
            code, sample, got = _read_dosages(data, table[i], n_alt, entries, copies)
        if code != DONE:
            return code, i, sample, got
        code, sample, got = settle(
            alleles, copies, n_alt, on_x[i], entries, codes, single[x_line : x_line + 1], sex,
            untold,
        )  # fmt: skip
        if code not in (DONE, WITH_DOSAGES):
            return code, i, sample, got
        for k in range(n_alt):
            pack_row(codes[k], n, calls[row])
            tops[row] = 0
            if code == WITH_DOSAGES:
                tops[row] = to_units(entries[k], dosages[row])
            row += 1
        x_line += on_x[i]
    return DONE, 0, 0, 0


@compiled
def _read_calls(
    data: Bytes, row: npt.NDArray[np.int64], alleles: npt.NDArray[np.int32],
    copies: npt.NDArray[np.int8],
) -> tuple[int, int]:  # fmt: skip
    n = alleles.shape[1]
    size, count, at = _size(row[CALL]), row[CALL + 1], row[CALL + 2]
    if row[CALL] == 0:
        alleles[:], copies[:] = -1, 0
        return DONE, 0
    least = -(np.int64(1) << (8 * size - 1))
    for j in range(n):
        have = 0
        copies[1, j] = 0
        alleles[0, j], alleles[1, j] = -1, -1
        for k in range(count):
            value = np.int64(data[at]) - 256 * (data[at] >= 128)
            if size > 1:
                value = _integer(data, at, size)
            at += size
            if value <= least + 1:
                # the values end here, or there is no genotype
                at += size * (count - k - 1)
                break
            if k > 1:
                return BAD_PLOIDY, j
            alleles[k, j] = np.int32(min((value >> 1) - 1, 1_000_000))
            have = k + 1
        copies[0, j] = have
    return DONE, 0


@compiled
def _read_dosages(
    data: Bytes, row: npt.NDArray[np.int64], n_alt: int, entries: npt.NDArray[np.float64],
    copies: npt.NDArray[np.int8],
) -> tuple[int, int, int]:  # fmt: skip
    entry = np.empty(n_alt, np.float64)
    numbers = np.empty((n_alt + 1) * (n_alt + 2) // 2, np.float64)
    for j in range(entries.shape[1]):
        entry[:] = np.nan
        code, of_dosage, count = DONE, 0, 0
        for place in (DOSAGE, PROBABILITY):
            kind = row[place]
            if kind == 0 or code != DONE or not np.isnan(entry.sum()):
                continue
            step = row[place + 1] * _size(kind)
            at, count, missing = row[place + 2] + j * step, 0, True
            for k in range(row[place + 1]):
                value, ends = _value(data, at + k * _size(kind), kind)
                if ends:
                    break
                if count < len(numbers):
                    numbers[count] = value
                missing = missing and np.isnan(value)
                count += 1
            if missing:
                continue
            if place == DOSAGE:
                code = take_dosages(numbers, count, entry, n_alt)
            else:
                code, of_dosage = take_probabilities(numbers, count, entry, n_alt)
        if code != DONE:
            return code, j, count
        copies[1, j] = of_dosage
        for k in range(n_alt):
            entries[k, j] = entry[k]
    return DONE, 0, 0
