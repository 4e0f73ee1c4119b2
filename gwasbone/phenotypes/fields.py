"""Biobank columns by field number, in every usual spelling.

A field is what was measured, an instance the visit, an array index one of several values of the
same visit. ``FIELD-INSTANCE.ARRAY`` is how UK Biobank's converter writes a column,
``pFIELD_iINSTANCE_aARRAY`` the Research Analysis Platform, ``f.FIELD.INSTANCE.ARRAY`` its R output,
``n_FIELD_INSTANCE_ARRAY`` its Stata output, ``XFIELD.INSTANCE.ARRAY`` what R makes of a CSV, and
``name_fFIELD_INSTANCE_ARRAY`` what ukbtools makes of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from gwasbone.errors import InputError, listed

#: How the values of a field are read; see :mod:`gwasbone.phenotypes.biobank_table`. ``icd9`` is
#: text in which ``733.0`` is a code with a dot, not the whole number 733.
FieldKind = Literal["number", "text", "icd9", "date"]

#: Fields of ICD-9 codes: all, main and secondary diagnoses in hospital; the cancer register.
ICD9_FIELDS = frozenset({41271, 41203, 41205, 40013})

_SPELLINGS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?P<field>\d+)(?:-(?P<instance>\d+)\.(?P<array>\d+))?",
        r"(?:participant\.)?p(?P<field>\d+)(?:_i(?P<instance>\d+))?(?:_a(?P<array>\d+))?",
        r"[fx][._](?P<field>\d+)[._](?P<instance>\d+)[._](?P<array>\d+)",
        r"x(?P<field>\d+)[._](?P<instance>\d+)[._](?P<array>\d+)",
        r"(?:\w+_)?f(?P<field>\d+)_(?P<instance>\d+)_(?P<array>\d+)",
        r"(?:n|s|ts|ds)_(?P<field>\d+)_(?P<instance>\d+)_(?P<array>\d+)",
    )
)


#: Genotyping batch: -1 to -11 are real values.
_BATCH_FIELD = 22000
#: Sex as registered, and as inferred from the genotypes.
_SEX_FIELDS = (31, 22001)
_SEX_WORDS = frozenset({"sex", "gender", "male", "female"})


@dataclass(frozen=True, order=True, slots=True)
class FieldColumn:
    """One column of a biobank table.

    Parameters
    ----------
    field : number of the field.
    instance : visit, 0 where the name does not say.
    array : index within the visit, 0 where the name does not say.
    name : the column as the table spells it.
    """

    field: int
    instance: int
    array: int
    name: str


def parse_field_column(name: str) -> FieldColumn | None:
    """Read a column's name; None where it names no field.

    >>> parse_field_column("p41270_a3")
    FieldColumn(field=41270, instance=0, array=3, name='p41270_a3')
    >>> parse_field_column("21003-2.0").instance, parse_field_column("sex")
    (2, None)
    """
    for spelling in _SPELLINGS:
        match = spelling.fullmatch(name.strip())
        if match:
            parts = match.groupdict()
            return FieldColumn(
                int(parts["field"]), int(parts["instance"] or 0), int(parts["array"] or 0), name
            )
    return None


def names_sex(column: str) -> bool:
    """Whether a column is called like one of sex: ``sex01``, ``genetic_sex``, fields 31 and 22001.

    >>> [names_sex(name) for name in ("Sex", "sex01", "31-0.0", "p31", "p22001", "essex", "age")]
    [True, True, True, True, True, False, False]
    """
    field = parse_field_column(column)
    if field is not None:
        return field.field in _SEX_FIELDS
    return not _SEX_WORDS.isdisjoint(re.split(r"[^a-z]+", column.lower()))


def is_batch(column: str) -> bool:
    """Whether a column is UK Biobank's genotyping batch (field 22000)."""
    field = parse_field_column(column)
    return field is not None and field.field == _BATCH_FIELD


def field_columns(names: Iterable[str]) -> dict[int, tuple[FieldColumn, ...]]:
    """Field -> its columns, by instance and array; names that are no fields are passed over.

    Raises
    ------
    InputError
        Two names mean the same field, instance and array; all such pairs are listed.
    """
    found: dict[int, dict[tuple[int, int], FieldColumn]] = {}
    faults = []
    for name in names:
        column = parse_field_column(str(name))
        if column is None:
            continue
        cells = found.setdefault(column.field, {})
        first = cells.setdefault((column.instance, column.array), column)
        if first is not column:
            faults.append(f"{first.name} and {name}")
    if faults:
        raise InputError(
            "expected one column for each field, instance and array, these mean the same: "
            f"{listed(faults)}: leave one of each out"
        )
    return {field: tuple(sorted(cells.values())) for field, cells in sorted(found.items())}


def absent_fields(
    wanted: Iterable[int], present: Mapping[int, tuple[FieldColumn, ...]]
) -> list[int]:
    """The fields that have no column, in order and once each."""
    return [field for field in dict.fromkeys(wanted) if field not in present]
