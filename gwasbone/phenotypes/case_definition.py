"""What makes a participant a case: rules of codes and drug names, as data in a TOML file."""

from __future__ import annotations

import re
import tomllib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from typing import Any, Literal, get_args

from gwasbone.errors import GwasboneWarning, InputError, reads
from gwasbone.phenotypes.fields import FieldKind

RuleKind = Literal["icd9", "icd10", "medication"]

_FORMATS = {
    "icd9": (re.compile(r"\d{3}\d{0,2}|E\d{3}\d?|V\d{2}\d{0,2}"), "such as 733 or 733.0"),
    "icd10": (re.compile(r"[A-Z]\d[0-9A-Z][0-9A-Z]{0,4}"), "such as M81 or M85.8"),
    "medication": (re.compile(r"\d+"), "a number of data-coding 4"),
}
_KEYS = {"name", "kind", "fields", "source", "codes", "names"}
_MIN_NAME = 3


@dataclass(frozen=True)
class Rule:
    """One way to be a case.

    Parameters
    ----------
    name : what tables and figures call it.
    kind : ``icd9``, ``icd10`` (codes match by prefix, dots ignored) or ``medication``.
    fields : biobank fields that are searched.
    codes : code -> meaning; of a medication the coding's numbers, which match whole.
    names : beginning of a word in a drug's name, in small letters -> meaning; medications only.
    source : where the codes come from.
    """

    name: str
    kind: RuleKind
    fields: tuple[int, ...]
    codes: Mapping[str, str]
    names: Mapping[str, str]
    source: str = ""

    @property
    def items(self) -> dict[str, str]:
        """Codes and names with their meanings, in the order of the file."""
        return {**self.codes, **self.names}

    def finds(self, item: str, value: str) -> bool:
        """Whether one of the codes or names matches a value of the table.

        >>> osteoporosis_definition().rule("icd10_osteoporosis").finds("M85.8", "M8588")
        True
        """
        if item in self.names:
            return re.search(rf"\b{re.escape(item)}", value, re.IGNORECASE) is not None
        plain = plain_code(value)
        if self.kind == "medication":
            return plain == plain_code(item)
        return plain.startswith(plain_code(item))


@dataclass(frozen=True)
class CaseDefinition:
    """Case definition: rules, any of which makes a case."""

    name: str
    rules: tuple[Rule, ...]
    source: str = ""

    @property
    def fields(self) -> tuple[int, ...]:
        """All fields that are searched."""
        return tuple(dict.fromkeys(field for rule in self.rules for field in rule.fields))

    @property
    def kinds(self) -> dict[int, FieldKind]:
        """How the fields are read: as text, and those of ICD-9 with the dots of their codes."""
        icd9 = {field for rule in self.rules if rule.kind == "icd9" for field in rule.fields}
        return {field: "icd9" if field in icd9 else "text" for field in self.fields}

    def rule(self, name: str) -> Rule:
        return next(rule for rule in self.rules if rule.name == name)


def plain_code(code: str) -> str:
    """A code as it is compared: capitals, without dots and blanks.

    >>> plain_code(" m85.8")
    'M858'
    """
    return code.replace(".", "").strip().upper()


def osteoporosis_definition() -> CaseDefinition:
    """Read the package's definition of osteoporosis, ``resources/osteoporosis.toml``."""
    return _checked(tomllib.loads(osteoporosis_text()), "resources/osteoporosis.toml")


def osteoporosis_text() -> str:
    """The package's definition as text, to copy and change."""
    return (files("gwasbone") / "resources" / "osteoporosis.toml").read_text(encoding="utf-8")


@reads("a case definition in TOML")
def read_definition(path: str | Path) -> CaseDefinition:
    """Read and check a definition; see ``resources/osteoporosis.toml`` for the form.

    A code that begins with another one is allowed and warned about: the shorter one finds all
    that the longer one does.

    Raises
    ------
    InputError
        No such file, no TOML, an unknown key or kind, a code of the wrong form or there twice, a
        rule without codes or fields; all faults are listed.
    """
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(
            f"{path}: no such file; `gwasbone phenotypes --print-definition` prints one"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(
            f"expected a definition in TOML in {path}, it cannot be read: {error}"
        ) from error
    return _checked(raw, str(path))


def _checked(raw: Mapping[str, Any], where: str) -> CaseDefinition:
    tables = raw.get("rule", [])
    if not isinstance(tables, list) or not tables:
        raise InputError(f"expected rules ([[rule]]) in {where}, there is none: add one")
    faults = [f"unknown key {key}" for key in raw if key not in ("name", "source", "rule")]
    rules = []
    for number, table in enumerate(tables, 1):
        found = list(_rule_faults(table, f"rule {table.get('name', number)}"))
        faults += found
        if not found:
            rules.append(_rule(table))
    faults += [
        f"two rules are called {name}"
        for name in _twice([str(table.get("name")) for table in tables])
    ]
    faults += _repeated_codes(rules)
    if faults:
        raise InputError(f"{where}: {'; '.join(faults)}")
    _warn_of_prefixes(rules, where)
    return CaseDefinition(str(raw.get("name", "case")), tuple(rules), str(raw.get("source", "")))


def _rule(table: Mapping[str, Any]) -> Rule:
    return Rule(
        name=table["name"],
        kind=table["kind"],
        fields=tuple(table["fields"]),
        codes={str(code): str(meaning) for code, meaning in table.get("codes", {}).items()},
        names={name.lower(): str(meaning) for name, meaning in table.get("names", {}).items()},
        source=str(table.get("source", "")),
    )


def _rule_faults(table: Mapping[str, Any], rule: str) -> Iterator[str]:
    for key in table.keys() - _KEYS:
        yield f"{rule}: unknown key {key}"
    if not isinstance(table.get("name"), str) or not re.fullmatch(r"\w+", table["name"]):
        yield f"{rule}: expected a name of letters, digits and _, got {table.get('name')!r}"
    fields = table.get("fields")
    if not fields or not all(type(field) is int and field > 0 for field in fields):
        yield f"{rule}: expected fields = [numbers of fields], got {fields!r}"
    codes, names = table.get("codes", {}), table.get("names", {})
    if not isinstance(codes, dict) or not isinstance(names, dict):
        yield f'{rule}: expected codes and names as lines "code" = "meaning"'
        return
    if not codes and not names:
        yield f"{rule}: it has no codes: add some or take the rule out"
    kind = str(table.get("kind"))
    if kind not in get_args(RuleKind):
        yield f"{rule}: unknown kind {kind!r}, expected {', '.join(get_args(RuleKind))}"
        return
    if names and kind != "medication":
        yield f"{rule}: names are for medications, a rule of kind {kind} has codes"
    pattern, example = _FORMATS[kind]
    wrong = [code for code in codes if not pattern.fullmatch(plain_code(code))]
    if wrong:
        yield f"{rule}: expected {kind} codes {example}, got {', '.join(map(repr, wrong))}"
    short = [name for name in names if len(name.strip()) < _MIN_NAME]
    if short:
        yield (
            f"{rule}: expected at least {_MIN_NAME} letters of a drug's name, got "
            f"{', '.join(map(repr, short))}"
        )


def _coded(rules: list[Rule]) -> list[tuple[RuleKind, Rule, str, str]]:
    """(kind, rule, as written, as compared) of every code and name."""
    parts = []
    for rule in rules:
        parts += [(rule.kind, rule, code, plain_code(code)) for code in rule.codes]
        parts += [(rule.kind, rule, name, name) for name in rule.names]
    return parts


def _repeated_codes(rules: list[Rule]) -> list[str]:
    places: dict[tuple[str, str], list[str]] = {}
    for kind, rule, written, plain in _coded(rules):
        places.setdefault((kind, plain), []).append(f"{written} in {rule.name}")
    return [
        f"{kind} code {plain} is listed {len(where)} times ({', '.join(where)}): keep one"
        for (kind, plain), where in places.items()
        if len(where) > 1
    ]


def _warn_of_prefixes(rules: list[Rule], where: str) -> None:
    covered = []
    for one, other in combinations(_coded(rules), 2):
        short, long = sorted((one, other), key=lambda part: len(part[3]))
        by_prefix = short[0] != "medication" or short[2] in short[1].names
        if one[0] == other[0] and by_prefix and long[3].startswith(short[3]):
            covered.append(f"{long[2]} ({long[1].name}) by {short[2]} ({short[1].name})")
    if covered:
        warnings.warn(
            f"{where}: codes that a shorter code covers: {', '.join(covered)}; whoever has one "
            "has both",
            GwasboneWarning,
            stacklevel=2,
        )


def _twice(names: list[str]) -> list[str]:
    return [name for name in dict.fromkeys(names) if names.count(name) > 1]
