"""Bone mineral density (BMD) by assessment: one row for each visit with a measurement."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import InputError, listed, reading
from gwasbone.phenotypes.biobank_table import BiobankTable
from gwasbone.phenotypes.fields import FieldKind, absent_fields
from gwasbone.phenotypes.sex import FEMALE as WOMAN
from gwasbone.phenotypes.sex import MALE as MAN
from gwasbone.phenotypes.sex import read_sexes
from gwasbone.tables import read_cells

log = logging.getLogger(__name__)

FloatArray = npt.NDArray[np.float64]

#: Sex in UK Biobank's field 31, kept as it is there.
SEX_CODING = "UK Biobank field 31: 0 = female, 1 = male"
FEMALE, MALE = 0.0, 1.0

_COLUMNS = ("name", "field", "region", "side", "meaning")
_RANGE = ("minimum", "maximum")
_SHOWN_VALUES = 4
_SIDES = ("left", "right", "none")


@dataclass(frozen=True)
class AssessmentFields:
    """Field numbers of what an assessment says of a participant besides BMD.

    Parameters
    ----------
    sex : once per person, 0 female, 1 male (or these words).
    age, weight, height : years, kg and cm at each visit.
    ethnicity : as code or label; the first answer that is not missing.
    plausible : least and largest age, weight and height; other values are set aside.
    """

    sex: int = 31
    age: int = 21003
    weight: int = 21002
    height: int = 50
    ethnicity: int = 21000
    plausible: Mapping[str, tuple[float, float]] = field(
        default_factory=lambda: {"age": (0, 130), "weight": (20, 400), "height": (80, 250)}
    )

    @property
    def kinds(self) -> dict[int, FieldKind]:
        """How the fields are read."""
        numbers: dict[int, FieldKind] = dict.fromkeys(
            (self.age, self.weight, self.height), "number"
        )
        return {self.sex: "text", self.ethnicity: "text", **numbers}


def bmd_measurements(path: str | Path | None = None) -> pd.DataFrame:
    """The measurements that are analysed: ``resources/bmd_measurements.tsv``, or another file.

    Returns
    -------
    Columns ``name``, ``field``, ``region``, ``side`` (left, right, none), ``meaning``,
    ``minimum`` and ``maximum`` (plausible values; NaN where there is no bound), in the file's
    order; 25 rows in the package's own.

    Raises
    ------
    InputError
        No such file, a column missing, a name or field twice, a side that is none of the three, a
        left without its right; all faults are listed.
    """
    source = (
        files("gwasbone") / "resources" / "bmd_measurements.tsv" if path is None else Path(path)
    )
    if not source.is_file():
        raise InputError(f"{source}: no such file; expected a table of measurements")
    with reading(source, "a table of measurements"):
        table = read_cells(Path(str(source)), what="a table of measurements", comment="#")
    absent = [name for name in _COLUMNS if name not in table.columns]
    if absent or table.empty:
        what = f"{', '.join(absent)} missing from the header" if absent else "there is no row"
        raise InputError(
            f"expected tab-separated columns {', '.join(_COLUMNS)} in {source}, {what}: keep the "
            "form of the package's own file"
        )
    faults = [
        f"{column} {value} is there twice"
        for column in ("name", "field")
        for value in table[column][table[column].duplicated()].unique()
    ]
    faults += [f"field {v!r} is no number" for v in table["field"] if not v.isdigit()]
    faults += [f"side {v!r} is none of {', '.join(_SIDES)}" for v in {*table["side"]} - {*_SIDES}]
    lefts, rights = (
        {n.removesuffix(f"_{side}") for n in table["name"][table["side"] == side]}
        for side in ("left", "right")
    )
    faults += [f"{stem} has one side only" for stem in sorted(lefts ^ rights)]
    if faults:
        raise InputError(f"{source}: {'; '.join(faults)}")
    table = _with_range(table.astype({"field": int}), source)
    if path is not None:
        own = bmd_measurements().set_index("field")
        for bound in _RANGE:
            table[bound] = table[bound].fillna(table["field"].map(own[bound]))
    return table[[*_COLUMNS, *_RANGE]]


def _with_range(table: pd.DataFrame, source: object) -> pd.DataFrame:
    for bound in _RANGE:
        given = table[bound].str.strip() if bound in table else pd.Series("", table.index)
        numbers = pd.to_numeric(given, errors="coerce")
        odd = given[numbers.isna() & (given != "")]
        if len(odd):
            raise InputError(
                f"{source}: expected numbers or nothing in column {bound}, got {odd.iloc[0]!r}"
            )
        table[bound] = numbers.astype(np.float64)
    return table


def left_right_pairs(measurements: pd.DataFrame) -> list[tuple[str, str]]:
    """(left, right) names of what is measured on both sides."""
    lefts = measurements["name"][measurements["side"] == "left"]
    return [(name, f"{name.removesuffix('_left')}_right") for name in lefts]


def assessments(
    table: BiobankTable,
    measurements: pd.DataFrame,
    *,
    fields: AssessmentFields | None = None,
    skip_absent: bool = False,
) -> pd.DataFrame:
    """Measurements of each visit, with age and weight of the same visit.

    Parameters
    ----------
    table : with the fields of ``measurements`` and ``fields`` read.
    measurements : see :func:`bmd_measurements`.
    skip_absent : leave measurements out, with a warning, whose field the table lacks.

    Returns
    -------
    Index (``person``, ``instance``), sorted by visit within the table's order of people; columns
    ``sex`` (coding in ``attrs["sex_coding"]``), ``age`` (years), ``weight`` (kg), ``height`` (cm),
    ``ethnicity`` (text), those whose field the table has; then the measurements (g/cm²), several
    values of one visit averaged. Visits without any measurement are left out, and so are, with a
    warning, measurements without any value.

    Raises
    ------
    InputError
        Fields the table lacks (sex and age always needed), a sex that is neither 0 nor 1,
        nobody measured.
    """
    fields = fields or AssessmentFields()
    measurements = _present(measurements, table, fields, skip_absent)
    instances = sorted({c.instance for f in measurements["field"] for c in table.fields[f]})
    people = len(table.people)
    aside = _SetAside(table)
    bmd = {
        name: np.concatenate([aside.visit_mean(name, number, i, (low, high)) for i in instances])
        for name, number, low, high in measurements[["name", "field", *_RANGE]].itertuples(
            index=False
        )
    }
    empty = [name for name, values in bmd.items() if np.isnan(values).all()]
    if len(empty) == len(bmd):
        raise InputError(
            f"expected measurements in {table.path}, no participant has any value of them"
        )
    if empty:
        log.warning("left out: %s: no participant of %s has a value", listed(empty), table.path)
        bmd = {name: values for name, values in bmd.items() if name not in empty}
    columns: dict[str, object] = {"sex": np.tile(_sex(table, fields.sex), len(instances))}
    for name, number in (("age", fields.age), ("weight", fields.weight), ("height", fields.height)):
        if number in table.fields:
            bounds = fields.plausible[name]
            columns[name] = np.concatenate(
                [aside.visit_mean(name, number, i, bounds) for i in instances]
            )
    aside.report()
    if fields.ethnicity in table.fields:
        told = table.first(fields.ethnicity).astype(object).to_numpy()
        columns["ethnicity"] = np.tile(told, len(instances))
    measured = np.flatnonzero(np.logical_or.reduce([~np.isnan(v) for v in bmd.values()]))
    person, visit = measured % people, measured // people
    order = np.lexsort((visit, person))
    index = pd.MultiIndex.from_arrays(
        [table.people[person[order]], np.asarray(instances, np.int16)[visit[order]]],
        names=["person", "instance"],
    )
    rows = measured[order]
    long = pd.DataFrame(
        {name: np.asarray(values)[rows] for name, values in {**columns, **bmd}.items()}, index=index
    )
    long.attrs = {"sex_coding": SEX_CODING, "n_withdrawn": table.n_withdrawn}
    return long


def measured_names(long: pd.DataFrame, measurements: pd.DataFrame) -> list[str]:
    """The measurements that a table of assessments has, in the order of the file."""
    return [name for name in measurements["name"] if name in long.columns]


def _present(
    measurements: pd.DataFrame, table: BiobankTable, fields: AssessmentFields, skip_absent: bool
) -> pd.DataFrame:
    needed = absent_fields((fields.sex, fields.age), table.fields)
    if needed:
        raise InputError(
            f"expected sex (field {fields.sex}) and age at each visit (field {fields.age}) in "
            f"{table.path}, fields {', '.join(map(str, needed))} are not there: add the columns"
        )
    lacking = measurements["field"].isin(absent_fields(measurements["field"], table.fields))
    if not lacking.any():
        return measurements
    shown = ", ".join(
        f"{name} ({field})"
        for name, field in measurements.loc[lacking, ["name", "field"]].itertuples(index=False)
    )
    if not skip_absent or lacking.all():
        or_skip = "" if lacking.all() else ", or give --skip-absent"
        raise InputError(
            f"expected fields of {len(measurements)} measurements in {table.path}, it lacks "
            f"{shown}: add the columns or list what you have in --measurements{or_skip}"
        )
    log.warning("measurements left out, the table lacks their fields: %s", shown)
    return measurements[~lacking]


class _SetAside:
    """Means of a visit's plausible values, and a record of the others."""

    def __init__(self, table: BiobankTable) -> None:
        self.table = table
        self.found: dict[str, list[float]] = {}
        self.bounds: dict[str, tuple[float, float]] = {}

    def visit_mean(
        self, name: str, number: int, instance: int, bounds: tuple[float, float]
    ) -> FloatArray:
        """(n,) mean over the values of a visit within the bounds; NaN where there is none."""
        columns = [c.name for c in self.table.fields[number] if c.instance == instance]
        if not columns:
            return np.full(len(self.table.people), np.nan)
        values = self.table.table[columns].to_numpy(np.float64)
        low, high = np.nan_to_num(bounds[0], nan=-np.inf), np.nan_to_num(bounds[1], nan=np.inf)
        odd = (values < low) | (values > high) | np.isinf(values)
        if odd.any():
            self.found.setdefault(name, []).extend(values[odd].tolist())
            self.bounds[name] = (low, high)
            values = np.where(odd, np.nan, values)
        if len(columns) == 1:
            return np.asarray(values[:, 0], np.float64)
        return pd.DataFrame(values).mean(axis=1).to_numpy(np.float64)

    def report(self) -> None:
        for name, values in self.found.items():
            shown = [f"{value:g}" for value in dict.fromkeys(values)]
            more = ", ..." if len(shown) > _SHOWN_VALUES else ""
            low, high = self.bounds[name]
            log.warning(
                "%s: %d values of %s outside %g to %g are set aside as missing: %s%s",
                self.table.path, len(values), name, low, high,
                ", ".join(shown[:_SHOWN_VALUES]), more,
            )  # fmt: skip


def _sex(table: BiobankTable, field: int) -> FloatArray:
    where = f"field {field} of {table.path}"
    codes = read_sexes(table.first(field).astype(object), where=where, coding="biobank").codes
    return np.select([codes == WOMAN, codes == MAN], [FEMALE, MALE], np.nan)


def needed_kinds(
    measurements: pd.DataFrame, *, fields: AssessmentFields | None = None
) -> Mapping[int, FieldKind]:
    """The fields that :func:`assessments` asks for and how they are read."""
    numbers: dict[int, FieldKind] = dict.fromkeys(measurements["field"].tolist(), "number")
    return {**(fields or AssessmentFields()).kinds, **numbers}


def per_person(long: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Means over a person's assessments, with ``n_assessments``; people in the table's order.

    ``age``, ``weight`` and ``height`` are averaged over the same visits, so that they belong to
    the measurements; ``sex`` and ``ethnicity`` are the person's.
    """
    people = long.groupby(level="person", sort=False)
    fixed = [name for name in ("sex", "ethnicity") if name in long.columns]
    averaged = [name for name in ("age", "weight", "height") if name in long.columns]
    return pd.concat(
        [
            people.size().rename("n_assessments"),
            people[fixed].first(),
            people[[*averaged, *names]].mean(),
        ],
        axis=1,
    )
