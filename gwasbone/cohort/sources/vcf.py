"""VCF files: checked, read once by Hail, split, normalised and kept as a MatrixTable."""

from __future__ import annotations

import glob
import gzip
import logging
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from gwasbone.cohort.sources.left_align import Fasta, left_align_matrix
from gwasbone.cohort.sources.matrix_table import (
    contig_recoding,
    genotypes_from_normal_form,
    normal_form,
    unreadable,
)
from gwasbone.cohort.sources.source import Genotypes, ReadOptions
from gwasbone.errors import InputError
from gwasbone.genome import BUILDS, LENGTHS_BP, chromosome_code
from gwasbone.progress import hail_progress
from gwasbone.session import hail, temporary_path

log = logging.getLogger(__name__)

_GZIP_MAGIC = b"\x1f\x8b"
#: The empty block that ends every complete BGZF file (SAM specification, section 4.1.2).
_BGZF_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")

#: Half-called genotypes on X, which is how some VCFs write a man's single allele, as haploid.
#: Java regular expression: anchored at lines of X, then from match to match (``\\G``).
_HAPLOID_X = (
    r"(^(?:[cC][hH][rR])?(?:X|23)\t[^\n]*?|\G(?!^)[^\n]*?)\t(\d+)[/|]\.(?=[:\t]|$)",
    "$1\t$2",
)


@dataclass(frozen=True)
class VcfHeader:
    """What the header of a VCF says: sample names, contig lengths, declared FORMAT and INFO."""

    path: Path
    samples: tuple[str, ...]
    contig_lengths: dict[str, int]
    formats: frozenset[str]
    infos: frozenset[str]
    compression: str  # "none", "gzip" or "bgzf"


def read_vcf(pattern: str | list[str], options: ReadOptions) -> Genotypes:
    """The genotypes of one or several VCFs with the same samples.

    Multiallelic sites are split (and left-aligned where a reference FASTA is given); dosages
    come from ``DS`` where declared, else from ``GT``. Text is read once: the result is kept as a
    MatrixTable at ``options.keep_at``, or in the session's temporary folder.

    Raises
    ------
    InputError
        Missing, truncated or malformed files, other people in one of them, a build that the
        header contradicts, no build known at all.
    """
    paths = _expand(pattern)
    headers = [read_header(path) for path in paths]
    _refuse_other_samples(headers)
    plain = [h.path for h in headers if h.compression == "gzip"]
    if plain:
        log.warning(
            "%d VCFs (%s ...) are plain gzip: a file is read by one core; bgzip makes it parallel",
            len(plain),
            plain[0],
        )
    build = _build_of(headers, options.build)
    description = str(paths[0]) + (f" and {len(paths) - 1} more VCFs" if len(paths) > 1 else "")
    fasta = None if options.reference_fasta is None else Fasta.open(options.reference_fasta)
    try:
        mt = _import(headers, build, description)
        if fasta is not None:
            mt = left_align_matrix(mt, fasta)
        with hail_progress(f"reading {description}"):
            mt = mt.checkpoint(options.keep_at or temporary_path("vcf") + ".mt", overwrite=True)
    except hail().utils.java.FatalError as error:
        raise unreadable(description, error) from None
    n = len(headers[0].samples)
    return genotypes_from_normal_form(
        mt,
        fid=pd.Series(["0"] * n) if options.id_rule == "iid" else pd.Series(headers[0].samples),
        sex=_sex_from_ploidy(mt, n),
        id_rule=options.id_rule,
        files=tuple(str(path) for path in paths),
        description=description,
        # what is known is deduced from the calls
        states_sex=False,
    )


def _expand(pattern: str | list[str]) -> list[Path]:
    parts = pattern.split(",") if isinstance(pattern, str) else pattern
    paths: list[Path] = []
    for part in parts:
        found = sorted(glob.glob(part)) if glob.has_magic(part) else [part]
        paths += [Path(p) for p in found]
    missing = [p for p in paths if not p.is_file()]
    if missing or not paths:
        raise InputError(f"--vcf {missing[0] if missing else pattern}: no such file")
    return paths


def read_header(path: Path) -> VcfHeader:
    """Read a VCF's header and check that the file is whole as far as that is cheap to see.

    Raises
    ------
    InputError
        Not a VCF; named ``.bgz`` but not block-gzipped; a BGZF file without its end block; text
        that does not end with a newline.
    """
    compression = _compression(path)
    if path.suffix == ".bgz" and compression != "bgzf":
        kind = "plain gzip" if compression == "gzip" else "not compressed"
        raise InputError(
            f"{path}: expected block gzip (bgzip) because of the name .bgz, the file is {kind}: "
            "run bgzip on it, or name it .vcf.gz or .vcf"
        )
    if compression != "gzip" and _ends_early(path, compression):
        raise InputError(f"{path}: the file ends in the middle, it was cut short: copy it again")
    lengths: dict[str, int] = {}
    formats: set[str] = set()
    infos: set[str] = set()
    opener = open if compression == "none" else gzip.open
    try:
        with opener(path, "rt") as handle:
            for line in handle:
                if line.startswith("##contig"):
                    name, length = re.search(r"ID=([^,>]+)", line), re.search(r"length=(\d+)", line)
                    if name and length:
                        lengths[name[1]] = int(length[1])
                elif line.startswith(("##FORMAT=<ID=", "##INFO=<ID=")):
                    kind, rest = line[2:].split("=<ID=", 1)
                    (formats if kind == "FORMAT" else infos).add(rest.split(",", 1)[0])
                elif line.startswith("#CHROM"):
                    samples = tuple(line.rstrip("\r\n").split("\t")[9:])
                    return VcfHeader(
                        path, samples, lengths, frozenset(formats), frozenset(infos), compression
                    )
                elif not line.startswith("##"):
                    break
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not readable as a VCF: {error}") from None
    raise InputError(f"{path}: expected a VCF header with a #CHROM line, found none")


def _compression(path: Path) -> str:
    with open(path, "rb") as handle:
        head = handle.read(18)
    if not head.startswith(_GZIP_MAGIC):
        return "none"
    return "bgzf" if len(head) == 18 and head[3] & 4 and head[12:14] == b"BC" else "gzip"


def _ends_early(path: Path, compression: str) -> bool:
    with open(path, "rb") as handle:
        handle.seek(0, 2)
        size = handle.tell()
        handle.seek(max(0, size - len(_BGZF_END)))
        tail = handle.read()
    return tail != _BGZF_END if compression == "bgzf" else not tail.endswith(b"\n")


def _refuse_other_samples(headers: list[VcfHeader]) -> None:
    first = headers[0]
    if not first.samples:
        raise InputError(f"{first.path}: expected genotypes, the VCF has no sample columns")
    for other in headers[1:]:
        if other.samples != first.samples:
            raise InputError(
                f"{other.path}: expected the {len(first.samples)} samples of {first.path} in the "
                f"same order, found {len(other.samples)} that differ: use bcftools view -S"
            )


def _build_of(headers: list[VcfHeader], given: str | None) -> str:
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


def _import(headers: list[VcfHeader], build: str, description: str) -> Any:
    hl = hail()
    parts = []
    for compression in ("none", "gzip", "bgzf"):
        paths = [str(h.path.absolute()) for h in headers if h.compression == compression]
        if not paths:
            continue
        options = {"force": compression == "gzip", "force_bgz": compression == "bgzf"}
        lines = _count_lines(paths, options, description)
        mt = hl.import_vcf(
            paths,
            reference_genome=build,
            contig_recoding=contig_recoding(list(lines), build),
            skip_invalid_loci=True,
            array_elements_required=False,
            find_replace=_HAPLOID_X,
            **options,
        )
        parts.append(_split(hl, mt, headers[0]))
    return parts[0] if len(parts) == 1 else hl.MatrixTable.union_rows(*parts)


def _count_lines(paths: list[str], options: dict[str, bool], description: str) -> dict[str, int]:
    """Variants per chromosome name; says which names are no chromosome and are set aside."""
    hl = hail()
    lines = hl.import_lines(paths, **options)
    lines = lines.filter((hl.len(lines.text) > 0) & ~lines.text.startswith("#"))
    counts: dict[str, int] = lines.aggregate(hl.agg.counter(lines.text.split("\t", 2)[0]))
    unknown = {name: n for name, n in counts.items() if chromosome_code(name) is None}
    for name, n in unknown.items():
        log.warning("%s: %d variants on unknown chromosome %r set aside", description, n, name)
    if not counts.keys() - unknown.keys():
        raise InputError(f"{description}: expected at least one variant, found none")
    return counts


def _split(hl: Any, mt: Any, header: VcfHeader) -> Any:
    has_ds = "DS" in header.formats and "DS" in mt.entry
    mt = mt.select_entries(*[f for f in ("GT", "DS") if f in mt.entry])
    score = next((n for n in ("INFO", "R2", "DR2") if n in mt.info and n in header.infos), None)
    if score is not None:
        number = (
            mt.info[score][0] if isinstance(mt.info[score].dtype, hl.tarray) else mt.info[score]
        )
        mt = mt.annotate_rows(imputation_info=hl.float64(number))
    mt = hl.split_multi(mt)
    entry = {"GT": hl.downcode(mt.GT, mt.a_index)} if "GT" in mt.entry else {}
    if has_ds:
        per_allele = isinstance(mt.DS.dtype, hl.tarray)
        entry["DS"] = mt.DS[mt.a_index - 1] if per_allele else mt.DS
    return normal_form(mt.select_entries(**entry))


def _sex_from_ploidy(mt: Any, n: int) -> pd.Series:
    """Men are those with haploid calls on X outside the pseudo-autosomal regions; else unknown."""
    hl = hail()
    if "GT" not in mt.entry:
        return pd.Series([0] * n, dtype="int8")
    on_x = mt.filter_rows(mt.locus.in_x_nonpar())
    counts = on_x.annotate_cols(
        one=hl.agg.count_where(on_x.GT.ploidy == 1), two=hl.agg.count_where(on_x.GT.ploidy == 2)
    )
    pairs = list(zip(counts.one.collect(), counts.two.collect(), strict=True))
    # a few half-calls among diploid ones are errors, not a man
    return pd.Series([1 if one > two else 2 if two > 0 else 0 for one, two in pairs], dtype="int8")
