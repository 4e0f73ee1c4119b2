"""What a genotype source is: it reads itself, says what it has, and gives blocks of genotypes.

A new format is one new module of this package, with a subclass of :class:`Source` and a function
``(location, options) -> Genotypes``, and one line in :data:`gwasbone.cohort.read.FORMATS`. The
rest of the package asks a source what it has and never which type it is of.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.cohort.masks import MaskedTable
from gwasbone.cohort.sources.tables import MALE
from gwasbone.errors import NotBuiltError, UsageError
from gwasbone.phenotypes.participants import IdRule

if TYPE_CHECKING:
    # the kernels, with what they need, are imported where blocks are read
    from gwasbone.blocks.genotypes import GenotypeBlock, PeopleLayout
    from gwasbone.blocks.packed import PeopleColumns, Words

#: Name of the folder that packed blocks are kept in, beside outputs and in study folders.
CACHE_FOLDER = ".gwasbone-cache"

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Capabilities:
    """What a source has, and in which ways it can be read.

    Parameters
    ----------
    calls : hard calls, as the file has them or as the most probable genotypes.
    dosages : dosages or genotype probabilities that are more than the hard calls.
    sex : the files state the participants' sex.
    genetic_map : the files have a column for genetic positions.
    blocks : it is read in blocks, without a JVM: :meth:`Source.calls`, :meth:`Source.genotypes`.
    matrix_table : it gives a Hail MatrixTable: :meth:`Source.matrix_table`.
    """

    calls: bool
    dosages: bool
    sex: bool
    genetic_map: bool
    blocks: bool
    matrix_table: bool


@dataclass(frozen=True)
class Participants:
    """Who of the N participants in the files is read.

    Parameters
    ----------
    kept : (N,) True for the n participants who are read.
    men : (n,) True for the men among these.
    build : reference build, which says where X has its pseudo-autosomal regions.
    """

    kept: BoolArray
    men: BoolArray
    build: str

    @property
    def n(self) -> int:
        return len(self.men)


@dataclass(frozen=True)
class VariantBlock:
    """Consecutive variants of one chromosome, read and analysed together by one core.

    Parameters
    ----------
    chromosome : code of :mod:`gwasbone.genome`.
    variants : their rows of the cohort's variant table.
    """

    chromosome: int
    variants: pd.DataFrame

    def __len__(self) -> int:
        return len(self.variants)

    @property
    def rows(self) -> npt.NDArray[Any]:
        """(m,) index of the variants in the cohort's variant table."""
        return self.variants.index.to_numpy()


def variant_blocks(variants: pd.DataFrame, per_block: int) -> Iterator[VariantBlock]:
    """Blocks of at most ``per_block`` rows of a variant table; none crosses a chromosome.

    Examples
    --------
    >>> table = pd.DataFrame({"chromosome": [1, 1, 1, 2]})
    >>> [(block.chromosome, block.rows.tolist()) for block in variant_blocks(table, 2)]
    [(1, [0, 1]), (1, [2]), (2, [3])]
    """
    per_block = max(1, per_block)
    chromosome = variants["chromosome"].to_numpy()
    borders = np.flatnonzero(chromosome[1:] != chromosome[:-1]) + 1
    ends = [*borders.tolist(), len(variants)] if len(variants) else []
    for start, end in zip([0, *ends], ends, strict=False):
        for top in range(start, end, per_block):
            part = variants.iloc[top : min(top + per_block, end)]
            yield VariantBlock(int(chromosome[top]), part)


class CallReader(Protocol):
    """Packed hard calls of n participants, a block of variants at a time.

    Attributes
    ----------
    columns : where the participants are in packed rows.
    everyone, men : word masks of all of them, and of the men.
    build : reference build.
    """

    @property
    def columns(self) -> PeopleColumns: ...
    @property
    def everyone(self) -> Words: ...
    @property
    def men(self) -> Words: ...
    @property
    def build(self) -> str: ...

    def blocks(self, variants: pd.DataFrame) -> Iterator[VariantBlock]:
        """Rows of the variant table in blocks of a size that a core handles at a time."""

    def read(self, variants: pd.DataFrame) -> Words:
        """(m, w) packed calls of rows of the variant table."""


class GenotypeReader(Protocol):
    """Genotypes of n participants as the kernels of scans take them; it can be pickled."""

    @property
    def layout(self) -> PeopleLayout:
        """Where the participants are in the rows of a block."""

    def blocks(self, variants: pd.DataFrame) -> Iterator[VariantBlock]:
        """Rows of the variant table in blocks of a size that a core handles at a time."""

    def read(
        self, variants: pd.DataFrame, *, calls: npt.NDArray[np.int8] | None = None
    ) -> GenotypeBlock:
        """The genotypes of rows of the variant table.

        Parameters
        ----------
        calls : (m, n), filled where given with the most probable copies of ALT, −1 where missing.
        """

    def dosages(self, variants: pd.DataFrame) -> npt.NDArray[np.float32]:
        """(m, n) copies of ALT, NaN where missing."""


class Source(ABC):
    """Where genotypes are kept.

    To add a format (PGEN, a VCF read in place), write one module of this package with

    1. a frozen dataclass that subclasses this class: :attr:`files`, :attr:`capabilities` and
       :meth:`describe`; :meth:`calls` and :meth:`genotypes` if it is read in blocks,
       :meth:`matrix_table` if Hail can read it, at least one of the two;
    2. a function ``(location, options) -> Genotypes`` that checks the files and reads the tables
       of people and variants, the latter with the columns ``place_columns``;

    and one line in :data:`gwasbone.cohort.read.FORMATS`. Statistics, pruning, components, LD and
    scans then take it as it is. A source is immutable, can be pickled, and is cheap to make.

    Attributes
    ----------
    files : paths or URLs that the genotypes depend on.
    place_columns : columns of the variant table that say where a variant is in the files, such
        as ``file`` and ``row``.
    reader_modules : modules that the readers import and that machines of a cluster may lack.
    """

    files: tuple[str, ...]
    format_name: ClassVar[str] = "genotypes"
    place_columns: ClassVar[tuple[str, ...]] = ()
    reader_modules: ClassVar[tuple[str, ...]] = ()

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What the source has and how it can be read."""

    @property
    def identity(self) -> Any:
        """The object that the genotypes are in: two sources of one identity have the same."""
        return self

    @abstractmethod
    def describe(self) -> str:
        """The source in a few words, for messages and provenance."""

    def matrix_table(self, build: str, person_ids: list[str]) -> Any:
        """All of it as a Hail MatrixTable, whatever was decided about its rows.

        Keyed by (locus, alleles) and ``s``, columns in the order of the people table; entry field
        ``GT`` (as in the file) and, where the file has dosages, ``dosage``; row field
        ``source_id``.

        Raises
        ------
        NotBuiltError
            Hail cannot read this format.
        """
        raise NotBuiltError(
            f"{self.describe()}: Hail cannot read this format; use engine blocks, or convert it, "
            "for example with plink2 --make-bed"
        )

    def calls(self, people: Participants, *, as_filed: bool = False) -> CallReader:
        """A reader of hard calls.

        Parameters
        ----------
        as_filed : leave men's heterozygous calls on X outside the pseudo-autosomal regions, which
            are errors, as they are; they are missing otherwise.

        Raises
        ------
        NotBuiltError
            The source cannot be read in blocks.
        """
        raise NotBuiltError(self._not_in_blocks())

    def genotypes(self, people: Participants) -> GenotypeReader:
        """A reader of dosages where the source has any, else of hard calls.

        Raises
        ------
        NotBuiltError
            The source cannot be read in blocks.
        """
        raise NotBuiltError(self._not_in_blocks())

    def genetic_positions(self, variants: pd.DataFrame) -> FloatArray:
        """(m,) genetic positions in cM of rows of the variant table; 0 where the file has none.

        Raises
        ------
        UsageError
            The format has no genetic positions.
        """
        raise UsageError("a window in cM needs .bed files, whose .bim holds cM; give it in kb")

    def _not_in_blocks(self) -> str:
        return (
            f"{self.describe()}: cannot be read in blocks; use engine hail, or write block files "
            "of the cohort with cohort.export(PATH)"
        )


@dataclass(frozen=True)
class Genotypes:
    """Genotypes with their participants, their variants and the decisions about both.

    Parameters
    ----------
    source : where the genotypes are.
    build : ``GRCh37`` or ``GRCh38``.
    people : index = person ID; columns ``fid``, ``iid``, ``sex`` (1 male, 2 female, 0 unknown,
        as in a .fam) and whatever was annotated; rows in the order of the genotype file.
    variants : columns ``chromosome`` (codes of :mod:`gwasbone.genome`), ``base_pair_location``,
        ``ref``, ``alt`` (the counted allele), ``source_id``, and statistics once computed; sorted
        by the first four.
    """

    source: Source
    build: str
    people: MaskedTable
    variants: MaskedTable

    @property
    def participants(self) -> Participants:
        """The kept participants, as readers of the source take them."""
        kept = self.people.kept
        men = self.people.table["sex"].to_numpy()[kept] == MALE
        return Participants(kept, men, self.build)


@dataclass(frozen=True)
class ReadOptions:
    """How genotype files are read; a format takes what concerns it.

    Parameters
    ----------
    build : ``GRCh37``, ``GRCh38``, or None where the files say it.
    id_rule : which ID names a participant: ``iid``, or ``fid_iid`` for FID_IID.
    sample : the .sample file of BGEN files.
    ref_last : the second allele of a BGEN file's variants is REF, and not the first.
    reference_fasta : FASTA against which a VCF's indels are left-aligned.
    cache : folder in which packed blocks of a VCF are kept; None for a temporary one.
    """

    build: str | None = None
    id_rule: IdRule = "iid"
    sample: Path | None = None
    ref_last: bool = False
    reference_fasta: Path | None = None
    cache: Path | None = None
