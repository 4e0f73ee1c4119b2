"""Compiled loops over the probabilities of one variant of a BGEN file; :mod:`.bgen` checks them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from gwasbone.blocks.compiled import compiled
from gwasbone.blocks.packed import PEOPLE_PER_WORD, Words
from gwasbone.ranges import Bytes


@compiled
def unpack_bits(data: Bytes, bits: int, values: npt.NDArray[np.uint32]) -> None:
    """Fill values (n,) with numbers of so many bits each."""
    held, n_held, at = np.uint64(0), 0, 0
    mask = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    for i in range(len(values)):
        while n_held < bits:
            held |= np.uint64(data[at]) << np.uint64(n_held)
            n_held += 8
            at += 1
        values[i] = held & mask
        held >>= np.uint64(bits)
        n_held -= bits


@compiled
def decode_dosages(
    values: npt.NDArray[np.unsignedinteger],
    ploidy: Bytes,
    copies: int,
    starts: npt.NDArray[np.intp],
    people: npt.NDArray[np.intp],
    phased: bool,
    one: int,
    top: int,
    units: npt.NDArray[np.float32],
    missing: npt.NDArray[np.int32],
) -> tuple[int, bool]:
    """Fill units (n,) with the rarer allele's; the number missing, and if it is the first allele.

    −1 for that number where probabilities add up to more than 1.
    """
    n_missing = 0
    for j in range(len(people)):
        if ploidy[people[j]] >= 128:
            missing[n_missing] = j
            n_missing += 1
    # numbers of 16 bits add up within 32
    if copies == 2 and len(people) == len(ploidy) and top == 2 * one and one < 65_536:
        total, most = _fill_everyone(values, ploidy, phased, top, units)
    else:
        total, most = _fill_some(values, ploidy, copies, starts, people, phased, one, top, units)
    if not phased and most > one:
        return -1, False
    swapped = 2 * total > top * (len(people) - n_missing)
    if swapped:
        for j in range(len(people)):
            units[j] = top - units[j]
        for j in range(n_missing):
            units[missing[j]] = 0
    return n_missing, bool(swapped)


@compiled
def _fill_everyone(
    values: npt.NDArray[np.unsignedinteger],
    ploidy: Bytes,
    phased: bool,
    top: int,
    units: npt.NDArray[np.float32],
) -> tuple[np.int64, np.int64]:
    """Fill units where all have two copies; their sum, and the greatest sum of probabilities.

    Without branches, so that several people are done at a time.
    """
    total, most, weight = np.int64(0), np.int32(0), np.int32(1 if phased else 2)
    for j in range(len(ploidy)):
        present = np.int32(ploidy[j] < 128)
        first, second = np.int32(values[2 * j]), np.int32(values[2 * j + 1])
        most = max(most, np.int32(present * (first + second)))
        x = np.int32(present * (np.int32(top) - weight * first - second))
        total += x
        units[j] = x
    return total, np.int64(most)


@compiled
def _fill_some(
    values: npt.NDArray[np.unsignedinteger],
    ploidy: Bytes,
    copies: int,
    starts: npt.NDArray[np.intp],
    people: npt.NDArray[np.intp],
    phased: bool,
    one: int,
    top: int,
    units: npt.NDArray[np.float32],
) -> tuple[np.int64, np.int64]:
    """As :func:`_fill_everyone`, of some samples, where some have one copy, or of many bits."""
    total, most = np.int64(0), np.int64(0)
    whole = 2 * np.int64(one)
    for j in range(len(people)):
        person = people[j]
        state, start = ploidy[person], copies * person if copies else starts[person]
        x = np.int64(0)
        if state == 1:
            x = whole - 2 * np.int64(values[start])
            most = max(most, np.int64(values[start]))
        elif state == 2:
            first, second = np.int64(values[start]), np.int64(values[start + 1])
            x = whole - (first if phased else 2 * first) - second
            most = max(most, first + second)
        if top != whole:
            x = (x * top + one) // whole
        total += x
        units[j] = x
    return total, most


@compiled
def decode_calls(
    values: npt.NDArray[np.unsignedinteger],
    ploidy: Bytes,
    copies: int,
    starts: npt.NDArray[np.intp],
    people: npt.NDArray[np.intp],
    phased: bool,
    one: int,
    calls: npt.NDArray[np.int8],
) -> bool:
    """Fill calls (n,) with the genotype of the greatest probability; whether sums are at most 1."""
    right = True
    for j in range(len(people)):
        person = people[j]
        state, start = ploidy[person], copies * person if copies else starts[person]
        if state >= 128:
            calls[j] = -1
            continue
        first = np.int64(values[start])
        if state == 1:
            zero, het, two = float(first), -1.0, float(one - first)
            if first > one:
                right = False
        else:
            second = np.int64(values[start + 1])
            if phased:
                # of 32 bits, products are beyond whole numbers
                zero = float(first) * float(second)
                two = float(one - first) * float(one - second)
                het = float(one) * float(one) - zero - two
            else:
                zero, het, two = float(first), float(second), float(one - first - second)
                if first + second > one:
                    right = False
        if zero > het and zero > two:
            calls[j] = 0
        elif het > zero and het > two:
            calls[j] = 1
        elif two > zero and two > het:
            calls[j] = 2
        else:
            calls[j] = -1
    return right


@compiled
def pack(calls: npt.NDArray[np.int8], words: Words) -> None:
    """Fill words (w,) with calls (n,): 00 two copies of ALT, 10 one, 11 none, 01 missing."""
    for w in range(len(words)):
        word = np.uint64(0)
        for j in range(PEOPLE_PER_WORD * w, min(PEOPLE_PER_WORD * (w + 1), len(calls))):
            copies = calls[j]
            code = np.uint64(1)
            if copies >= 0:
                code = np.uint64(0 if copies == 2 else 3 - copies)
            word |= code << np.uint64(2 * (j - PEOPLE_PER_WORD * w))
        words[w] = word
