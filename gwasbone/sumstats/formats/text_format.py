"""Scans as tables of text: what a format calls its columns, and one reader for all formats."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gwasbone.errors import InputError, reading
from gwasbone.genome import chromosome_code
from gwasbone.sumstats.checks import P_OF_ZERO
from gwasbone.sumstats.formats.derivations import (
    NEG_LOG10_OF_TEXT,
    NUMBERS,
    SMALLEST_P,
    derivable,
    needed_for,
    needed_where_p_is_zero,
    neg_log10_of_text,
    neg_log10_p,
    neg_log10_p_of_effect,
)
from gwasbone.sumstats.scan import (
    ReadRequest,
    Scan,
    ScanPiece,
    checked,
    joined_pieces,
)
from gwasbone.text_table import TextTable, lines_at

FloatArray = npt.NDArray[np.float64]

_ALLELE = re.compile(
    r"[ACGTN]+|[1-4]|\*|[ID]|LONG_STRING|<(?:DEL|INS|DUP|INV|CNV|CN\d+|STR\d*|NON_REF|BND|TRA)(?::[\w:]+)?>"
)
#: ``7:120979089``, ``chr7_120979089_A_G`` and the like, as names of variants.
_PLACE_IN_NAME = re.compile(r"^(?:chr)?([0-9]{1,2}|X|Y|XY|MT?)[:_-]([0-9]+)(?:[:_-].*)?$", re.I)
_TEXT = pa.string()
_DICTIONARY = pa.dictionary(pa.int32(), pa.string())

#: Fields that are text; all others are numbers.
_TEXT_FIELDS = frozenset(
    {"chromosome", "effect_allele", "other_allele", "ref", "alt", "source_id", "test"}
)


@dataclass(frozen=True, kw_only=True)
class TextFormat:
    """What a program calls the columns of its results.

    Parameters
    ----------
    name : of the format, for people.
    marks : columns that every file of the format has and no other format all of; alternatives of
        one column are separated by ``|``.
    fields : field -> names that it may have, the first that is there is taken. Fields are the
        canonical columns, and those that they are worked out from: ``p_value``, ``z_score``,
        ``odds_ratio``, ``odds_ratio_se`` (of its logarithm), ``ci_lower``, ``ci_upper``,
        ``n_cases``, ``n_controls``, ``missing_rate``; ``ref`` and ``alt`` where the effect allele
        is one of them and the other allele has no column.
    rows : column -> value of the rows that are the variant's own effect (``TEST`` = ``ADD``).
    suffixes : endings of file names that are not part of the trait's name, longest first.
    by_trait : fields that stand once for each trait, as ``NAME.TRAIT``, where a file holds
        several.
    places_in_names : whether positions may have to be read out of the variants' names.
    trait_list : ending of a file beside it with a line ``NUMBER TRAIT`` for each trait, where
        columns hold the number.
    """

    name: str
    marks: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]
    rows: Mapping[str, str] = field(default_factory=dict)
    suffixes: tuple[str, ...] = ()
    by_trait: tuple[str, ...] = ()
    places_in_names: bool = False
    trait_list: str = ""

    def recognises(self, header: Sequence[str]) -> bool:
        """Whether a header is one of this format."""
        names = {*header, *(name.rpartition(".")[0] for name in header if self.by_trait)}
        return all(any(name in names for name in mark.split("|")) for mark in self.marks)

    def scans(self, table: TextTable) -> list[Scan]:
        """The scans of a file of the format."""
        names = set(table.header)
        traits = [n.partition(".")[2] for n in table.header if n.startswith("BETA.")]
        if not self.by_trait or not traits:
            return [
                TextScan(trait_name(table.path, self.suffixes), table, self, self._fields(names))
            ]
        called = self._trait_names(table.path)
        return [
            TextScan(called.get(t, t), table, self, self._fields(names, f".{t}")) for t in traits
        ]

    def _trait_names(self, path: Path) -> dict[str, str]:
        beside = Path(f"{str(path).removesuffix('.gz')}{self.trait_list}")
        if not self.trait_list or not beside.is_file():
            return {}
        with reading(beside, "a line with a number and a name for each trait"):
            pairs = [line.split(None, 1) for line in beside.read_text("utf-8").splitlines()]
        return {pair[0]: pair[1].strip() for pair in pairs if len(pair) == 2}

    def _fields(self, names: Collection[str], suffix: str = "") -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name, spellings in self.fields.items():
            ending = suffix if name in self.by_trait else ""
            there = tuple(f"{s}{ending}" for s in spellings if f"{s}{ending}" in names)
            if there:
                # of a variant's names all are kept: one may be missing where another is not
                found[name] = there if name == "source_id" else there[:1]
        return found


class TextScan(Scan):
    """A scan that is a table of text.

    Parameters
    ----------
    name : the trait.
    table : the file.
    layout : its format.
    fields : field -> columns of the file.
    """

    def __init__(
        self, name: str, table: TextTable, layout: TextFormat, fields: dict[str, tuple[str, ...]]
    ) -> None:
        from gwasbone.sumstats.ssf_sidecar import sidecar_build

        super().__init__(
            name, str(table.path), format_name=layout.name, build=sidecar_build(table.path),
            n_bytes=table.n_bytes,
        )  # fmt: skip
        self._text, self._layout, self._fields = table, layout, fields
        placed = {"chromosome", "base_pair_location"} <= set(fields)
        self.places_in_names = layout.places_in_names and not placed and "source_id" in fields
        in_names = {"chromosome", "base_pair_location"} if self.places_in_names else set()
        self._has = frozenset(derivable(fields)) | in_names

    @property
    def has(self) -> frozenset[str]:
        return self._has

    def pieces(self, request: ReadRequest) -> Iterator[ScanPiece]:
        line = self._text.n_before + 1
        needed, threads = self._needed_for(request.columns), request.threads
        for lines in self._text.pieces(request.count):
            if request.above is None:
                raw = self._read(lines, needed, line, threads)
                places = line + np.arange(len(raw))
                line += len(raw)
                yield self._piece(lines, raw, request, places)
                continue
            p, own = self._p_values(lines, line, threads)
            rows = np.flatnonzero(own & (p > request.above))
            places = line + rows
            line += len(p)
            if not len(rows):
                yield ScanPiece(joined_pieces([], request.columns), int(own.sum()))
                continue
            some = lines_at(lines, rows, len(p), self._text.path)
            raw = self._read(some, needed, line, threads)
            table = self._piece(some, raw, request, places).table
            yield ScanPiece(table, int(own.sum()))

    def _p_values(
        self, lines: bytes, line: int, threads: bool
    ) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """(lines,) −log10 p, inf where the file's p is 0; and which rows are the variant's own."""
        names = needed_for({"neg_log_10_p_value"}, self._fields)
        raw = self._read(lines, names, line, threads)
        return neg_log10_p({name: self._number(raw, name) for name in names}), self._own_rows(raw)

    def _read(self, lines: bytes, fields: Collection[str], line: int, threads: bool) -> pa.Table:
        types: dict[str, pa.DataType] = {}
        for name in fields:
            kind = pa.float64()
            if name in _TEXT_FIELDS:
                kind = _TEXT if name == "source_id" else _DICTIONARY
            types |= dict.fromkeys(self._fields[name], kind)
        present = [name for name in self._layout.rows if name in self._text.header]
        types |= dict.fromkeys(present, _DICTIONARY)
        return self._text.columns(lines, types, first_line=line, threads=threads)

    def _number(self, raw: pa.Table, name: str) -> FloatArray:
        return np.asarray(raw[self._fields[name][0]].to_numpy(), dtype=np.float64)

    def _own_rows(self, raw: pa.Table) -> npt.NDArray[np.bool_]:
        own = np.ones(len(raw), dtype=bool)
        for name, value in self._layout.rows.items():
            if name in raw.column_names:
                own &= pc.equal(raw[name].cast(_TEXT), value).fill_null(True).to_numpy()
        return own

    def _piece(
        self,
        lines: bytes,
        raw: pa.Table,
        request: ReadRequest,
        places: npt.NDArray[np.intp],
    ) -> ScanPiece:
        """Canonical columns of the rows that are the variants' own effects.

        Parameters
        ----------
        lines, raw : whole lines, and the columns of them that are needed.
        places : number of each line in the file.
        """
        own = self._own_rows(raw)
        if not own.all():
            raw, places = raw.filter(pa.array(own)), places[own]
        numbers = {
            n: self._number(raw, n)
            for n in self._fields
            if n not in _TEXT_FIELDS and self._fields[n][0] in raw.column_names
        }
        zero = np.zeros(len(raw), dtype=bool)
        if "p_value" in numbers and "neg_log_10_p_value" in request.columns:
            zero = self._tiny_p_values(lines, own, int(places[0]) if len(places) else 0, numbers)
        made = self._canonical(raw, numbers, request.columns)
        fine = checked(
            pa.table(made), request.aside, lambda row: f"first in line {places[row]}",
            faults=[(P_OF_ZERO, zero)] if zero.any() else (),
        )  # fmt: skip
        return ScanPiece(fine, len(raw))

    def _needed_for(self, columns: Collection[str]) -> list[str]:
        needed = needed_for(columns, self._fields)
        if self.places_in_names and {"chromosome", "base_pair_location"} & set(columns):
            needed.append("source_id")
        return list(dict.fromkeys(needed))

    def _tiny_p_values(
        self, lines: bytes, own: npt.NDArray[np.bool_], line: int, numbers: dict[str, FloatArray]
    ) -> npt.NDArray[np.bool_]:
        """Put p-values that a float cannot hold into ``numbers``; rows that stay without one.

        Those are read as text (1e-400); a p-value of 0 is worked out from z or from β and SE.
        """
        tiny = (numbers["p_value"] >= 0) & (numbers["p_value"] < SMALLEST_P)
        if not tiny.any():
            return tiny
        name = self._fields["p_value"][0]
        text = self._text.columns(lines, {name: _TEXT})[name].filter(pa.array(own))
        found = np.full(len(tiny), np.nan)
        rows = np.flatnonzero(tiny)
        found[rows] = [neg_log10_of_text(text[int(row)].as_py()) for row in rows]
        zero = tiny & np.isnan(found)
        names = needed_where_p_is_zero(self._fields)
        if zero.any() and names:
            raw = self._read(lines, names, line, False).filter(pa.array(own))
            found[zero] = neg_log10_p_of_effect({n: self._number(raw, n)[zero] for n in names})
        numbers[NEG_LOG10_OF_TEXT] = found
        return np.asarray(zero & ~np.isfinite(found))

    def _canonical(
        self, raw: pa.Table, numbers: Mapping[str, FloatArray], columns: Collection[str]
    ) -> dict[str, pa.Array]:
        """The wanted columns, values as the file has them."""
        made: dict[str, pa.Array] = {}
        for name in columns:
            if name in ("chromosome", "base_pair_location"):
                made[name] = pa.array(self._place(raw, numbers)[name])
            elif name in ("effect_allele", "other_allele"):
                made[name] = self._allele(raw, name)
            elif name == "source_id":
                made[name] = pc.coalesce(*(raw[n] for n in self._fields["source_id"]), "")
            elif name == "test":
                made[name] = raw[self._fields["test"][0]].cast(_TEXT)
            else:
                made[name] = pa.array(NUMBERS[name](numbers), from_pandas=True)
        return made

    def _place(self, raw: pa.Table, numbers: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        if not self.places_in_names:
            column = raw[self._fields["chromosome"][0]].combine_chunks()
            return {
                "chromosome": numbers_by_text(column, chromosome_number),
                "base_pair_location": numbers.get("base_pair_location", np.full(len(raw), np.nan)),
            }
        names = pc.coalesce(*(raw[n] for n in self._fields["source_id"]))
        place = places_in(names)
        if len(names) and np.isnan(place["chromosome"]).all():
            raise InputError(
                f"{self.where}: expected positions; {self.format_name} has none, and its variants "
                f"are named as {names[0]}: give --positions FILE (.bim, .pvar, LD scores, or "
                "another scan)"
            )
        return place

    def _allele(self, raw: pa.Table, name: str) -> pa.Array:
        """A column of alleles in capital letters, null where they are none."""
        if name in self._fields:
            return allele_column(raw[self._fields[name][0]])
        # the other allele is the one of REF and ALT that is not the effect allele
        effect, ref, alt = (
            allele_column(raw[self._fields[n][0]]) for n in ("effect_allele", "ref", "alt")
        )
        return pc.if_else(pc.equal(effect, ref), alt, ref)


def trait_name(path: Path, suffixes: Sequence[str]) -> str:
    """The trait in a file's name: its last part before the format's ending.

    >>> trait_name(Path("scan.bmd_hip.tsv.gz"), (".tsv",))
    'bmd_hip'
    """
    stem = path.name
    for ending in (".gz", ".bgz", ".zst"):
        stem = stem.removesuffix(ending)
    ending = next((s for s in suffixes if stem.lower().endswith(s.lower())), "")
    stem = stem[: len(stem) - len(ending)] if ending else stem.removesuffix(".txt")
    return stem.rsplit(".", 1)[-1] or path.name


def numbers_by_text(column: pa.DictionaryArray, value: Callable[[str], float]) -> FloatArray:
    """(m,) a number for each text of a column, worked out once for each different text."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    known = np.array([value(text or "") for text in column.dictionary.to_pylist()] + [np.nan])
    return np.asarray(known[column.indices.fill_null(-1).to_numpy(zero_copy_only=False)])


def chromosome_number(text: str) -> float:
    """The code of a chromosome; NaN where it is none."""
    code = chromosome_code(text)
    return np.nan if code is None else float(code)


def allele_column(column: pa.ChunkedArray) -> pa.Array:
    """Alleles in capital letters, null where they are none.

    Numbers (1 to 4, PLINK's old codings) stay: of 1 and 2 nobody knows which bases they are.
    """
    column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], _DICTIONARY)
    names = [(text or "").upper() for text in column.dictionary.to_pylist()]
    usable = pa.array([name if _ALLELE.fullmatch(name) else None for name in names], _TEXT)
    return usable.take(column.indices)


def places_in(names: pa.ChunkedArray) -> dict[str, FloatArray]:
    """Chromosome and position that variants' names hold, as in ``7:120979089``; else NaN."""
    found = [_PLACE_IN_NAME.match(name or "") for name in names.to_pylist()]
    return {
        "chromosome": np.array([chromosome_number(m[1]) if m else np.nan for m in found]),
        "base_pair_location": np.array([float(m[2]) if m else np.nan for m in found]),
    }
