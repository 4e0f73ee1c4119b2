"""Dosages and hard calls of BGEN files in blocks, for the kernels of :mod:`gwasbone.blocks`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.bgen import (
    BgenFile,
    BgenVariantError,
    SexRules,
    read_dosages,
    read_packed_calls,
)
from gwasbone.blocks.dosages import DosageBlock
from gwasbone.blocks.packed import PeopleColumns, Words
from gwasbone.cohort.sources.bed_reader import on_x, packed_samples, without_sex_errors
from gwasbone.cohort.sources.dosage_reader import DosageReader, variant_name
from gwasbone.cohort.sources.source import Participants, VariantBlock
from gwasbone.errors import InputError
from gwasbone.genome import Y

IntArray = npt.NDArray[np.integer]


class BgenDosages(DosageReader):
    """Dosages of .bgen files; ``files`` are :class:`~gwasbone.blocks.bgen.BgenFile`."""

    def read(
        self, variants: pd.DataFrame, *, calls: npt.NDArray[np.int8] | None = None
    ) -> DosageBlock:
        """See ``GenotypeReader``."""
        file, offset, size = _places(variants)
        rules = SexRules(
            on_x(variants, self.build), variants["chromosome"].to_numpy() == Y, self.men
        )
        with _naming(variants):
            return read_dosages(
                self.files, file, offset, size, self.people, calls=calls, rules=rules
            )


@dataclass(frozen=True)
class BgenCalls:
    """Most probable calls, as a :class:`~gwasbone.cohort.sources.source.CallReader`.

    They are missing where two genotypes are equally probable, and, where ``as_filed`` is False,
    where a participant's sex rules them out; see
    :func:`gwasbone.cohort.sources.bed_reader.without_sex_errors`.

    Parameters
    ----------
    reader : where they are read.
    columns : where the participants are in packed rows.
    everyone, men : word masks of the participants and of the men among them.
    """

    reader: BgenDosages
    columns: PeopleColumns
    everyone: Words
    men: Words
    build: str
    as_filed: bool

    @classmethod
    def of(
        cls, files: tuple[BgenFile, ...], people: Participants, *, as_filed: bool = False
    ) -> BgenCalls:
        """Of some participants in .bgen files."""
        columns = PeopleColumns.of(np.arange(people.n), n_people=people.n)
        masks = packed_samples(columns, people)
        return cls(BgenDosages.of(files, people), columns, *masks, people.build, as_filed)

    def blocks(self, variants: pd.DataFrame) -> Iterator[VariantBlock]:
        """See ``CallReader``."""
        return self.reader.blocks(variants)

    def read(self, variants: pd.DataFrame) -> Words:
        """See ``CallReader``."""
        file, offset, size = _places(variants)
        with _naming(variants):
            words = read_packed_calls(self.reader.files, file, offset, size, self.reader.people)
        return words if self.as_filed else without_sex_errors(words, variants, self)


def _places(variants: pd.DataFrame) -> tuple[IntArray, IntArray, IntArray]:
    """(m,) each: file, and where the genotypes are in it."""
    return (
        variants["file"].to_numpy(),
        variants["offset"].to_numpy(),
        variants["size"].to_numpy(),
    )


@contextlib.contextmanager
def _naming(variants: pd.DataFrame) -> Iterator[None]:
    """Let errors name a variant as the user knows it."""
    try:
        yield
    except BgenVariantError as error:
        raise named_error(error, variants) from None


def named_error(error: BgenVariantError, variants: pd.DataFrame) -> InputError:
    """The error, with the variant's ID (where the table has it) and place."""
    row = variants[variants["offset"] == error.offset].iloc[0]
    place = f"variant {variant_name(row)}, genotypes at byte {error.offset}"
    return InputError(f"{error.path}: {place}: {error.fault}")
