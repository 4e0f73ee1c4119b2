"""Answers of a questionnaire for each assessment, joined by participant and visit.

A table of answers may be a biobank's (columns by field, visit and place), have a row for each
person and visit (``instance``), or one row per person.
"""

from __future__ import annotations

import difflib
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from gwasbone.errors import InputError, listed
from gwasbone.learning.field_categories import field_categories
from gwasbone.learning.questionnaire import InputRules, refuse_bone
from gwasbone.phenotypes.array_fields import spread_arrays
from gwasbone.phenotypes.biobank_table import BiobankTable, read_biobank_table
from gwasbone.phenotypes.confounders import AGE, SEX, WEIGHT, read_assessments
from gwasbone.phenotypes.fields import FieldColumn, field_columns, parse_field_column
from gwasbone.phenotypes.measurements import AssessmentFields
from gwasbone.phenotypes.options import TableReading
from gwasbone.phenotypes.participants import bare, names_families, names_participants
from gwasbone.phenotypes.special_codes import SpecialCodes
from gwasbone.phenotypes.table import header_of, numbers, read_people_table
from gwasbone.phenotypes.traits import natural_logarithm

log = logging.getLogger(__name__)

INSTANCE = "instance"

#: IDs of participants in tables other than a biobank's.
_PLAIN_IDS = ("iid", "person")
#: Columns that the table of assessments has already.
_OF_ASSESSMENTS = (INSTANCE, SEX, AGE, WEIGHT)
#: A column of a biobank's field that does not say of which visit it is.
_WITHOUT_VISIT = re.compile(r"(participant\.)?p?\d+(_a\d+)?", re.IGNORECASE)


@dataclass(frozen=True)
class VisitAnswers:
    """Answers for n assessments.

    Parameters
    ----------
    table : (n,) rows in the order of the assessments; NaN where there is no answer.
    known : (n,) whether the person (and visit, where answers are by visit) is among them at all.
    """

    table: pd.DataFrame
    known: npt.NDArray[np.bool_]


def read_visit_answers(
    path: str | Path,
    assessments: pd.DataFrame,
    columns: Sequence[str] | None = None,
    *,
    categories: Sequence[str] = (),
    logarithms: Sequence[str] = (),
    left_out: Sequence[str] = (),
    rules: InputRules | None = None,
    reading: TableReading | None = None,
) -> VisitAnswers:
    """Read the answers of a file for the visits of a table of assessments.

    Parameters
    ----------
    path : a biobank's table (``eid`` or ``IID``, columns such as ``1558-2.0`` or
        ``p1558_i2``), or a table with ``IID`` (or ``person``) and perhaps ``instance``; text or
        ``.parquet``. Of a biobank's field that was asked at several visits the assessment's own
        visit counts; one that was asked once counts for every visit.
    assessments : indexed by person, or by person and instance; as
        :func:`gwasbone.phenotypes.confounders.read_assessments` gives it.
    columns : names, or field numbers of a biobank's table; None for all. Sex, age and weight are
        those of the assessments and are passed over here.
    categories : of :func:`gwasbone.learning.field_categories.field_categories`, whose fields are
        taken beside ``columns`` (and no others where that is None), as far as the file has them.
    logarithms : columns or field numbers of numbers above 0, of which the natural logarithm is
        taken, after the codes of missing answers are set aside.
    left_out : of all columns, those that are not to be inputs: names, field numbers, or ranges
        of them such as ``23200-23320``.
    rules : what may not be an answer; the package's own by default.
    reading : codes of missing values, and the limit of what is unpacked.

    Raises
    ------
    InputError
        No such file or column, measured bone among the columns, nobody of the assessments is in
        the file, or it has visits and the assessments do not say theirs.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"expected a table of answers, there is no file {path}: check --inputs")
    rules = InputRules.read() if rules is None else rules
    names = header_of(path)
    names = _without(names, left_out, rules, path)
    if categories:
        columns = [*(columns or ()), *_of_categories(names, categories, path)]
    if _is_biobank(names):
        fields = _chosen_fields(names, columns, path)
        refuse_bone([c.name for of in fields.values() for c in of], rules)
        found = biobank_answers(
            read_biobank_table(path, dict.fromkeys(fields, "text"), reading=reading), assessments
        )
    else:
        chosen = _chosen_columns(names, columns, path)
        refuse_bone(chosen, rules)
        reader = read_assessments if INSTANCE in names else read_people_table
        table = reader(path, reading=reading)
        if INSTANCE in table.columns:
            table = table.set_index(INSTANCE, append=True)
        found = join_answers(_one_answer_each(table[chosen]), assessments)
    found = replace(found, table=_with_logarithms(found.table, logarithms, path))
    if not found.known.any():
        raise InputError(
            f"expected answers of participants in the table of assessments, {path} has none of its "
            f"{len(assessments):,} assessments: check that both name participants (and visits) "
            "alike"
        )
    return found


def _of_categories(names: Sequence[str], categories: Sequence[str], path: Path) -> list[str]:
    """Columns of the fields of some categories; how many of how many are there is logged."""
    own = AssessmentFields()
    taken = [*map(str, (own.sex, own.age, own.weight))]
    fields = {name: parse_field_column(name) for name in names}
    chosen: list[str] = []
    for category in categories:
        wanted = set(field_categories()[category])
        of = [n for n, column in fields.items() if column is not None and column.field in wanted]
        there = {column.field for n in of if (column := fields[n]) is not None}
        log.info("%s: %d of the %d fields of %s", path, len(there), len(wanted), category)
        chosen += [name for name in of if name not in taken]
    if not chosen:
        raise InputError(
            f"expected fields of {', '.join(categories)} in {path}, it has none of them: give "
            "other categories, or --input-columns"
        )
    return list(dict.fromkeys(chosen))


def _with_logarithms(table: pd.DataFrame, names: Sequence[str], path: Path) -> pd.DataFrame:
    """Answers with natural logarithms in place of some columns, given by name or by field."""
    codes, made = SpecialCodes.read(), {}
    for name in names:
        column = parse_field_column(name)
        of = [c for c in map(str, table.columns) if c == name or _same_field(c, column)]
        _refuse_unknown([] if of else [name], [str(c) for c in table.columns], path)
        for answer in of:
            own = parse_field_column(answer)
            values = codes.recode(own.field if own else 0, table[answer]).values
            made[answer] = natural_logarithm(
                numbers(table.assign(**{answer: values}), answer), answer
            )
    return table.assign(**made)


def _same_field(name: str, column: FieldColumn | None) -> bool:
    found = parse_field_column(name)
    return found is not None and column is not None and found.field == column.field


def _one_answer_each(table: pd.DataFrame) -> pd.DataFrame:
    """The table with one column per answer where a biobank field joins several in one cell."""
    texts = [
        name for name in table.columns
        if table[name].dtype == object and parse_field_column(str(name)) is not None
    ]  # fmt: skip
    if not texts:
        return table
    arrow = pa.Table.from_pandas(table[texts], preserve_index=False)
    spread, split = spread_arrays(arrow, lambda name: "text")
    if not split:
        return table
    log.info("fields with several answers in one cell: %s", listed(split))
    parts = spread.select([part for of in split.values() for part in of]).to_pandas()
    parts = parts.astype(object).apply(_numbers_where_all_are).set_axis(table.index, axis=0)
    return pd.concat([table.drop(columns=list(split)), parts], axis=1)


def join_answers(answers: pd.DataFrame, assessments: pd.DataFrame) -> VisitAnswers:
    """Answers by participant, or by participant and instance, for each assessment.

    Raises
    ------
    InputError
        A person (or visit) is there twice, or answers are by visit and assessments are not.
    """
    if answers.index.nlevels == 1:
        wanted: pd.Index = pd.Index(_people_of(assessments))
    else:
        instance = _instances_of(assessments)
        if instance is None:
            raise InputError(
                "expected a column instance in the table of assessments, since answers are by "
                "visit: add it, or give answers with one row per participant"
            )
        wanted = pd.MultiIndex.from_arrays([_people_of(assessments), instance])
        # numbers of visits may be text or floats in one of the files
        answers = answers.set_axis(
            pd.MultiIndex.from_arrays(
                [answers.index.get_level_values(0), _whole(answers.index.get_level_values(1))]
            ),
            axis=0,
        )
    if answers.index.has_duplicates:
        twice = answers.index[answers.index.duplicated()].unique()
        raise InputError(
            f"expected each participant{' and visit' if answers.index.nlevels > 1 else ''} once "
            f"among the answers, {len(twice):,} are there twice or more ({listed(twice, 3)}): "
            "keep one"
        )
    place = answers.index.get_indexer(wanted)
    return VisitAnswers(_taken(answers, place), place >= 0)


def biobank_answers(table: BiobankTable, assessments: pd.DataFrame) -> VisitAnswers:
    """Answers of a biobank's table for each assessment; see :func:`read_visit_answers`.

    Returns
    -------
    Columns are named ``pFIELD``, and ``pFIELD_aARRAY`` where a field has several values a visit.

    Raises
    ------
    InputError
        Fields were asked at several visits and assessments do not say theirs.
    """
    place = table.people.get_indexer(pd.Index(_people_of(assessments)))
    instance = _instances_of(assessments)
    made: dict[str, npt.NDArray[Any]] = {}
    for field, columns in table.fields.items():
        several_arrays = len({column.array for column in columns}) > 1
        by_place: dict[int, list[FieldColumn]] = {}
        for column in columns:
            by_place.setdefault(column.array, []).append(column)
        once = len({column.instance for column in columns}) == 1
        if not once and instance is None:
            raise InputError(
                f"expected a column instance in the table of assessments, since field {field} of "
                f"{table.path} was asked at several visits: add it"
            )
        for array, visits in by_place.items():
            name = f"p{field}_a{array}" if several_arrays else f"p{field}"
            made[name] = _of_visits(table.table, visits, place, None if once else instance)
    answers = pd.DataFrame(made).apply(_numbers_where_all_are)
    return VisitAnswers(answers, place >= 0)


def _of_visits(
    table: pd.DataFrame,
    columns: Sequence[FieldColumn],
    place: npt.NDArray[np.intp],
    instance: npt.NDArray[np.int64] | None,
) -> npt.NDArray[np.object_]:
    """(n,) the value of each assessment's own visit, as text."""
    found = np.full(len(place), np.nan, dtype=object)
    for column in columns:
        rows = place >= 0
        if instance is not None:
            rows &= instance == column.instance
        found[rows] = table[column.name].astype(object).to_numpy()[place[rows]]
    return found


def _numbers_where_all_are(column: pd.Series) -> pd.Series:
    values = pd.to_numeric(column, errors="coerce")
    return values if values.notna().sum() == column.notna().sum() else column


def _taken(answers: pd.DataFrame, place: npt.NDArray[np.intp]) -> pd.DataFrame:
    # text keeps its dtype; rows of nobody become NaN
    return answers.reset_index(drop=True).reindex(place).reset_index(drop=True)


def _without(
    names: Sequence[str], left_out: Sequence[str], rules: InputRules, path: Path
) -> list[str]:
    """Names that no entry of ``left_out`` means, by the same matching as that of the rules."""
    gone = {
        entry: [
            n
            for n in names
            if not names_participants(n) and rules.meaning(n, {entry: ""}) is not None
        ]
        for entry in left_out
    }
    unknown = [entry for entry, of in gone.items() if not of]
    _refuse_unknown(unknown, list(names), path)
    return [name for name in names if not any(name in of for of in gone.values())]


def _is_biobank(names: Sequence[str]) -> bool:
    named = any(bare(name) in _PLAIN_IDS for name in names)
    return not named or any(map(_says_visit, names))


def _says_visit(name: str) -> bool:
    return parse_field_column(name) is not None and not _WITHOUT_VISIT.fullmatch(name.strip())


def _is_answer(name: str) -> bool:
    known = names_participants(name) or names_families(name) or name in _OF_ASSESSMENTS
    return not known


def _chosen_fields(
    names: Sequence[str], columns: Sequence[str] | None, path: Path
) -> dict[int, tuple[FieldColumn, ...]]:
    own = AssessmentFields()
    fields = {
        field: of
        for field, of in field_columns(names).items()
        if field not in (own.sex, own.age, own.weight)
    }
    if columns is None:
        other = [n for n in names if parse_field_column(n) is None and _is_answer(n)]
        if other:
            log.info("%s: no fields, and so no inputs: %s", path, listed(other))
        chosen = fields
    else:
        asked = {name: parse_field_column(name) for name in columns}
        unknown = [n for n, column in asked.items() if column is None or column.field not in fields]
        _refuse_unknown(unknown, [*map(str, fields), *names], path)
        chosen = {c.field: fields[c.field] for c in asked.values() if c is not None}
    if not chosen:
        raise InputError(f"expected fields to take as inputs in {path}, there is none")
    return chosen


def _chosen_columns(names: Sequence[str], columns: Sequence[str] | None, path: Path) -> list[str]:
    possible = [name for name in names if _is_answer(name)]
    if columns is not None:
        _refuse_unknown([name for name in columns if name not in possible], possible, path)
        return list(dict.fromkeys(columns))
    if not possible:
        raise InputError(
            f"expected columns of answers in {path}, it has {listed(names)}: give a table with "
            "more than participants, visits, sex, age and weight"
        )
    return possible


def _refuse_unknown(unknown: Sequence[str], possible: Sequence[str], path: Path) -> None:
    if not unknown:
        return
    taken = [name for name in unknown if name in (SEX, AGE, WEIGHT)]
    near = difflib.get_close_matches(unknown[0], possible, 3, 0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"it has {listed(possible)}"
    if taken:
        hint = f"{', '.join(taken)} of the table of assessments is an input in any case"
    raise InputError(
        f"expected {listed(unknown)} among the answers of {path}, there is no such column: {hint}"
    )


def _people_of(assessments: pd.DataFrame) -> npt.NDArray[np.object_]:
    return np.asarray(assessments.index.get_level_values(0).astype(str).to_numpy(), dtype=object)


def _instances_of(assessments: pd.DataFrame) -> npt.NDArray[np.int64] | None:
    if assessments.index.nlevels > 1:
        return _whole(assessments.index.get_level_values(1))
    if INSTANCE in assessments.columns:
        return _whole(assessments[INSTANCE])
    return None


def _whole(values: Any) -> npt.NDArray[np.int64]:
    numbers = pd.to_numeric(pd.Series(np.asarray(values)), errors="coerce").to_numpy(np.float64)
    if np.isnan(numbers).any() or (numbers % 1 != 0).any():
        raise InputError("expected whole numbers in column instance: correct the others")
    return numbers.astype(np.int64)
