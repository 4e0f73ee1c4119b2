"""BGEN files with known probabilities, written byte by byte from the specification."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zstandard


@dataclass
class MadeVariant:
    """Probabilities in units of 1 / (2^bits − 1): one list of numbers for each person."""

    values: Sequence[Sequence[int]]
    chromosome: str = "1"
    position: int = 1000
    alleles: tuple[str, ...] = ("A", "G")
    source_id: str = "rs1"
    missing: Sequence[bool] = ()
    phased: int = 0
    bits: int = 8
    copies: Sequence[int] = ()
    #: Bytes of ploidy, where they are to contradict the copies.
    ploidies: Sequence[int] = ()

    def raw(self) -> bytes:
        n = len(self.values)
        copies = np.array(self.copies if len(self.copies) else [2] * n, np.uint8)
        state = copies + 128 * np.array(self.missing if len(self.missing) else [0] * n, np.uint8)
        if len(self.ploidies):
            state = np.array(self.ploidies, np.uint8)
        flat = [int(v) for person in self.values for v in person]
        bits = sum(v << self.bits * i for i, v in enumerate(flat))
        numbers = bits.to_bytes((len(flat) * self.bits + 7) // 8, "little")
        head = struct.pack("<IHBB", n, len(self.alleles), copies.min(), copies.max())
        return head + state.astype("u1").tobytes() + bytes([self.phased, self.bits]) + numbers

    def raw_of_layout_1(self) -> bytes:
        """Three numbers for each participant, in units of 1 / 32768."""
        return np.array(self.values, "<u2").tobytes()


def write_bgen(
    path: Path,
    variants: Sequence[MadeVariant],
    *,
    compression: int = 1,
    sex: Sequence[int] | None = None,
    ids: Sequence[str] | None = None,
    ids_inside: bool = False,
    layout: int = 2,
) -> Path:
    """Write ``path`` and the .sample beside it; participants are i0, i1, ..."""
    n = len(variants[0].values)
    ids = [f"i{i}" for i in range(n)] if ids is None else ids
    pack = {0: bytes, 1: zlib.compress, 2: zstandard.compress}[compression]
    body = b""
    for v in variants:
        if layout == 1:
            body += struct.pack("<I", n)
        for text in ("other", v.source_id, v.chromosome):
            body += struct.pack("<H", len(text)) + text.encode()
        body += struct.pack("<I", v.position)
        body += struct.pack("<H", len(v.alleles)) if layout == 2 else b""
        for allele in v.alleles:
            body += struct.pack("<I", len(allele)) + allele.encode()
        raw = v.raw() if layout == 2 else v.raw_of_layout_1()
        data = struct.pack("<I", len(raw)) if layout == 2 and compression else b""
        data += pack(raw)
        body += struct.pack("<I", len(data)) if layout == 2 or compression else b""
        body += data
    inside = b"".join(struct.pack("<H", len(i)) + i.encode() for i in ids) if ids_inside else b""
    block = struct.pack("<II", 8 + len(inside), n) + inside if ids_inside else b""
    flags = compression | layout << 2 | int(ids_inside) << 31
    head = struct.pack("<III4sI", 20, len(variants), n, b"bgen", flags)
    path.write_bytes(struct.pack("<I", 20 + len(block)) + head + block + body)
    sexes = [0] * n if sex is None else sex
    rows = "".join(f"f {i} 0 {s}\n" for i, s in zip(ids, sexes, strict=True))
    path.with_suffix(".sample").write_text("ID_1 ID_2 missing sex\n0 0 0 D\n" + rows)
    return path


def random_probabilities(
    rng: np.random.Generator, m: int, n: int, *, bits: int = 8, certainty: float = 0.7
) -> np.ndarray:
    """(m, n, 2) units of P(two REF) and P(one), as imputation gives them: some are certain."""
    one = 2**bits - 1
    call = rng.binomial(2, rng.uniform(0.03, 0.97, (m, 1)), (m, n))
    P = 0.6 * np.eye(3)[call] + 0.4 * rng.dirichlet([1, 1, 1], (m, n))
    P = np.where(rng.random((m, n, 1)) < certainty, np.eye(3)[call], P)
    return np.floor(P[:, :, :2] * one).astype(int)


def dosages_of(values: np.ndarray, bits: int = 8) -> np.ndarray:
    """(m, n) copies of the second allele of unphased (m, n, 2) probabilities."""
    one = 2**bits - 1
    return 2 - (2 * values[:, :, 0] + values[:, :, 1]) / one
