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

from gwasbone.genome import chromosome_code
from gwasbone.stats.pvalues import chi2_1_from_neg_log10_p, neg_log10_p_normal
from gwasbone.sumstats.checks import P_OF_ZERO, SetAside
from gwasbone.sumstats.scan import Counter, Scan, ScanPiece, checked, joined_pieces
from gwasbone.sumstats.text import TextTable, lines_at

FloatArray = npt.NDArray[np.float64]

_ALLELE = re.compile(
    r"[ACGTN]+|\*|[ID]|LONG_STRING|<(?:DEL|INS|DUP|INV|CNV|CN\d+|STR\d*|NON_REF|BND|TRA)(?::[\w:]+)?>"
)
_NUMBERED = dict(zip("1234", "ACGT", strict=True))
#: ``7:120979089``, ``chr7_120979089_A_G`` and the like, as names of variants.
_PLACE_IN_NAME = re.compile(r"^(?:chr)?([0-9]{1,2}|X|Y|XY|MT?)[:_-]([0-9]+)(?:[:_-].*)?$", re.I)
_TEXT = pa.string()
_DICTIONARY = pa.dictionary(pa.int32(), pa.string())

#: Fields that are text; ``row_filter`` and what else a format names is a number.
_TEXT_FIELDS = frozenset(
    {"chromosome", "effect_allele", "other_allele", "ref", "alt", "source_id", "test"}
)
_LOG_10 = np.log(10)


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
    """

    name: str
    marks: tuple[str, ...]
    fields: Mapping[str, tuple[str, ...]]
    rows: Mapping[str, str] = field(default_factory=dict)
    suffixes: tuple[str, ...] = ()
    by_trait: tuple[str, ...] = ()
    places_in_names: bool = False

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
        return [TextScan(t, table, self, self._fields(names, f".{t}")) for t in traits]

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
        self._has = frozenset(_derivable(fields, layout))

    @property
    def has(self) -> frozenset[str]:
        return self._has

    def pieces(
        self,
        columns: Collection[str],
        aside: SetAside,
        *,
        above: float | None = None,
        count: Counter | None = None,
        threads: bool = True,
    ) -> Iterator[ScanPiece]:
        line = self._text.n_before + 1
        for lines in self._text.pieces(count):
            n_lines = lines.count(b"\n")
            if above is None:
                rows, n = np.arange(n_lines), 0
                table, n = self._rows(lines, columns, aside, line, rows, threads)
            else:
                p, here = self._p_values(lines, line, threads)
                n = int(here.sum())
                rows = np.flatnonzero(here & (p > above))
                if not len(rows):
                    line += n_lines
                    yield ScanPiece(joined_pieces([], columns), n)
                    continue
                some = lines_at(lines, rows, n_lines, self._text.path)
                table, _ = self._rows(some, columns, aside, line, rows, threads)
            line += n_lines
            yield ScanPiece(table, n)

    def _p_values(
        self, lines: bytes, line: int, threads: bool
    ) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
        """(lines,) −log10 p, inf where the file's p is 0; and which rows are the variant's own."""
        names = _needed_for({"neg_log_10_p_value"}, self._fields)
        raw = self._read(lines, names, line, threads)
        numbers = {name: self._number(raw, name) for name in names}
        return _neg_log10_p(numbers), self._own_rows(raw)

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

    def _rows(
        self,
        lines: bytes,
        columns: Collection[str],
        aside: SetAside,
        line: int,
        rows: npt.NDArray[np.intp],
        threads: bool,
    ) -> tuple[pa.Table, int]:
        """Canonical columns of whole lines, and how many of these are the variants' own effects."""
        fields = _needed_for(set(columns), self._fields)
        raw = self._read(lines, fields, line, threads)
        own = self._own_rows(raw)
        places = line + rows
        if not own.all():
            raw, places = raw.filter(pa.array(own)), places[own]
        numbers = {n: self._number(raw, n) for n in fields if n not in _TEXT_FIELDS}
        if "p_value" in numbers and (zero := numbers["p_value"] == 0).any():
            numbers["neg_log10_of_text"] = self._underflowed(lines, own, zero)
        made = self._canonical(raw, numbers, columns)

        def name_row(row: int) -> str:
            return f"first in line {places[row]}"

        if "neg_log_10_p_value" in made:
            made["neg_log_10_p_value"] = _without_zeros(made, numbers, aside, name_row)
        return checked(pa.table(made), aside, name_row), len(raw)

    def _underflowed(
        self, lines: bytes, own: npt.NDArray[np.bool_], zero: npt.NDArray[np.bool_]
    ) -> FloatArray:
        """(rows,) −log10 of p-values that are too small for a float, such as 1e-400; else NaN."""
        name = self._fields["p_value"][0]
        text = self._text.columns(lines, {name: _TEXT})[name].filter(pa.array(own))
        found = np.full(len(zero), np.nan)
        for row in np.flatnonzero(zero):
            mantissa, _, exponent = str(text[int(row)].as_py()).lower().partition("e")
            if exponent and float(mantissa) > 0:
                found[row] = -(np.log10(float(mantissa)) + int(exponent))
        return found

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
                made[name] = pa.array(_NUMBERS[name](numbers), from_pandas=True)
        return made

    def _place(self, raw: pa.Table, numbers: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
        if "chromosome" in self._fields and "base_pair_location" in self._fields:
            column = raw[self._fields["chromosome"][0]].combine_chunks()
            return {
                "chromosome": numbers_by_text(column, chromosome_number),
                "base_pair_location": numbers.get("base_pair_location", np.full(len(raw), np.nan)),
            }
        names = pc.coalesce(*(raw[n] for n in self._fields["source_id"]))
        found = [_PLACE_IN_NAME.match(text or "") for text in names.to_pylist()]
        code = [chromosome_code(m[1]) if m else None for m in found]
        return {
            "chromosome": np.array([c or np.nan for c in code], dtype=np.float64),
            "base_pair_location": np.array([int(m[2]) if m else np.nan for m in found]),
        }

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


def _derivable(fields: Mapping[str, object], layout: TextFormat) -> Iterator[str]:
    """Canonical columns that can be made of a file's fields."""
    there = set(fields)
    if "source_id" in there and layout.places_in_names:
        there |= {"chromosome", "base_pair_location"}
    if {"ref", "alt", "effect_allele"} <= there:
        there.add("other_allele")
    has_effect = bool(there & {"beta", "odds_ratio"})
    has_p = bool(there & {"neg_log_10_p_value", "p_value"})
    has_se = bool(there & {"standard_error", "odds_ratio_se", "ci_lower"})
    has_z = "z_score" in there
    yield from there & {
        "chromosome", "base_pair_location", "effect_allele", "other_allele", "source_id",
        "effect_allele_frequency", "test",
    }  # fmt: skip
    if has_effect or (has_z and "n" in there):
        yield "beta"
    if has_se or (has_effect and (has_z or has_p)) or (has_z and "n" in there):
        yield "standard_error"
    if has_p or has_z or (has_effect and has_se):
        yield "neg_log_10_p_value"
    if there & {"n", "n_cases"}:
        yield "n"
    if there & {"call_rate", "missing_rate"}:
        yield "call_rate"


#: Canonical column -> fields that it may be worked out from.
_SOURCES: dict[str, tuple[str, ...]] = {
    "chromosome": ("chromosome",),
    "base_pair_location": ("base_pair_location",),
    "other_allele": ("other_allele", "ref", "alt", "effect_allele"),
    "beta": ("beta", "odds_ratio", "z_score", "n", "effect_allele_frequency"),
    "standard_error": (
        "standard_error", "odds_ratio_se", "ci_lower", "ci_upper", "z_score", "n",
        "effect_allele_frequency", "beta", "odds_ratio", "neg_log_10_p_value", "p_value",
    ),
    "neg_log_10_p_value": (
        "neg_log_10_p_value", "p_value", "z_score", "beta", "odds_ratio", "standard_error",
        "odds_ratio_se", "ci_lower", "ci_upper",
    ),
    "n": ("n", "n_cases", "n_controls"),
    "call_rate": ("call_rate", "missing_rate"),
}  # fmt: skip


def _needed_for(columns: Collection[str], fields: Mapping[str, object]) -> list[str]:
    """The fields that are read for some canonical columns; no more than needed."""
    needed: dict[str, None] = {}
    for name in columns:
        some = [n for n in _SOURCES.get(name, (name,)) if n in fields]
        if (name in some and name not in ("neg_log_10_p_value",)) or (
            name == "neg_log_10_p_value" and name in some
        ):
            some = [name]
        elif name == "neg_log_10_p_value" and "p_value" in some and len(columns) == 1:
            some = ["p_value"]
        if name in ("chromosome", "base_pair_location") and not some:
            some = ["source_id"]
        needed |= dict.fromkeys(some)
    return list(needed)


def _beta(numbers: Mapping[str, FloatArray]) -> FloatArray:
    """Effect of a copy of the effect allele; log odds of an odds ratio.

    Where a file has z and n only, β = z/√(2f(1 − f)(n + z²)), and of a standardised genotype,
    z/√(n + z²), without a frequency.
    """
    if "beta" in numbers:
        return numbers["beta"]
    with np.errstate(invalid="ignore", divide="ignore"):
        if "odds_ratio" in numbers:
            return np.log(numbers["odds_ratio"])
        return numbers["z_score"] * _error_of_z(numbers)


def _error_of_z(numbers: Mapping[str, FloatArray]) -> FloatArray:
    z, n = numbers["z_score"], numbers["n"]
    f = numbers.get("effect_allele_frequency")
    spread = 1.0 if f is None else 2 * f * (1 - f)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(1 / np.sqrt(spread * (n + z**2)))


def _standard_error(numbers: Mapping[str, FloatArray]) -> FloatArray:
    for name in ("standard_error", "odds_ratio_se"):
        if name in numbers:
            return numbers[name]
    with np.errstate(invalid="ignore", divide="ignore"):
        if "ci_lower" in numbers and "ci_upper" in numbers:
            low, high = numbers["ci_lower"], numbers["ci_upper"]
            if "odds_ratio" in numbers:
                low, high = np.log(low), np.log(high)
            return np.asarray((high - low) / (2 * 1.959963984540054))
        if "beta" in numbers or "odds_ratio" in numbers:
            z = np.abs(numbers["z_score"]) if "z_score" in numbers else None
            if z is None:
                z = np.sqrt(chi2_1_from_neg_log10_p(_neg_log10_p(numbers)))
            return np.asarray(np.where(z > 0, np.abs(_beta(numbers)) / z, np.nan))
        return _error_of_z(numbers)


def _neg_log10_p(numbers: Mapping[str, FloatArray]) -> FloatArray:
    if "neg_log_10_p_value" in numbers:
        return numbers["neg_log_10_p_value"]
    with np.errstate(invalid="ignore", divide="ignore"):
        if "p_value" in numbers:
            p = numbers["p_value"]
            # −log10 of a p-value above 1 is negative, which is set aside
            return np.asarray(np.where(p < 0, -1.0, -np.log10(np.abs(p)) + 0.0))
        if "z_score" in numbers:
            return neg_log10_p_normal(numbers["z_score"])
        return neg_log10_p_normal(_beta(numbers) / _standard_error(numbers))


def _without_zeros(
    made: Mapping[str, pa.Array],
    numbers: Mapping[str, FloatArray],
    aside: SetAside,
    name_row: Callable[[int], str],
) -> pa.Array:
    """−log10 p of which those that underflowed in the file are worked out from the effect."""
    p = np.asarray(made["neg_log_10_p_value"].to_numpy(zero_copy_only=False), dtype=np.float64)
    if "p_value" not in numbers or not np.isposinf(p).any():
        return made["neg_log_10_p_value"]
    rows = np.flatnonzero(np.isposinf(p))
    p = p.copy()
    p[rows] = numbers["neg_log10_of_text"][rows]
    left = rows[np.isnan(p[rows])]
    rest = {n: v[left] for n, v in numbers.items() if n not in ("p_value", "neg_log10_of_text")}
    has_se = set(rest) & {"standard_error", "odds_ratio_se", "ci_lower"}
    if "z_score" in rest or (has_se and set(rest) & {"beta", "odds_ratio"}):
        worked_out = _neg_log10_p(rest)
        p[left] = np.where(np.isfinite(worked_out), worked_out, np.nan)
    lost = left[np.isnan(p[left])]
    aside.add(P_OF_ZERO, len(lost), lambda: name_row(int(lost[0])))
    return pa.array(p, from_pandas=True)


def _n(numbers: Mapping[str, FloatArray]) -> FloatArray:
    if "n" in numbers:
        return numbers["n"]
    return numbers["n_cases"] + numbers.get("n_controls", np.nan)


def _call_rate(numbers: Mapping[str, FloatArray]) -> FloatArray:
    return numbers["call_rate"] if "call_rate" in numbers else 1 - numbers["missing_rate"]


_NUMBERS: dict[str, Callable[[Mapping[str, FloatArray]], FloatArray]] = {
    "beta": _beta,
    "standard_error": _standard_error,
    "neg_log_10_p_value": _neg_log10_p,
    "n": _n,
    "call_rate": _call_rate,
    "effect_allele_frequency": lambda numbers: numbers["effect_allele_frequency"],
}


def numbers_by_text(column: pa.DictionaryArray, value: Callable[[str], float]) -> FloatArray:
    """(m,) a number for each text of a column, worked out once for each different text."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    known = np.array([value(text or "") for text in column.dictionary.to_pylist()] + [np.nan])
    return np.asarray(known[column.indices.fill_null(-1).to_numpy(zero_copy_only=False)])


def chromosome_number(text: str) -> float:
    """The code of a chromosome, which spreadsheets may have turned into ``1.0``."""
    code = chromosome_code(text.removesuffix(".0"))
    return np.nan if code is None else float(code)


def allele_column(column: pa.ChunkedArray) -> pa.Array:
    column = column.combine_chunks()
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], _DICTIONARY)
    names = [
        _NUMBERED.get(text or "", (text or "").upper()) for text in column.dictionary.to_pylist()
    ]
    usable = pa.array([name if _ALLELE.fullmatch(name) else None for name in names], _TEXT)
    return usable.take(column.indices)
