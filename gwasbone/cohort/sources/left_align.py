"""Left-alignment of insertions and deletions against a reference sequence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gwasbone.errors import InputError, reading
from gwasbone.genome import chromosome_code

#: How far to the left a repeat is followed, in bp.
WINDOW_BP = 1000


def left_align(position_bp: int, ref: str, alt: str, before: str) -> tuple[int, str, str]:
    """The leftmost, shortest way to write a variant (Tan, Abecasis & Kang 2015).

    Parameters
    ----------
    position_bp : 1-based position of the first base of ``ref``.
    before : reference sequence that ends right before ``position_bp``.

    >>> left_align(6, "CAC", "C", "GGGCA")      # in GGGCACAC, the first repeat is deleted
    (3, 'GCA', 'G')
    """
    taken = 0
    while True:
        if ref and alt and ref[-1] == alt[-1] and len(ref) + len(alt) > 2:
            ref, alt = ref[:-1], alt[:-1]
        elif (not ref or not alt) and taken < len(before):
            taken += 1
            base = before[-taken]
            ref, alt = base + ref, base + alt
        else:
            break
    while len(ref) > 1 and len(alt) > 1 and ref[0] == alt[0]:
        ref, alt = ref[1:], alt[1:]
        position_bp += 1
    return position_bp - taken, ref, alt


@dataclass(frozen=True)
class Fasta:
    """A reference sequence with its index (``samtools faidx``), read piece by piece.

    Parameters
    ----------
    path : uncompressed FASTA.
    index : chromosome code -> (length, offset, bases per line, bytes per line), from the .fai.
    """

    path: Path
    index: dict[int, tuple[int, int, int, int]]

    @classmethod
    def open(cls, path: Path) -> Fasta:
        """Read the index.

        Raises
        ------
        InputError
            The file or its index is missing or malformed.
        """
        fai = Path(f"{path}.fai")
        for needed in (path, fai):
            if not needed.is_file():
                raise InputError(f"{needed}: no such file; make the index with samtools faidx")
        index: dict[int, tuple[int, int, int, int]] = {}
        with reading(fai, "the index of a FASTA file"):
            lines = fai.read_text().splitlines()
        for number, line in enumerate(lines, 1):
            name, *rest = line.split("\t")
            code = chromosome_code(name)
            if len(rest) < 4 or not all(word.isdigit() for word in rest[:4]):
                raise InputError(f"{fai} line {number}: expected a .fai with 5 columns")
            if code is not None:
                index.setdefault(code, tuple(map(int, rest[:4])))  # type: ignore[arg-type]
        return cls(path, index)

    def before(self, chromosome: int, position_bp: int, length: int) -> str:
        """Up to ``length`` bases that end right before a 1-based position; "" off the sequence."""
        if chromosome not in self.index:
            return ""
        total, offset, bases, width = self.index[chromosome]
        end = min(position_bp - 1, total)
        start = max(0, end - length)
        with reading(self.path, "a FASTA file of plain text, as its .fai describes it"):
            first, last = (offset + at // bases * width + at % bases for at in (start, end))
            with open(self.path, "rb") as handle:
                handle.seek(first)
                return handle.read(last - first).decode("ascii").replace("\n", "").upper()
