"""Left-alignment of insertions and deletions against a reference sequence."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from gwasbone.errors import InputError
from gwasbone.session import hail

log = logging.getLogger(__name__)

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


def left_align_matrix(mt: Any, fasta: Path) -> Any:
    """Left-align the insertions and deletions of a MatrixTable with two alleles per row.

    Raises
    ------
    InputError
        The reference file or its index (.fai) is missing.
    """
    hl = hail()
    index = Path(f"{fasta}.fai")
    for path in (fasta, index):
        if not path.is_file():
            raise InputError(f"{path}: no such file; make the index with samtools faidx")
    genome = mt.locus.dtype.reference_genome
    if not genome.has_sequence():
        genome.add_sequence(str(fasta.absolute()), str(index.absolute()))
    rows = mt.rows().select()
    indels = rows.filter(hl.len(rows.alleles[0]) != hl.len(rows.alleles[1]))
    indels = indels.filter(~indels.alleles[1].startswith("<"))
    context = indels.locus.sequence_context(before=WINDOW_BP)
    moved = []
    for row in indels.select(before=context[:-1]).collect():
        old = (row.locus.position, *row.alleles)
        new = left_align(*old, row.before.upper())
        if new != old:
            moved.append({"locus": row.locus, "alleles": row.alleles, "to": new})
    if not moved:
        return mt
    log.info("%d insertions or deletions left-aligned", len(moved))
    kind = hl.tstruct(
        locus=mt.locus.dtype, alleles=hl.tarray(hl.tstr), to=hl.ttuple(hl.tint32, hl.tstr, hl.tstr)
    )
    table = hl.Table.parallelize(moved, kind, key=["locus", "alleles"])
    to = table[mt.row_key].to
    here = hl.is_missing(to)
    return mt.key_rows_by(
        locus=hl.if_else(
            here, mt.locus, hl.locus(mt.locus.contig, to[0], reference_genome=genome)
        ),
        alleles=hl.if_else(here, mt.alleles, [to[1], to[2]]),
    )
