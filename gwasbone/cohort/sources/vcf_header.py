"""Headers of VCF files: samples, declared fields, contig lengths, and whether the file is whole."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gwasbone.blocks.bgzf import BGZF_END, compression_of, pieces
from gwasbone.errors import InputError, listed
from gwasbone.genome import BUILDS, LENGTHS_BP, chromosome_code

#: INFO fields that hold an imputation score, the first that is declared counts.
SCORES = ("INFO", "R2", "DR2")
_BCF_MAGIC = b"BCF\x02"
_READ_AT_ONCE = 1 << 16
_LONGEST = 1 << 30


@dataclass(frozen=True)
class VcfHeader:
    """What the header of a VCF or BCF says.

    Parameters
    ----------
    contig_lengths : by name, where declared.
    formats, infos : names of the declared fields.
    compression : ``none``, ``gzip`` or ``bgzf``.
    n_bytes, n_lines : of the header, unpacked.
    is_bcf : whether the records are binary.
    strings, contigs : of a BCF, the names that its records refer to by number.
    """

    path: Path
    samples: tuple[str, ...]
    contig_lengths: dict[str, int]
    formats: frozenset[str]
    infos: frozenset[str]
    compression: str
    n_bytes: int
    n_lines: int
    is_bcf: bool = False
    strings: tuple[str, ...] = ()
    contigs: tuple[str, ...] = ()

    @property
    def score(self) -> str | None:
        """The INFO field of the imputation score; None where none is declared."""
        return next((name for name in SCORES if name in self.infos), None)


def read_header(path: Path) -> VcfHeader:
    """Read a VCF's header and check that the file is whole as far as that is cheap to see.

    Raises
    ------
    InputError
        Not a VCF; named ``.bgz`` but not block-gzipped; a BGZF file without its end block; text
        that does not end with a newline; a sample that is named twice.
    """
    compression = compression_of(path)
    if path.suffix == ".bgz" and compression != "bgzf":
        kind = "plain gzip" if compression == "gzip" else "not compressed"
        raise InputError(
            f"{path}: expected block gzip (bgzip) because of the name .bgz, the file is {kind}: "
            "run bgzip on it, or name it .vcf.gz or .vcf"
        )
    chunks = _unpacked(path, compression)
    start = next(chunks, b"")
    is_bcf = start.startswith(_BCF_MAGIC)
    if compression != "gzip" and _ends_early(path, compression, is_bcf=is_bcf):
        raise InputError(f"{path}: the file ends in the middle, it was cut short: copy it again")
    if is_bcf:
        while len(start) < 9 or len(start) < 9 + int.from_bytes(start[5:9], "little"):
            more = next(chunks, b"")
            if not more:
                raise InputError(f"{path}: the header of this BCF is cut short: copy it again")
            start += more
        n_bytes = 9 + int.from_bytes(start[5:9], "little")
        lines: Iterator[bytes] = iter(start[9:n_bytes].rstrip(b"\0").splitlines(keepends=True))
    else:
        n_bytes, lines = 0, _lines(start, chunks)
    return _parsed(path, compression, lines, n_bytes, is_bcf=is_bcf)


def _parsed(
    path: Path, compression: str, lines: Iterator[bytes], n_bytes: int, *, is_bcf: bool
) -> VcfHeader:
    lengths: dict[str, int] = {}
    declared: dict[str, set[str]] = {"FORMAT": set(), "INFO": set(), "FILTER": set()}
    strings, contigs = {0: "PASS"}, {}
    read, n_lines = 0, 0
    for raw in lines:
        read, n_lines = read + len(raw), n_lines + 1
        try:
            line = raw.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            if not raw.startswith(b"##"):
                break
            continue
        if line.startswith("##contig"):
            name, length = re.search(r"ID=([^,>]+)", line), re.search(r"length=(\d+)", line)
            if name:
                contigs[_index(line, len(contigs))] = name[1]
                if length:
                    lengths[name[1]] = int(length[1])
        elif found := re.match(r"##(FORMAT|INFO|FILTER)=<ID=([^,>]+)", line):
            declared[found[1]].add(found[2])
            if found[2] not in strings.values():
                strings[_index(line, max(strings) + 1)] = found[2]
        elif line.startswith("#CHROM"):
            samples = tuple(line.split("\t")[9:])
            _refuse_twice(path, samples)
            return VcfHeader(
                path, samples, lengths, frozenset(declared["FORMAT"]),
                frozenset(declared["INFO"]), compression, n_bytes if is_bcf else read, n_lines,
                is_bcf, _by_number(strings), _by_number(contigs),
            )  # fmt: skip
        elif not line.startswith("##"):
            break
    raise InputError(f"{path}: expected a VCF header with a #CHROM line, found none")


def _index(line: str, default: int) -> int:
    """The number that a header line of a BCF gives its name."""
    found = re.search(r"[,<]IDX=(\d{1,6})\b", line)
    return int(found[1]) if found else default


def _by_number(names: dict[int, str]) -> tuple[str, ...]:
    return tuple(names.get(i, "") for i in range(max(names, default=-1) + 1))


def _refuse_twice(path: Path, samples: Sequence[str]) -> None:
    if len(set(samples)) < len(samples):
        seen: set[str] = set()
        twice = [name for name in samples if name in seen or seen.add(name)]  # type: ignore[func-returns-value]
        raise InputError(
            f"{path}: expected every sample once in the header, found {listed(twice, 3)} again: "
            "rename or remove the copies, for example with bcftools reheader"
        )


def _unpacked(path: Path, compression: str) -> Iterator[bytes]:
    buffer = bytearray()
    for piece, _ in pieces(path, compression, _READ_AT_ONCE):
        piece.into(buffer)
        yield bytes(buffer[: piece.size])


def _lines(start: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    held, at = [start], 0
    while True:
        end = held[-1].find(b"\n", at)
        if end >= 0:
            line = b"".join(held[:-1]) + held[-1][: end + 1]
            rest = held[-1][end + 1 :]
            held = [rest]
            yield line
            continue
        more = next(chunks, b"")
        if not more or sum(map(len, held)) > _LONGEST:
            return
        if held[0][:1] not in (b"#", b""):
            return
        held.append(more)


def _ends_early(path: Path, compression: str, *, is_bcf: bool) -> bool:
    with open(path, "rb") as handle:
        handle.seek(0, 2)
        size = handle.tell()
        handle.seek(max(0, size - len(BGZF_END)))
        tail = handle.read()
    if compression == "bgzf":
        return tail != BGZF_END
    return not is_bcf and not tail.endswith(b"\n")


def refuse_other_samples(headers: Sequence[VcfHeader]) -> None:
    """Refuse files whose samples are not those of the first, in their order."""
    first = headers[0]
    if not first.samples:
        raise InputError(f"{first.path}: expected genotypes, the VCF has no sample columns")
    for other in headers[1:]:
        if other.samples != first.samples:
            raise InputError(
                f"{other.path}: expected the {len(first.samples)} samples of {first.path} in the "
                f"same order, found {len(other.samples)} that differ: use bcftools view -S"
            )


def build_of(headers: Sequence[VcfHeader], given: str | None) -> str:
    """The reference build, as given or by the contig lengths.

    Raises
    ------
    InputError
        Contig lengths that contradict it, or that tell none where none is given.
    """
    fits = set(BUILDS)
    for header in headers:
        for name, length in header.contig_lengths.items():
            code = chromosome_code(name)
            if code is not None:
                fits &= {b for b in BUILDS if LENGTHS_BP[b][code] == length} or fits
    if given is not None and given not in fits:
        raise InputError(
            f"{headers[0].path}: build {given} was given, but the contig lengths in the header "
            f"are those of {fits.pop()}: give that --build"
        )
    if given is None and len(fits) > 1:
        raise InputError(
            f"{headers[0].path}: the header does not state the reference build: "
            "give --build GRCh37 or --build GRCh38"
        )
    return given or fits.pop()
