"""UK Biobank's own quality-control columns, found in a table by their field numbers.

Fields: 22001 genetic sex, 22003 heterozygosity, 22009 principal components, 22019 sex-chromosome
aneuploidy, 22020 used in the components' calculation, 22021 kinship to other participants,
22027 outliers for heterozygosity or missing rate, 31 sex. See biobank.ndph.ox.ac.uk/showcase.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from gwasbone.errors import InputError

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
_LABELS = {
    "yes": "1",
    "true": "1",
    "no": "0",
    "false": "0",
    "female": "0",
    "male": "1",
    "participant excluded from kinship inference process": _EXCLUDED,
    "no kinship found": "0",
    "at least one relative identified": "1",
    "ten or more third-degree relatives identified": _TEN_OR_MORE,
}


@dataclass(frozen=True)
class BiobankFlags:
    """What the columns say of the people asked for, True where excluded; None where not given."""

    outlier: pd.Series | None
    kinship_exclusion: pd.Series | None
    many_relatives: pd.Series | None
    aneuploidy: pd.Series | None
    sex_mismatch: pd.Series | None
    heterozygosity: pd.Series | None
    no_components: pd.Series | None
    components_rule: str


@dataclass(frozen=True, kw_only=True)
class BiobankQcColumns:
    """A table of people with the names of its quality-control columns.

    Parameters
    ----------
    table : index = person ID; values as UK Biobank codes them (0/1, -1/0/1/10) or as its labels
        (``Yes``, ``Female``, ``Ten or more third-degree relatives identified``).
    outlier, kinship, aneuploidy, genetic_sex, reported_sex, heterozygosity, used_in_pca : names
        of the columns of fields 22027, 22021, 22019, 22001, 31, 22003 and 22020; None where not
        there. ``used_in_pca`` narrows the people to those in the biobank's own calculation of
        the components (407,219 of UK Biobank) and is left out unless asked for.
    components : names of the principal components (field 22009).
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
                "biobank columns: expected one row per person, "
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
        spelling = re.compile(
            r"^(?:f[._]|p)?(\d+)(?:[-._]0[._](\d+)|(?:_i0)?(?:_a(\d+))?)$", re.IGNORECASE
        )
        for column in table.columns:
            match = spelling.match(str(column))
            if match:
                array = int(match[2] or match[3] or 0)
                fields.setdefault(int(match[1]), {})[array] = column
        found = {n: next(iter(fields[f].values())) for n, f in _FIELDS.items() if f in fields}
        if not require_used_in_pca:
            found.pop("used_in_pca", None)
        components = tuple(fields[22009][i] for i in sorted(fields.get(22009, {})))
        if not components and set(found) <= {"reported_sex"}:
            return None
        return cls(table=table, components=components, **found)

    def aligned(self, people: pd.Index) -> BiobankFlags:
        """The flags of ``people``; who is not in the table is flagged by what must be there."""
        table = self.table.reindex(people)

        def codes(column: str | None) -> pd.Series | None:
            return None if column is None else _codes(table[column])

        outlier, aneuploidy = codes(self.outlier), codes(self.aneuploidy)
        kinship, genetic = codes(self.kinship), codes(self.genetic_sex)
        reported, used = codes(self.reported_sex), codes(self.used_in_pca)
        mismatch = None
        if genetic is not None and reported is not None:
            mismatch = genetic.notna() & reported.notna() & (genetic != reported)
        heterozygosity = None
        if self.heterozygosity is not None:
            heterozygosity = pd.to_numeric(table[self.heterozygosity], errors="coerce")
        absent, rule = None, "no principal components released (field 22009)"
        if self.components:
            absent = table[list(self.components)].isna().any(axis=1)
        if used is not None:
            rule = "not used in the biobank's principal components (field 22020)"
            absent = (used != "1") | (False if absent is None else absent)
        return BiobankFlags(
            outlier=None if outlier is None else outlier == "1",
            kinship_exclusion=None if kinship is None else kinship == _EXCLUDED,
            many_relatives=None if kinship is None else kinship == _TEN_OR_MORE,
            aneuploidy=None if aneuploidy is None else aneuploidy == "1",
            sex_mismatch=mismatch,
            heterozygosity=heterozygosity,
            no_components=absent,
            components_rule=rule,
        )


def _codes(values: pd.Series) -> pd.Series:
    """UK Biobank's codes as text, whether the column holds numbers or labels; missing stays so."""
    numbers = pd.to_numeric(values, errors="coerce")
    as_text = numbers.map(lambda v: f"{v:g}", na_action="ignore").astype(object)
    labels = values.astype(str).str.strip().str.lower().map(_LABELS)
    return as_text.where(numbers.notna(), labels)


def biobank_columns(tables: Mapping[str, pd.DataFrame]) -> BiobankQcColumns | None:
    """UK Biobank's own QC columns, of the first table that has any."""
    found = map(BiobankQcColumns.find, tables.values())
    return next((columns for columns in found if columns is not None), None)
