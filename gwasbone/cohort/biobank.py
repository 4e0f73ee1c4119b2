"""UK Biobank's own quality-control columns, found in a table by their field numbers.

Fields: 22001 genetic sex, 22003 heterozygosity, 22009 principal components, 22019 sex-chromosome
aneuploidy, 22020 used in the components' calculation, 22021 kinship to other participants,
22027 outliers for heterozygosity or missing rate, 31 sex. See biobank.ndph.ox.ac.uk/showcase.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pandas as pd

from gwasbone.errors import InputError, listed
from gwasbone.phenotypes.fields import FieldColumn, parse_field_column
from gwasbone.phenotypes.participants import plain_ids

log = logging.getLogger(__name__)

# 22021: -1 excluded from kinship inference, 0 none found, 1 at least one, 10 ten or more
_EXCLUDED, _TEN_OR_MORE = "-1", "10"
_FIELDS = {
    "outlier": 22027,
    "kinship": 22021,
    "aneuploidy": 22019,
    "genetic_sex": 22001,
    "reported_sex": 31,
    "heterozygosity": 22003,
    "used_in_pca": 22020,
}
_COMPONENTS = 22009
_YES_NO = {"yes": "1", "true": "1", "1": "1", "no": "0", "false": "0", "0": "0"}
_SEXES = {"female": "0", "f": "0", "0": "0", "male": "1", "m": "1", "1": "1"}
_LABELS = {
    "outlier": {**_YES_NO, "outlier": "1", "not outlier": "0", "not an outlier": "0"},
    "aneuploidy": _YES_NO,
    "used_in_pca": _YES_NO,
    "genetic_sex": _SEXES,
    "reported_sex": _SEXES,
    "kinship": {
        **{code: code for code in (_EXCLUDED, "0", "1", _TEN_OR_MORE)},
        "participant excluded from kinship inference process": _EXCLUDED,
        "no kinship found": "0",
        "at least one relative identified": "1",
        "ten or more third-degree relatives identified": _TEN_OR_MORE,
    },
}


@dataclass(frozen=True)
class BiobankFlags:
    """What the columns say of participants: whether each is excluded.

    None where there is no such column, <NA> for participants who are not in its table: they are
    judged by what the genotypes show.
    """

    outlier: pd.Series | None
    kinship_exclusion: pd.Series | None
    many_relatives: pd.Series | None
    aneuploidy: pd.Series | None
    sex_mismatch: pd.Series | None
    no_heterozygosity: pd.Series | None
    no_components: pd.Series | None
    components_rule: str


@dataclass(frozen=True, kw_only=True)
class BiobankQcColumns:
    """A table of participants with the names of its quality-control columns.

    Parameters
    ----------
    table : index = person ID; values as UK Biobank codes them (0/1, -1/0/1/10) or as its labels
        (``Yes``, ``Female``, ``Ten or more third-degree relatives identified``).
    outlier, kinship, aneuploidy, genetic_sex, reported_sex, heterozygosity, used_in_pca : names
        of the columns of fields 22027, 22021, 22019, 22001, 31, 22003 and 22020; None where not
        there. ``used_in_pca`` narrows the people to those in the biobank's own calculation of
        the components (407,219 of UK Biobank) and is left out unless asked for.
    components : names of the principal components (field 22009).
    covered : who is in the table that a column is from, where columns are from several tables:
        columns as in ``table``. None for everybody.
    """

    table: pd.DataFrame
    outlier: str | None = None
    kinship: str | None = None
    aneuploidy: str | None = None
    genetic_sex: str | None = None
    reported_sex: str | None = None
    heterozygosity: str | None = None
    used_in_pca: str | None = None
    components: tuple[str, ...] = ()
    covered: pd.DataFrame | None = None

    def __post_init__(self) -> None:
        named = [getattr(self, name) for name in _FIELDS] + list(self.components)
        absent = [name for name in named if name is not None and name not in self.table]
        if absent:
            raise InputError(
                f"biobank columns {', '.join(absent)}: not in the table, "
                f"whose columns are {', '.join(map(str, self.table.columns[:8]))}, ..."
            )
        if self.table.index.has_duplicates:
            raise InputError(
                "biobank columns: expected one row per participant, "
                f"{self.table.index[self.table.index.duplicated()][0]} has several"
            )

    @classmethod
    def find(
        cls, table: pd.DataFrame, *, require_used_in_pca: bool = False
    ) -> BiobankQcColumns | None:
        """Find the columns by field number, in any usual spelling.

        ``22027``, ``22027-0.0``, ``f.22027.0.0``, ``f_22027_0_0``, ``p22027`` and ``p22009_a1``
        are understood.

        Returns
        -------
        The columns found, or None where there is none.
        """
        fields: dict[int, dict[int, str]] = {}
        for column in _qc_columns(table):
            fields.setdefault(column.field, {})[column.array] = column.name
        found = {n: next(iter(fields[f].values())) for n, f in _FIELDS.items() if f in fields}
        if not require_used_in_pca:
            found.pop("used_in_pca", None)
        components = tuple(fields[22009][i] for i in sorted(fields.get(22009, {})))
        if not components and set(found) <= {"reported_sex"}:
            return None
        return cls(table=table, components=components, **found)

    @classmethod
    def of_tables(
        cls, tables: Mapping[str, pd.DataFrame], *, require_used_in_pca: bool = False
    ) -> BiobankQcColumns | None:
        """The columns of several tables together; None where no table has any.

        Raises
        ------
        InputError
            A field is in two tables, and they contradict each other.
        """
        columns: dict[str, list[tuple[str, pd.Series]]] = {}
        for path, table in tables.items():
            for column in _qc_columns(table):
                name = f"{column.field}-0.{column.array}"
                columns.setdefault(name, []).append((path, table[column.name]))
        people: pd.Index = pd.Index([], dtype=object)
        for index in {id(s.index): s.index for of in columns.values() for _, s in of}.values():
            people = index if people.empty or index.equals(people) else people.union(index)
        together = {name: _one_of(name, parts) for name, parts in columns.items()}
        table = pd.DataFrame({n: s.reindex(people) for n, s in together.items()}, index=people)
        covered = pd.DataFrame({n: people.isin(s.index) for n, s in together.items()}, index=people)
        found = cls.find(table, require_used_in_pca=require_used_in_pca)
        return None if found is None else replace(found, covered=covered)

    def aligned(self, people: pd.Index) -> BiobankFlags:
        """What the table says of participants.

        Raises
        ------
        InputError
            Nobody of them is in the table, or a value is no code or label of UK Biobank.
        """
        present = people.isin(self.table.index)
        if len(people) and not present.any():
            raise InputError(
                "expected participants of the genotypes in the table of the biobank's quality "
                f"control, none of its {len(self.table):,} is: the table has "
                f"{listed(self.table.index[:2])}, the genotypes have {listed(people[:2])} (IDs "
                "of another application?)"
            )
        if not present.all():
            log.warning(
                "%d of %d participants are not in the table of the biobank's quality control: they "
                "are judged by their genotypes",
                (~present).sum(), len(people),
            )  # fmt: skip
        return self._flags(people)

    def _flags(self, people: pd.Index) -> BiobankFlags:
        table = self.table.reindex(people)

        def known(*columns: str) -> pd.Series:
            if self.covered is None:
                return pd.Series(people.isin(self.table.index), index=people)
            return self.covered[list(columns)].reindex(people, fill_value=False).all(axis=1)

        def codes(field: str) -> pd.Series | None:
            column = getattr(self, field)
            return None if column is None else _codes(table[column], field)

        def flag(excluded: pd.Series, *columns: str | None) -> pd.Series:
            return excluded.astype("boolean").where(known(*filter(None, columns)))

        outlier, aneuploidy, kinship = codes("outlier"), codes("aneuploidy"), codes("kinship")
        genetic, reported, used = codes("genetic_sex"), codes("reported_sex"), codes("used_in_pca")
        mismatch = None
        if genetic is not None and reported is not None:
            differ = genetic.notna() & reported.notna() & (genetic != reported)
            mismatch = flag(differ, self.genetic_sex, self.reported_sex)
        unmeasured = None
        if self.heterozygosity is not None:
            values = pd.to_numeric(table[self.heterozygosity], errors="coerce")
            unmeasured = flag(values.isna(), self.heterozygosity)
        absent, rule = None, "no principal components released (field 22009)"
        if self.components:
            absent = flag(table[list(self.components)].isna().any(axis=1), *self.components)
        if used is not None:
            rule = "not used in the biobank's principal components (field 22020)"
            unused = flag(used != "1", self.used_in_pca)
            absent = unused if absent is None else absent | unused
        return BiobankFlags(
            outlier=None if outlier is None else flag(outlier == "1", self.outlier),
            kinship_exclusion=None if kinship is None else flag(kinship == _EXCLUDED, self.kinship),
            many_relatives=None if kinship is None else flag(kinship == _TEN_OR_MORE, self.kinship),
            aneuploidy=None if aneuploidy is None else flag(aneuploidy == "1", self.aneuploidy),
            sex_mismatch=mismatch,
            no_heterozygosity=unmeasured,
            no_components=absent,
            components_rule=rule,
        )


def _one_of(name: str, parts: list[tuple[str, pd.Series]]) -> pd.Series:
    """A column of several tables, which may not contradict each other."""
    path, values = parts[0]
    for other_path, other in parts[1:]:
        both = pd.concat([values.rename("a"), other.rename("b")], axis=1, join="inner").dropna()
        differ = plain_ids(both["a"]) != plain_ids(both["b"])
        if differ.any():
            raise InputError(
                f"expected one value of column {name} for each participant, {path} and "
                f"{other_path} differ in {int(differ.sum()):,}, such as {differ.idxmax()}: leave "
                "one of them out"
            )
        values = values.combine_first(other)
    return values


def _qc_columns(table: pd.DataFrame) -> list[FieldColumn]:
    """The columns of quality control at the first visit."""
    parsed = [parse_field_column(str(name)) for name in table.columns]
    wanted = {*_FIELDS.values(), _COMPONENTS}
    return [c for c in parsed if c is not None and c.field in wanted and c.instance == 0]


def _codes(values: pd.Series, field: str) -> pd.Series:
    """UK Biobank's codes as text, whether the column holds numbers or labels; missing stays so."""
    if pd.api.types.is_bool_dtype(values):
        values = values.astype(float)
    known = _LABELS[field]
    text = plain_ids(values.astype(object)).str.strip()
    codes = text.str.lower().map(known)
    unknown = text[text.notna() & codes.isna()]
    if len(unknown):
        raise InputError(
            f"expected a code or label of UK Biobank's field {_FIELDS[field]} in column "
            f"{values.name}, got {listed([repr(v) for v in unknown.unique()], 3)} in "
            f"{len(unknown):,} participants: expected one of {', '.join(known)}, or nothing"
        )
    return codes


def biobank_columns(tables: Mapping[str, pd.DataFrame]) -> BiobankQcColumns | None:
    """UK Biobank's own QC columns, of all tables that have any."""
    return BiobankQcColumns.of_tables(tables)
