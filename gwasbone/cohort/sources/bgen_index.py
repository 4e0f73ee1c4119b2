"""What a BGEN file says of itself: its header, its participants and where its variants are.

Formats: https://www.chg.ox.ac.uk/~gav/bgen_format/, layouts 1 (v1.1) and 2 (v1.2, v1.3). Genotypes
are stepped over; they are decoded in :mod:`gwasbone.blocks.bgen`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from gwasbone.blocks.compiled import compiled
from gwasbone.errors import InputError
from gwasbone.ranges import Bytes

#: Between the alleles of a variant with more than two.
ALLELE_SEPARATOR = ","
#: Bytes of a header without free data, and of a variant without a name, an allele or genotypes.
_SHORTEST_HEADER, _SHORTEST_VARIANT = 20, 16


@dataclass(frozen=True)
class BgenHeader:
    """The first block of a BGEN file (BGEN specification, header block)."""

    path: Path
    n_variants: int
    n_people: int
    compression: int
    layout: int
    has_sample_ids: bool
    length: int
    first_variant_offset: int


def read_header(path: Path) -> BgenHeader:
    """Read and check the header block.

    Raises
    ------
    InputError
        Too short, no BGEN, another layout than 1 and 2, an unknown compression, or lengths and
        numbers that the file is too short for.
    """
    size = path.stat().st_size
    with open(path, "rb") as handle:
        raw = handle.read(24)
        if len(raw) < 24:
            raise InputError(f"{path}: expected a BGEN file, got {len(raw)} bytes: copy it again")
        offset, length, n_variants, n_people = struct.unpack("<IIII", raw[:16])
        if raw[16:20] not in (b"bgen", b"\0\0\0\0") or length < _SHORTEST_HEADER:
            raise InputError(f"{path}: expected a BGEN file, the header is not one")
        handle.seek(4 + length - 4)
        flags = handle.read(4)
    if not length <= offset <= size - 4 or len(flags) < 4:
        raise InputError(
            f"{path}: expected a header of {length} bytes and variants from byte {offset + 4} on, "
            f"the file has {size} bytes: copy it again"
        )
    bits = struct.unpack("<I", flags)[0]
    header = BgenHeader(
        path, n_variants, n_people, bits & 3, (bits >> 2) & 15, bool(bits >> 31), length, offset + 4
    )
    _refuse_unknown_kind(header)
    if n_variants * _SHORTEST_VARIANT > size - header.first_variant_offset:
        raise InputError(
            f"{path}: the file was cut short: {size} bytes do not hold the {n_variants} variants "
            "that its header states: copy it again"
        )
    return header


def _refuse_unknown_kind(header: BgenHeader) -> None:
    if header.layout not in (1, 2):
        raise InputError(
            f"{header.path}: expected BGEN v1.1 to v1.3 (layout 1 or 2), got layout "
            f"{header.layout}: convert it with plink2 --export bgen-1.2"
        )
    if header.compression == 3 or (header.layout == 1 and header.compression == 2):
        raise InputError(
            f"{header.path}: expected genotypes compressed by zlib or (in v1.2) zstd or not at "
            f"all, got compression {header.compression}: convert it with plink2 --export bgen-1.2"
        )


def read_sample_ids(header: BgenHeader) -> list[str] | None:
    """The IDs of participants that the file itself holds; None where it holds none.

    Raises
    ------
    InputError
        The block of IDs is not whole, or holds another number of IDs than the header says.
    """
    if not header.has_sample_ids:
        return None
    with open(header.path, "rb") as handle:
        handle.seek(4 + header.length)
        raw = handle.read(header.first_variant_offset - 4 - header.length)
    ids, at = [], 8
    try:
        (n,) = struct.unpack_from("<I", raw, 4)
        for _ in range(n):
            (length,) = struct.unpack_from("<H", raw, at)
            ids.append(raw[at + 2 : at + 2 + length].decode())
            at += 2 + length
    except (struct.error, UnicodeDecodeError):
        at = len(raw) + 1
    if at > len(raw) or len(ids) != header.n_people:
        raise InputError(
            f"{header.path}: expected the IDs of {header.n_people} participants in the file, they "
            "are not whole: copy it again"
        )
    return ids


def read_variants(header: BgenHeader) -> pd.DataFrame:
    """All variants of a file, in its order, stepping over the genotypes.

    Returns
    -------
    Columns ``chromosome`` (as spelt in the file), ``base_pair_location``, ``ref`` (the first
    allele), ``alt`` (the others, joined by ``,``), ``source_id`` (the rs number; ``.`` for none)
    and ``offset``, ``size``: the bytes that hold the genotypes.

    Raises
    ------
    InputError
        The file ends before its last variant does, or names are not text.
    """
    if header.n_variants == 0:
        raise InputError(f"{header.path}: expected at least one variant, found none")
    data = np.asarray(np.memmap(header.path, mode="r", dtype=np.uint8))
    m = header.n_variants
    numbers = np.zeros((m, 4), dtype=np.int64)
    starts, lengths = np.zeros((m, 4), np.int64), np.zeros((m, 4), np.int64)
    # in layout 1, genotypes that are not compressed take six bytes each and state no length
    plain_size = 6 * header.n_people if header.layout == 1 and not header.compression else -1
    found = _scan(
        data, header.first_variant_offset, header.layout == 1, plain_size, numbers, starts, lengths
    )
    if found < m:
        raise InputError(
            f"{header.path}: the file was cut short: it ends inside variant {found + 1} "
            f"of {m}: copy it again"
        )
    position, n_alleles, offset, size = numbers.T
    chromosome, source_id, ref, alt = (
        _text(data, starts[:, c], lengths[:, c], header.path) for c in range(4)
    )
    for i in np.flatnonzero(n_alleles != 2):
        alt[i] = ALLELE_SEPARATOR.join(_later_alleles(data, int(starts[i, 2]), int(n_alleles[i])))
    return pd.DataFrame(
        {
            "chromosome": chromosome,
            "base_pair_location": position,
            "ref": ref,
            "alt": alt,
            "source_id": np.where(source_id == "", ".", source_id),
            "offset": offset,
            "size": size,
        }
    )


def _text(
    data: Bytes, start: npt.NDArray[np.int64], length: npt.NDArray[np.int64], path: Path
) -> npt.NDArray[np.object_]:
    """(m,) strings that lie at places of a file."""
    offsets = np.zeros(len(start) + 1, dtype=np.int64)
    np.cumsum(length, out=offsets[1:])
    gathered = np.empty(max(int(offsets[-1]), 1), dtype=np.uint8)
    _gather(data, start, offsets, gathered)
    strings = pa.LargeStringArray.from_buffers(
        len(start), pa.py_buffer(offsets), pa.py_buffer(gathered)
    )
    try:
        strings.validate(full=True)
    except pa.ArrowInvalid:
        raise InputError(
            f"{path}: expected names of variants and alleles as text, found other bytes: the file "
            "is damaged; copy it again"
        ) from None
    return strings.to_numpy(zero_copy_only=False)


def _later_alleles(data: Bytes, first: int, n_alleles: int) -> list[str]:
    """All alleles but the first of a variant; ``first`` is where the first's letters are."""
    alleles, at = [], first - 4
    for _ in range(n_alleles):
        length = int(data[at : at + 4].view("<u4")[0])
        alleles.append(data[at + 4 : at + 4 + length].tobytes().decode(errors="replace"))
        at += 4 + length
    return alleles[1:]


@compiled
def _number(data: Bytes, at: int, n_bytes: int) -> int:
    """A little-endian number."""
    value = np.int64(0)
    for i in range(n_bytes):
        value |= np.int64(data[at + i]) << (8 * i)
    return int(value)


@compiled
def _scan(
    data: Bytes,
    at: int,
    is_layout_1: bool,
    plain_size: int,
    numbers: npt.NDArray[np.int64],
    starts: npt.NDArray[np.int64],
    lengths: npt.NDArray[np.int64],
) -> int:
    """Fill what is known of each variant; how many are whole.

    ``numbers`` (m, 4): position, alleles, offset and size of the genotypes. ``starts`` and
    ``lengths`` (m, 4): where chromosome, rs number and the first two alleles are. ``plain_size``:
    bytes of genotypes that state no length, −1 where they state it.
    """
    end = len(data)
    for i in range(len(numbers)):
        if is_layout_1:
            at += 4  # the number of participants, again
        for column in (-1, 1, 0):  # variant ID, rs number, chromosome
            if at + 2 > end:
                return i
            length = _number(data, at, 2)
            if column >= 0:
                starts[i, column], lengths[i, column] = at + 2, length
            at += 2 + length
        if at + 6 > end:
            return i
        numbers[i, 0] = _number(data, at, 4)
        at += 4
        numbers[i, 1] = 2
        if not is_layout_1:
            numbers[i, 1] = _number(data, at, 2)
            at += 2
        for allele in range(numbers[i, 1]):
            if at + 4 > end:
                return i
            length = _number(data, at, 4)
            if allele < 2:
                starts[i, 2 + allele], lengths[i, 2 + allele] = at + 4, length
            at += 4 + length
        size = np.int64(plain_size)
        if plain_size < 0:
            if at + 4 > end:
                return i
            size = 4 + _number(data, at, 4)
        numbers[i, 2], numbers[i, 3] = at, size
        at += size
        if at > end:
            return i
    return len(numbers)


@compiled
def _gather(
    data: Bytes,
    start: npt.NDArray[np.int64],
    offsets: npt.NDArray[np.int64],
    gathered: Bytes,
) -> None:
    """Put the bytes of strings one after the other."""
    for i in range(len(start)):
        for j in range(offsets[i + 1] - offsets[i]):
            gathered[offsets[i] + j] = data[start[i] + j]
