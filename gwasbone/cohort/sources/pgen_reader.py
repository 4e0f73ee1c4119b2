"""Hard calls and dosages of PGEN files in blocks, for the kernels of :mod:`gwasbone.blocks`."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.blocks.dosages import DosageBlock
from gwasbone.blocks.packed import PeopleColumns, Words
from gwasbone.blocks.pgen import (
    Chosen,
    PgenFile,
    PgenVariantError,
    read_dosages,
    read_packed_calls,
)
from gwasbone.cohort.sources.bed_reader import (
    CALLS_PER_BLOCK,
    on_x,
    packed_samples,
    without_sex_errors,
)
from gwasbone.cohort.sources.dosage_reader import DosageReader, variant_name
from gwasbone.cohort.sources.source import Participants, VariantBlock, variant_blocks
from gwasbone.errors import InputError
from gwasbone.genome import Y


@dataclass(frozen=True)
class PgenCalls:
    """Hard calls, as a :class:`~gwasbone.cohort.sources.source.CallReader`.

    Parameters
    ----------
    files : in the order of ``file`` in the variant table.
    n_people : in each of them.
    columns : where the participants are in packed rows.
    everyone, men : word masks of the participants and of the men among them.
    as_filed : leave what a participant's sex rules out; see
        :func:`gwasbone.cohort.sources.bed_reader.without_sex_errors`.
    """

    files: tuple[PgenFile, ...]
    n_people: int
    columns: PeopleColumns
    everyone: Words
    men: Words
    build: str
    as_filed: bool

    @classmethod
    def of(
        cls, files: tuple[PgenFile, ...], people: Participants, *, as_filed: bool = False
    ) -> PgenCalls:
        """Of some participants in .pgen files."""
        n = len(people.kept)
        columns = PeopleColumns.of(np.flatnonzero(people.kept), n_people=n)
        masks = packed_samples(columns, people)
        return cls(files, n, columns, *masks, people.build, as_filed)

    def blocks(self, variants: pd.DataFrame) -> Iterator[VariantBlock]:
        """See ``CallReader``."""
        return variant_blocks(variants, CALLS_PER_BLOCK // max(1, self.n_people))

    def read(self, variants: pd.DataFrame) -> Words:
        """See ``CallReader``."""
        words = np.zeros((len(variants), self.columns.n_words), dtype=np.uint64)
        for here, file, chosen in _chosen(variants, self.files):
            with _naming(variants, file):
                found = read_packed_calls(file, chosen)
            if self.columns.bytes_used is None:
                words[here] = found
            else:
                used = found.view(np.uint8)[:, self.columns.bytes_used]
                words.view(np.uint8)[here, : used.shape[1]] = used
        return words if self.as_filed else without_sex_errors(words, variants, self)


class PgenDosages(DosageReader):
    """Dosages of .pgen files; where a participant has no dosage it is the hard call.

    ``files`` are :class:`~gwasbone.blocks.pgen.PgenFile`.
    """

    def read(
        self, variants: pd.DataFrame, *, calls: npt.NDArray[np.int8] | None = None
    ) -> DosageBlock:
        """See ``GenotypeReader``."""
        x, y = on_x(variants, self.build), variants["chromosome"].to_numpy() == Y
        parts = []
        for here, file, chosen in _chosen(variants, self.files):
            filled = None if calls is None else np.empty((len(here), len(self.people)), np.int8)
            with _naming(variants, file):
                block = read_dosages(
                    file, chosen, self.people, men=self.men, on_x=x[here], on_y=y[here],
                    calls=filled,
                )  # fmt: skip
            if calls is not None:
                calls[here] = filled
            parts.append((here, block))
        if len(parts) == 1 and len(parts[0][0]) == len(variants):
            return parts[0][1]
        return DosageBlock.joined(parts, n=len(self.people))


def _chosen(
    variants: pd.DataFrame, files: tuple[PgenFile, ...]
) -> Iterator[tuple[npt.NDArray[np.intp], PgenFile, Chosen]]:
    """Rows of a variant table by the file that has them."""
    file, row, allele, n_alleles = (
        variants[name].to_numpy() for name in ("file", "row", "allele", "n_alleles")
    )
    for i in np.unique(file):
        here = np.flatnonzero(file == i)
        yield here, files[i], Chosen(row[here], allele[here], n_alleles[here])


@contextlib.contextmanager
def _naming(variants: pd.DataFrame, file: PgenFile) -> Iterator[None]:
    """Let errors name a variant as the user knows it."""
    try:
        yield
    except PgenVariantError as error:
        same = variants[variants["row"] == error.row]
        if same.empty:
            raise
        name = variant_name(same.iloc[0])
        raise InputError(f"{file.path}: variant {name}: {error.fault}") from None
