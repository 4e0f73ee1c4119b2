"""Files named on the command line as a shell writes a glob out: several words, of several kinds.

A genotype option takes the words up to the next flag: of ``--bfile ukb_chr*`` the .bed, .bim and
.fam of one fileset are one prefix, and other files that the glob matches are ignored and named. So
positional arguments, such as scans, come first or after ``--``.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from gwasbone.errors import UsageError

#: Where a command's context keeps what was ignored, for `command_context` to log.
_IGNORED = "gwasbone.ignored_files"
_SHOWN = 8


class GenotypeFiles(click.ParamType):
    """Genotype files of one kind, joined by commas as `gwasbone.read_genotypes` takes them.

    Parameters
    ----------
    flag : the option.
    endings : of the files wanted.
    companions : endings of files that lie beside those and are found by themselves.
    by_prefix : whether a file is known by its name without ending (filesets).
    """

    name = "files"

    def __init__(
        self,
        flag: str,
        endings: tuple[str, ...],
        companions: tuple[str, ...],
        *,
        by_prefix: bool = False,
    ) -> None:
        self.flag, self.endings, self.companions = flag, endings, companions
        self.by_prefix = by_prefix

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The files wanted of the words; the others are noted in the context."""
        words = [word for word in str(value).split(",") if word]
        wanted: dict[str, None] = {}
        ignored: list[str] = []
        for word in words:
            name = self._wanted(word, alone=len(words) == 1)
            if name:
                wanted[name] = None
            elif name is None:
                ignored.append(word)
        expected = f"files that end in {' or '.join(self.endings)}"
        if not wanted:
            raise UsageError(f"{self.flag}: expected {expected}, got {_listing(words)}")
        if ignored and ctx is not None:
            ctx.meta.setdefault(_IGNORED, []).append(
                f"{self.flag}: {_listing(ignored)} ignored: expected {expected}"
            )
        return ",".join(wanted)

    def _wanted(self, word: str, *, alone: bool) -> str | None:
        """The name to read for a word, '' where another word or its file stands for it, or None."""
        if word.endswith(self.endings):
            return word[: -len(_ending(word, self.endings))] if self.by_prefix else word
        if word.endswith(self.companions):
            main = word[: -len(_ending(word, self.companions))]
            if not self.by_prefix:
                return ""
            return main if Path(f"{main}{self.endings[0]}").exists() else None
        # a prefix, a glob, a URL, or a name that is not there, which the reader will refuse
        if alone or glob.has_magic(word) or not Path(word).exists():
            return word
        if self.by_prefix and Path(f"{word}{self.endings[0]}").exists():
            return word
        return None


#: The options that take the words up to the next flag.
GENOTYPE_FILES = {
    kind.flag: kind
    for kind in (
        GenotypeFiles("--bfile", (".bed",), (".bim", ".fam"), by_prefix=True),
        GenotypeFiles("--ld-bfile", (".bed",), (".bim", ".fam"), by_prefix=True),
        GenotypeFiles("--pfile", (".pgen",), (".pvar", ".pvar.zst", ".psam"), by_prefix=True),
        GenotypeFiles("--bgen", (".bgen",), (".bgen.bgi", ".bgi", ".sample")),
        GenotypeFiles("--vcf", (".vcf", ".vcf.gz", ".vcf.bgz"), (".tbi", ".csi")),
        GenotypeFiles("--bcf", (".bcf", ".bcf.gz"), (".csi",)),
    )
}


def join_file_words(arguments: Sequence[str]) -> list[str]:
    """The words that follow a genotype option, up to the next flag or ``--``, as its one value.

    >>> join_file_words(["clump", "--bfile", "1.bed", "1.bim", "--out", "o"])
    ['clump', '--bfile', '1.bed,1.bim', '--out', 'o']
    """
    joined: list[str] = []
    taking = False
    for i, word in enumerate(arguments):
        if word == "--":
            return [*joined, *arguments[i:]]
        if word.startswith("-"):
            taking = word in GENOTYPE_FILES
            joined.append(word)
        elif taking and joined[-1] not in GENOTYPE_FILES:
            joined[-1] += f",{word}"
        else:
            joined.append(word)
    return joined


def ignored_files(context: click.Context) -> list[str]:
    """What the genotype options of a command ignored, a line each."""
    found: list[str] = context.meta.get(_IGNORED, [])
    return found


def _ending(word: str, endings: tuple[str, ...]) -> str:
    return max((e for e in endings if word.endswith(e)), key=len)


def _listing(words: Iterable[object]) -> str:
    texts = [str(word) for word in words]
    more = f", ... ({len(texts)} in all)" if len(texts) > _SHOWN else ""
    return ", ".join(texts[:_SHOWN]) + more
