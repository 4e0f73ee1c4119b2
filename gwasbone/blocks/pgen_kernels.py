"""Compiled loops over the records of a PGEN file; :mod:`.pgen` says which records they read.

Hard calls are held in words of 32 people as PGEN packs them: 00 no copy of ALT, 01 one, 10 two, 11
missing. Every function that reads a record returns where it ended, −1 where the record is damaged:
nothing is read beyond it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from gwasbone.blocks.compiled import compiled
from gwasbone.blocks.packed import Words
from gwasbone.ranges import Bytes

IntArray = npt.NDArray[np.integer]
BoolArray = npt.NDArray[np.bool_]

#: Bits of a record's type beyond the three that say how its calls are packed.
MULTIALLELIC, PHASED, DOSAGES = 8, 16, 96
DOSAGE_LIST, ALL_DOSAGES, DOSAGE_BITS = 32, 64, 96
#: Units of a dosage that make two copies of ALT, and the missing one.
TWO_COPIES, NO_DOSAGE = 32_768, 65_535

_LOW = np.uint64(0x5555555555555555)
_ONE, _THREE = np.uint64(1), np.uint64(3)


@compiled
def read_calls(
    data: Bytes,
    starts: IntArray,
    stops: IntArray,
    kinds: Bytes,
    alleles: IntArray,
    n_alleles: IntArray,
    out: IntArray,
    n: int,
    words: Words,
) -> int:
    """Fill rows of words (m, w) with calls as PLINK 1 packs them; −1, or the record at fault.

    Parameters
    ----------
    starts, stops, kinds : (r,) of the records, in the order of the file; before a record that is
        stored as its difference from an earlier one comes that one.
    alleles, n_alleles : (r,) the ALT allele to count, from 1, and how many alleles there are.
    out : (r,) row of words to fill; −1 for records that others refer to only.
    n : people.
    """
    width = words.shape[1]
    raw, base = np.zeros(width, np.uint64), np.zeros(width, np.uint64)
    split, ids = np.zeros(width, np.uint64), np.zeros(n, np.int32)
    for i in range(len(starts)):
        at = _main_track(data, starts[i], stops[i], kinds[i], n, base, raw, ids)
        if at < 0:
            return i
        if kinds[i] & 6 != 2:
            base[:] = raw
        if out[i] < 0:
            continue
        used = raw
        if n_alleles[i] > 2:
            used = split
            at, _ = _multiallelic(
                data, at, stops[i], kinds[i], n, n_alleles[i], alleles[i], raw, split, ids
            )
            if at < 0:
                return i
        for w in range(width):
            # 00, 01, 10, 11 become 11, 10, 00, 01
            high, low = (used[w] >> _ONE) & _LOW, used[w] & _LOW
            words[out[i], w] = ((high ^ _LOW) << _ONE) | (high ^ low ^ _LOW)
    return -1


@compiled
def read_dosages(
    data: Bytes,
    starts: IntArray,
    stops: IntArray,
    kinds: Bytes,
    alleles: IntArray,
    n_alleles: IntArray,
    out: IntArray,
    n: int,
    people: npt.NDArray[np.intp],
    men: BoolArray,
    on_x: BoolArray,
    on_y: BoolArray,
    units: npt.NDArray[np.float32],
    swapped: BoolArray,
    n_missing: IntArray,
    calls: npt.NDArray[np.int8],
) -> int:
    """Fill units (m, p) with dosages of the rarer allele, −1 where missing; see `read_calls`.

    Parameters
    ----------
    people : (p,) positions of the people wanted. men : (p,) those of them who are men.
    on_x, on_y : (m,) rows on X outside the pseudo-autosomal regions, where a man's heterozygous
        call is an error and missing, and on Y, which is missing in all but men.
    swapped, n_missing : (m,) filled: whether REF is counted, and how many are missing.
    calls : (m, p) filled with hard calls, −1 where missing; nothing where it has no rows.
    """
    width = (n + 31) // 32
    raw, base = np.zeros(width, np.uint64), np.zeros(width, np.uint64)
    split, ids = np.zeros(width, np.uint64), np.zeros(n, np.int32)
    whole = np.zeros(n, np.int32)
    for i in range(len(starts)):
        at = _main_track(data, starts[i], stops[i], kinds[i], n, base, raw, ids)
        if at < 0:
            return i
        if kinds[i] & 6 != 2:
            base[:] = raw
        row = out[i]
        if row < 0:
            continue
        used = raw
        n_het: Any = np.int64(0)
        if n_alleles[i] > 2 or kinds[i] & MULTIALLELIC:
            used = split
            at, n_het = _multiallelic(
                data, at, stops[i], kinds[i], n, n_alleles[i], alleles[i], raw, split, ids
            )
            if at < 0:
                return i
        elif kinds[i] & PHASED:
            n_het = _count(raw, n, 1)
        _as_units(used, n, whole)
        if kinds[i] & DOSAGES:
            if kinds[i] & PHASED:
                at = _after_phase(data, at, stops[i], n_het)
            if at < 0 or _dosages(data, at, stops[i], kinds[i], n, whole, ids) < 0:
                return i
        if on_y[row] or on_x[row]:
            _without_sex_errors(used, people, men, on_y[row], whole)
        if len(calls):
            _decode(used, people, on_y[row] or on_x[row], whole, calls[row])
        total, n_missing[row] = _gather(whole, people, units[row])
        swapped[row] = 2 * total > np.int64(TWO_COPIES) * (len(people) - n_missing[row])
        if swapped[row]:
            _exchange(units[row])
    return -1


@compiled
def _as_units(words: Words, n: int, whole: npt.NDArray[np.int32]) -> None:
    """Fill whole (n,) with hard calls in units of dosage, −1 where missing."""
    for w in range(len(words)):
        word, left = words[w], 32 * w
        for j in range(min(32, n - left)):
            call = np.int32((word >> np.uint64(2 * j)) & _THREE)
            whole[left + j] = call * (TWO_COPIES // 2) if call < 3 else -1


@compiled
def _without_sex_errors(
    words: Words,
    people: npt.NDArray[np.intp],
    men: BoolArray,
    on_y: bool,
    whole: npt.NDArray[np.int32],
) -> None:
    """On Y all but men become missing, on X men whose hard call is heterozygous."""
    for j in range(len(people)):
        person = people[j]
        call = (words[person >> 5] >> np.uint64(2 * (person & 31))) & _THREE
        if (on_y and not men[j]) or (not on_y and men[j] and call == _ONE):
            whole[person] = -1


@compiled
def _decode(
    words: Words,
    people: npt.NDArray[np.intp],
    by_sex: bool,
    whole: npt.NDArray[np.int32],
    calls: npt.NDArray[np.int8],
) -> None:
    """Fill calls (p,); what sex has made missing among the dosages is missing here too."""
    for j in range(len(people)):
        person = people[j]
        call = np.int8((words[person >> 5] >> np.uint64(2 * (person & 31))) & _THREE)
        calls[j] = -1 if call == 3 or (by_sex and whole[person] < 0) else call


@compiled
def _gather(
    whole: npt.NDArray[np.int32], people: npt.NDArray[np.intp], units: npt.NDArray[np.float32]
) -> tuple[np.int64, np.int64]:
    """Fill units (p,); their sum over people who are not missing, and how many are missing."""
    total, absent = np.int64(0), np.int64(0)
    if len(people) == len(whole):
        for j in range(len(whole)):
            x = whole[j]
            total += max(x, np.int32(0))
            absent += x < 0
            units[j] = x
        return total, absent
    for j in range(len(people)):
        x = whole[people[j]]
        total += max(x, np.int32(0))
        absent += x < 0
        units[j] = x
    return total, absent


@compiled
def _exchange(units: npt.NDArray[np.float32]) -> None:
    """The other allele's dosages; −1, which is missing, stays."""
    top = np.float32(TWO_COPIES)
    for j in range(len(units)):
        x = units[j]
        units[j] = x if x < 0 else top - x


@compiled
def take_missing(
    units: npt.NDArray[np.float32], n_missing: IntArray, columns: npt.NDArray[np.int32]
) -> None:
    """Fill columns, row after row, with the places of missing dosages, which become 0."""
    k = 0
    for i in range(len(units)):
        end = k + n_missing[i]
        j = 0
        while k < end:
            if units[i, j] < 0:
                columns[k] = j
                units[i, j] = 0
                k += 1
            j += 1


@compiled
def _main_track(
    data: Bytes, at: int, stop: int, kind: int, n: int, base: Words, words: Words, ids: IntArray
) -> int:
    """Fill words with the calls of a record."""
    packing = kind & 7
    n_bytes = (n + 3) // 4
    if packing == 0:
        if at + n_bytes > stop:
            return -1
        words[:] = 0
        words.view(np.uint8)[:n_bytes] = data[at : at + n_bytes]
        if n & 31:
            words[-1] &= (_ONE << np.uint64(2 * (n & 31))) - _ONE
        return at + n_bytes
    if packing == 5:
        return -1
    if packing == 1:
        at = _two_values(data, at, stop, n, words)
    elif packing < 4:
        words[:] = base
    else:
        words[:] = np.uint64(packing & 3) * _LOW
    if at < 0:
        return -1
    k, at, values = _people_list(data, at, stop, n, True, ids)
    if k < 0:
        return -1
    for i in range(k):
        value = np.uint64((data[values + (i >> 2)] >> (2 * (i & 3))) & 3)
        _set(words, ids[i], value)
    if packing == 3:
        for w in range(len(words)):
            words[w] ^= ((words[w] & _LOW) ^ _LOW) << _ONE
    if n & 31:
        words[-1] &= (_ONE << np.uint64(2 * (n & 31))) - _ONE
    return at


@compiled
def _set(words: Words, person: int, value: np.uint64) -> None:
    shift = np.uint64(2 * (person & 31))
    words[person >> 5] = (words[person >> 5] & ~(_THREE << shift)) | (value << shift)


@compiled
def _two_values(data: Bytes, at: int, stop: int, n: int, words: Words) -> int:
    """Calls of which most have one of two values: a bit for each person."""
    n_bytes = (n + 7) // 8
    if at + 1 + n_bytes > stop:
        return -1
    first, more = np.uint64(data[at] >> 2), np.uint64(data[at] & 3)
    if first + more > _THREE:
        return -1
    at += 1
    for w in range(len(words)):
        bits = np.uint64(0)
        for b in range(min(4, n_bytes - 4 * w)):
            bits |= np.uint64(data[at + 4 * w + b]) << np.uint64(8 * b)
        # bits of 32 people are spread among the pairs of a word
        bits = (bits | (bits << np.uint64(16))) & np.uint64(0x0000FFFF0000FFFF)
        bits = (bits | (bits << np.uint64(8))) & np.uint64(0x00FF00FF00FF00FF)
        bits = (bits | (bits << np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
        bits = (bits | (bits << np.uint64(2))) & np.uint64(0x3333333333333333)
        bits = (bits | (bits << _ONE)) & _LOW
        words[w] = first * _LOW + more * bits
    return at + n_bytes


@compiled
def _number(data: Bytes, at: int, stop: int) -> tuple[int, int]:
    """A number of 7 bits a byte, lowest first, and where it ended; −1 where it does not end."""
    value, shift = 0, 0
    while at < stop and shift <= 28:
        byte: Any = np.int64(data[at])
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    return -1, at


@compiled
def _people_list(
    data: Bytes, at: int, stop: int, n: int, with_calls: bool, ids: IntArray
) -> tuple[int, int, int]:
    """Fill ids with rising positions of people; how many, where the list ends, where its calls are.

    Positions are in groups of 64: the first of each group in full, the others as differences.
    """
    k, at = _number(data, at, stop)
    if k <= 0 or k > n:
        return (0 if k == 0 else -1), at, at
    n_groups = (k + 63) // 64
    id_bytes = 1 + (n > 0xFF) + (n > 0xFFFF) + (n > 0xFFFFFF)
    firsts = at
    at += n_groups * (id_bytes + 1) - 1
    calls = at
    if with_calls:
        at += (k + 3) // 4
    if at > stop:
        return -1, at, calls
    person = np.int64(-1)
    for i in range(k):
        if i & 63:
            difference, at = _number(data, at, stop)
            if difference <= 0:
                return -1, at, calls
            person += difference
        else:
            first = np.int64(0)
            for b in range(id_bytes):
                first |= np.int64(data[firsts + b]) << (8 * b)
            firsts += id_bytes
            if first <= person:
                return -1, at, calls
            person = first
        if person >= n:
            return -1, at, calls
        ids[i] = person
    return k, at, calls


@compiled
def _count(words: Words, n: int, value: int) -> int:
    """People with a call."""
    k = 0
    for j in range(n):
        k += (words[j >> 5] >> np.uint64(2 * (j & 31))) & _THREE == np.uint64(value)
    return k


@compiled
def _marked(
    data: Bytes, at: int, stop: int, mode: int, n: int, words: Words, value: int, ids: IntArray
) -> tuple[int, int]:
    """Fill ids with those people with a call whose alleles differ from the usual; and the end.

    Parameters
    ----------
    mode : 0 a bit for each person with that call, 1 a list, 15 nobody.
    """
    if mode == 15:
        return 0, at
    if mode == 1:
        k, at, _ = _people_list(data, at, stop, n, False, ids)
        for i in range(k):
            j = ids[i]
            if (words[j >> 5] >> np.uint64(2 * (j & 31))) & _THREE != np.uint64(value):
                return -1, at
        return k, at
    if mode != 0:
        return -1, at
    n_bytes = (_count(words, n, value) + 7) // 8
    if at + n_bytes > stop:
        return -1, at
    k, seen = 0, 0
    for j in range(n):
        if (words[j >> 5] >> np.uint64(2 * (j & 31))) & _THREE == np.uint64(value):
            if data[at + (seen >> 3)] >> (seen & 7) & 1:
                ids[k] = j
                k += 1
            seen += 1
    return k, at + n_bytes


@compiled
def _small(data: Bytes, at: int, i: int, bits: int) -> int:
    """The i-th of numbers of 1, 2, 4 or 8 bits."""
    place = i * bits
    byte: Any = np.int64(data[at + (place >> 3)])
    value: int = (byte >> (place & 7)) & ((1 << bits) - 1)
    return value


@compiled
def _multiallelic(
    data: Bytes,
    at: int,
    stop: int,
    kind: int,
    n: int,
    n_alleles: int,
    allele: int,
    words: Words,
    split: Words,
    ids: IntArray,
) -> tuple[int, int]:
    """Fill split with the copies of one ALT allele; where the track ends, and heterozygous people.

    A call of two different alleles counts as heterozygous, whichever they are.
    """
    other = np.uint64(1 if allele == 1 else 0)
    for w in range(len(words)):
        high, low = (words[w] >> _ONE) & _LOW, words[w] & _LOW
        missing = high & low
        # calls that no list mentions are of the first ALT allele
        split[w] = missing * _THREE | other * (words[w] & ~(missing * _THREE))
    n_het = _count(words, n, 1)
    if not kind & MULTIALLELIC:
        return at, n_het
    if at >= stop or n_alleles < 3:
        return -1, n_het
    modes = data[at]
    at += 1
    k, at = _marked(data, at, stop, modes & 15, n, words, 1, ids)
    bits = 8
    if n_alleles <= 18:
        bits = 4
    if n_alleles <= 6:
        bits = 2
    if n_alleles <= 4:
        bits = n_alleles - 3
    if k < 0 or at + (k * bits + 7) // 8 > stop:
        return -1, n_het
    for i in range(k):
        a = 2 + (_small(data, at, i, bits) if bits else 0)
        if a >= n_alleles:
            return -1, n_het
        _set(split, ids[i], np.uint64(a == allele))
    at += (k * bits + 7) // 8
    k, at = _marked(data, at, stop, modes >> 4, n, words, 2, ids)
    bits = 8
    if n_alleles <= 17:
        bits = 4
    if n_alleles <= 5:
        bits = 2
    if n_alleles == 3:
        bits = 1
    size = k * bits if n_alleles == 3 else 2 * k * bits
    if k < 0 or at + (size + 7) // 8 > stop:
        return -1, n_het
    for i in range(k):
        if n_alleles == 3:
            a, b = 1 + _small(data, at, i, 1), 2
        else:
            a, b = 1 + _small(data, at, 2 * i, bits), 1 + _small(data, at, 2 * i + 1, bits)
        if a >= n_alleles or b >= n_alleles:
            return -1, n_het
        n_het += a != b
        _set(split, ids[i], np.uint64((a == allele) + (b == allele)))
    return at + (size + 7) // 8, n_het


@compiled
def _after_phase(data: Bytes, at: int, stop: int, n_het: int) -> int:
    """Where the phases of heterozygous calls end, which are not used."""
    n_bytes = n_het // 8 + 1
    if at + n_bytes > stop:
        return -1
    if data[at] & 1 == 0:
        return at + n_bytes
    n_phased = 0
    for i in range(1, n_het + 1):
        n_phased += data[at + (i >> 3)] >> (i & 7) & 1
    return at + n_bytes + (n_phased + 7) // 8


@compiled
def _dosages(
    data: Bytes, at: int, stop: int, kind: int, n: int, whole: npt.NDArray[np.int32], ids: IntArray
) -> int:
    """Replace hard calls, in units, by the dosages of a record."""
    form = kind & DOSAGES
    if form == ALL_DOSAGES:
        k = n
        for j in range(n):
            ids[j] = j
    elif form == DOSAGE_LIST:
        k, at, _ = _people_list(data, at, stop, n, False, ids)
        if k < 0:
            return -1
    else:
        n_bytes = (n + 7) // 8
        if at + n_bytes > stop:
            return -1
        k = 0
        for j in range(n):
            if data[at + (j >> 3)] >> (j & 7) & 1:
                ids[k] = j
                k += 1
        at += n_bytes
    if at + 2 * k > stop:
        return -1
    for i in range(k):
        x = np.int32(data[at + 2 * i]) | (np.int32(data[at + 2 * i + 1]) << 8)
        if x > TWO_COPIES and (x != NO_DOSAGE or form != ALL_DOSAGES):
            return -1
        whole[ids[i]] = x if x <= TWO_COPIES else -1
    return at + 2 * k


@compiled
def _in_units(copies: np.float32) -> np.int32:
    """A dosage in units, −1 where it is missing."""
    return np.int32(-1) if np.isnan(copies) else np.int32(copies * (TWO_COPIES // 2) + 0.5)


@compiled
def _hard_call(units: np.int32) -> np.int32:
    """The nearest number of copies where it is at most 0.1 away, else 3 (missing)."""
    if units < 0:
        return np.int32(3)
    call = (units + TWO_COPIES // 4) // (TWO_COPIES // 2)
    return np.int32(call if abs(units - call * (TWO_COPIES // 2)) <= TWO_COPIES // 20 else 3)


@compiled
def plan_records(copies: npt.NDArray[np.float32], sizes: IntArray, kinds: Bytes) -> None:
    """Fill sizes and types (m,) of the records of dosages (m, n), NaN where missing.

    Dosages are stored of those whose is no whole number, or of everybody where that is shorter.
    """
    n = copies.shape[1]
    for i in range(len(copies)):
        k: Any = 0
        for j in range(n):
            units = _in_units(copies[i, j])
            k += units >= 0 and units % (TWO_COPIES // 2) != 0
        sizes[i], kinds[i] = (n + 3) // 4, 0
        if k and (n + 7) // 8 + 2 * k < 2 * n:
            sizes[i] += (n + 7) // 8 + 2 * k
            kinds[i] = DOSAGE_BITS
        elif k:
            sizes[i] += 2 * n
            kinds[i] = ALL_DOSAGES


@compiled
def encode_records(
    copies: npt.NDArray[np.float32], sizes: IntArray, kinds: Bytes, data: Bytes
) -> None:
    """Fill data, zeros before, with the records that :func:`plan_records` has planned."""
    n = copies.shape[1]
    start = 0
    for i in range(len(copies)):
        bits = start + (n + 3) // 4
        at = bits + (n + 7) // 8 if kinds[i] == DOSAGE_BITS else bits
        for j in range(n):
            units = _in_units(copies[i, j])
            data[start + (j >> 2)] |= np.uint8(_hard_call(units) << (2 * (j & 3)))
            if kinds[i] == 0:
                continue
            if kinds[i] == DOSAGE_BITS:
                if units < 0 or units % (TWO_COPIES // 2) == 0:
                    continue
                data[bits + (j >> 3)] |= np.uint8(1 << (j & 7))
            stored = np.int32(NO_DOSAGE) if units < 0 else units
            data[at], data[at + 1] = np.uint8(stored & 255), np.uint8(stored >> 8)
            at += 2
        start += sizes[i]
