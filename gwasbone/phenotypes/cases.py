"""Cases by a definition, and for each which rules made it one.

Everybody whom no rule finds is a control, as in Eriksson & Nakamori: a person without any record
too, since hospital records are linked for all.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.display import Shown
from gwasbone.errors import InputError, UsageError, reads
from gwasbone.phenotypes.biobank_table import BiobankTable
from gwasbone.phenotypes.case_definition import CaseDefinition, Rule
from gwasbone.tables import read_cells, write_table

log = logging.getLogger(__name__)

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, repr=False)
class Cases(Shown):
    """Cases of a definition, with the rules that each one meets.

    Parameters
    ----------
    definition : the rules that were applied.
    rules : (people × rules) booleans, index ``person``: whom each rule finds.
    codes : one row per code or name of each rule: ``rule``, ``kind``, ``code``, ``meaning``,
        ``n_people`` whom it finds.
    """

    definition: CaseDefinition
    rules: pd.DataFrame
    codes: pd.DataFrame

    def headline(self) -> str:
        return f"Cases: {self.n_cases:,} of {len(self.rules):,} participants"

    def preview(self) -> pd.DataFrame:
        return self.codes

    @property
    def is_case(self) -> pd.Series:
        """Index ``person``: 1 case, 0 control."""
        return self.rules.any(axis=1).astype(np.int8).rename("case")

    @property
    def n_cases(self) -> int:
        return int(self.is_case.sum())

    @property
    def first_rule(self) -> pd.Series:
        """The first rule, in the definition's order, that finds a participant; NaN for controls."""
        first = np.asarray(self.rules.columns, object)[self.rules.to_numpy().argmax(axis=1)]
        return pd.Series(first, index=self.rules.index, name="first_rule").where(
            self.is_case.astype(bool)
        )

    @property
    def rule_names(self) -> pd.Series:
        """All rules that find a participant, joined with commas; NaN for controls."""
        joined = pd.Series("", index=self.rules.index, name="rules", dtype=object)
        for name in self.rules.columns:
            hit = self.rules[name].to_numpy()
            joined[hit] = joined[hit] + "," + str(name)
        return joined.str.removeprefix(",").where(self.is_case.astype(bool))

    def counts(self) -> pd.DataFrame:
        """``rule``, ``kind``, ``n_people``, ``n_first`` (first to find them) and ``n_only``."""
        alone = self.rules.to_numpy().sum(axis=1) == 1
        first = self.first_rule.value_counts()
        return pd.DataFrame(
            [
                {
                    "rule": rule.name,
                    "kind": rule.kind,
                    "n_people": int(self.rules[rule.name].sum()),
                    "n_first": int(first.get(rule.name, 0)),
                    "n_only": int((self.rules[rule.name].to_numpy() & alone).sum()),
                }
                for rule in self.definition.rules
            ]
        )

    def combinations(self) -> pd.DataFrame:
        """Each set of rules that some people have in common, exactly, with ``n_people``.

        One boolean column per rule; most people first. The rows add up to the cases.
        """
        found = self.rules[self.rules.any(axis=1)]
        sizes = found.groupby(list(found.columns), sort=False).size().rename("n_people")
        table = sizes.reset_index()
        order = [True] * len(found.columns)
        return table.sort_values(
            ["n_people", *found.columns], ascending=[False, *order], ignore_index=True
        )

    def write(self, prefix: Path) -> None:
        """Write ``PREFIX.cases.tsv``, ``.rules.tsv`` and ``.codes.tsv``."""
        people = pd.concat([self.is_case, self.first_rule, self.rule_names], axis=1)
        write_table(people.rename_axis("IID"), Path(f"{prefix}.cases.tsv"))
        write_table(self.counts(), Path(f"{prefix}.rules.tsv"), index=False)
        write_table(self.codes, Path(f"{prefix}.codes.tsv"), index=False)


def find_cases(
    table: BiobankTable,
    definition: CaseDefinition,
    *,
    medication_names: Mapping[str, str] | None = None,
    skip_absent: bool = False,
) -> Cases:
    """Find the cases of a definition in a biobank's table.

    Parameters
    ----------
    table : with the fields of the definition read as text.
    medication_names : code -> name of a drug, where the table has UK Biobank's numbers; see
        :func:`read_coding`.
    skip_absent : leave rules out, with a warning, of whose fields the table has none.

    Raises
    ------
    InputError
        A rule has no field in the table, numbers where drugs are searched by name, no case, or
        everybody a case.
    UsageError
        A field of the definition was not read as text.
    """
    definition = _applicable(definition, table, skip_absent)
    columns = [c.name for field in definition.fields for c in table.fields.get(field, ())]
    numeric = [name for name in columns if table.table[name].dtype != "category"]
    if numeric:
        raise UsageError(
            f"expected codes as text in {', '.join(numeric[:3])}, they were read as numbers: give "
            "read_biobank_table the kind text for these fields"
        )
    numbered = _nameless(definition, table) if medication_names is None else []
    if numbered:
        raise InputError(
            f"expected names of drugs in {', '.join(numbered)} of {table.path} for the rules that "
            "search by name, got numbers: give --medication-coding FILE (data-coding 4 of the "
            "showcase), or put the numbers into the definition"
        )
    hits, rows = {}, []
    for rule in definition.rules:
        found = _people_by_item(rule, table, medication_names or {})
        hits[rule.name] = np.logical_or.reduce(list(found.values()))
        rows += [
            {"rule": rule.name, "kind": rule.kind, "code": item, "meaning": rule.items[item]}
            | {"n_people": int(people.sum())}
            for item, people in found.items()
        ]
    cases = Cases(definition, pd.DataFrame(hits, index=table.people), pd.DataFrame(rows))
    _check_counts(cases, table)
    unused = cases.codes.query("n_people == 0")["code"].tolist()
    if unused:
        log.info("codes of the definition that no participant has: %s", ", ".join(unused))
    return cases


@reads("a data-coding with columns coding and meaning")
def read_coding(path: str | Path) -> dict[str, str]:
    """Code -> meaning of a data-coding as the showcase gives it (columns ``coding``, ``meaning``).

    Raises
    ------
    InputError
        No such file, or other columns.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected a data-coding with coding and meaning")
    rows = read_cells(path, what="a data-coding")
    absent = {"coding", "meaning"} - set(rows.columns)
    if absent:
        raise InputError(
            f"expected tab-separated columns coding and meaning in {path}, its header has "
            f"{', '.join(rows.columns[:8])}: download the data-coding from the showcase"
        )
    return dict(zip(rows["coding"], rows["meaning"], strict=True))


def _applicable(
    definition: CaseDefinition, table: BiobankTable, skip_absent: bool
) -> CaseDefinition:
    lacking = [r for r in definition.rules if not any(f in table.fields for f in r.fields)]
    if not lacking:
        return definition
    shown = "; ".join(f"{r.name} ({', '.join(map(str, r.fields))})" for r in lacking)
    if not skip_absent or len(lacking) == len(definition.rules):
        or_skip = "" if len(lacking) == len(definition.rules) else ", or give --skip-absent"
        raise InputError(
            f"expected in {table.path} a field of every rule of {definition.name}, there is none "
            f"of {shown}: add the columns or change the definition{or_skip}"
        )
    log.warning("rules left out, the table has none of their fields: %s", shown)
    kept = tuple(rule for rule in definition.rules if rule not in lacking)
    return CaseDefinition(definition.name, kept, definition.source)


def _nameless(definition: CaseDefinition, table: BiobankTable) -> list[str]:
    """Columns of numbers only that a rule searches by names alone."""
    fields = {f for r in definition.rules if r.names and not r.codes for f in r.fields}
    columns = [c.name for field in fields for c in table.fields.get(field, ())]
    values = {name: table.table[name].cat.categories for name in columns}
    coded = [name for name, known in values.items() if len(known) and known.str.isdigit().all()]
    return coded if len(coded) == sum(len(known) > 0 for known in values.values()) else []


def _people_by_item(
    rule: Rule, table: BiobankTable, medication_names: Mapping[str, str]
) -> dict[str, BoolArray]:
    """Code or name -> (n,) whether it finds the person; each distinct value is looked at once."""
    found = {item: np.zeros(len(table.people), bool) for item in rule.items}
    matches: dict[str, list[str]] = {}
    for column in (c for field in rule.fields for c in table.fields.get(field, ())):
        values = table.table[column.name].cat
        wanted: dict[str, list[int]] = {}
        for position, value in enumerate(map(str, values.categories)):
            if value not in matches:
                known = {value, medication_names.get(value, value)}
                matches[value] = [i for i in found if any(rule.finds(i, v) for v in known)]
            for item in matches[value]:
                wanted.setdefault(item, []).append(position)
        if not wanted:
            continue
        # the last place stands for missing values, whose code is -1
        any_item = np.zeros(len(values.categories) + 1, bool)
        any_item[[p for positions in wanted.values() for p in positions]] = True
        codes = values.codes.to_numpy()
        rows = np.flatnonzero(any_item[codes])
        for item, positions in wanted.items():
            found[item][rows[np.isin(codes[rows], positions)]] = True
    return found


def _check_counts(cases: Cases, table: BiobankTable) -> None:
    n = len(table.people)
    if cases.n_cases == 0:
        raise InputError(
            f"expected cases of {cases.definition.name} in {table.path}, no rule applies to any "
            f"of {n:,} participants: check that the columns hold codes, not dates or counts"
        )
    if cases.n_cases == n:
        raise InputError(
            f"expected controls beside cases of {cases.definition.name} in {table.path}, all "
            f"{n:,} participants are cases: check the definition, and that the table holds all "
            "participants"
        )
