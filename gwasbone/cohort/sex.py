"""Participants' sex: one array of the cohort, whatever states it.

The sources, first to last: a table given for it (``--sex``), the genotype files, the column of sex
of a table of participants, chromosome X (:func:`settle_sex`). What is decided stands in the column
``sex`` of the people table (1 man, 2 woman, 0 unknown), by which genotypes on X and Y are read and
counted.
"""

from __future__ import annotations

import logging
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.cohort.model import Cohort
from gwasbone.cohort.options import QcThresholds
from gwasbone.cohort.sources.tables import FEMALE, MALE, person_ids
from gwasbone.errors import InputError, listed
from gwasbone.genome import X, Y
from gwasbone.phenotypes.fields import names_sex
from gwasbone.phenotypes.participants import IdRule
from gwasbone.phenotypes.sex import read_sexes
from gwasbone.phenotypes.table import read_people_table

log = logging.getLogger(__name__)


def read_sex(path: str | Path, *, id_rule: IdRule = "iid") -> pd.Series:
    """Read the sex of each participant (1 male, 2 female, 0 unknown) from a table.

    Parameters
    ----------
    path : a .fam or .sample file, or a table with a header that
        :func:`gwasbone.phenotypes.table.read_people_table` takes, such as a .psam; its column of
        sex is called ``sex`` or like UK Biobank's fields 31 and 22001. 1 and 2 are men and women;
        in a table without a 2, 0 and 1 are women and men, as UK Biobank codes them.

    Raises
    ------
    InputError
        No column of sex or several, or another spelling of sex.
    """
    path = Path(path)
    if path.suffix in (".fam", ".sample"):
        people = _people_of(path)
        ids = person_ids(people["fid"], people["iid"], id_rule)
        return pd.Series(people["sex"].to_numpy(), index=pd.Index(ids), name="sex")
    table = read_people_table(path, id_rule=id_rule)
    named = sex_columns(table)
    if len(named) != 1:
        raise InputError(
            f"{path}: expected one column of sex, such as SEX or p31, got "
            f"{', '.join(map(str, named)) or 'none'} among {', '.join(map(str, table.columns[:8]))}"
        )
    return _sex_of(table[named[0]], where=f"column {named[0]} of {path}")


def sex_columns(table: pd.DataFrame) -> list[str]:
    """The columns of sex of a table of participants: one called ``sex``, else all like it."""
    named = [name for name in table.columns if names_sex(str(name))]
    return [name for name in named if str(name).lower() == "sex"] or named


def _sex_of(column: pd.Series, *, where: str) -> pd.Series:
    """A column of sex as codes (1 man, 2 woman, 0 unknown), by participant."""
    sexes = read_sexes(column, where=where)
    if sexes.spellings.get("0") == FEMALE:
        log.info("%s: sex is read as UK Biobank codes it, 0 for women and 1 for men", where)
    return pd.Series(sexes.codes, index=column.index, name="sex")


def _people_of(path: Path) -> pd.DataFrame:
    if path.suffix == ".fam":
        from gwasbone.cohort.sources.bed import read_fam

        return read_fam(path)
    from gwasbone.cohort.sources.bgen import read_sample

    return read_sample(path).people


def with_sex(cohort: Cohort, sex: pd.Series, *, where: str) -> Cohort:
    """Replace the sex of the samples of a cohort by that of a table, where the table states it.

    Parameters
    ----------
    sex : as of :func:`read_sex`.
    where : its file, for messages.

    Raises
    ------
    InputError
        Nobody of the cohort is in the table.
    """
    ids, stated = cohort.people.table.index, cohort.people.table["sex"].to_numpy()
    if not sex.index.isin(ids).any():
        raise InputError(
            f"{where}: expected the sex of participants of the genotypes "
            f"({', '.join(map(str, ids[:2]))}), it has {', '.join(map(str, sex.index[:2]))}: "
            "see --id"
        )
    if sex.index.has_duplicates:
        raise InputError(
            f"{where}: expected every participant once, found "
            f"{sex.index[sex.index.duplicated()][0]} again"
        )
    told = sex.reindex(ids).fillna(0).to_numpy(np.int8)
    changed = int(((stated != 0) & (told != 0) & (stated != told)).sum())
    known = np.where(told != 0, told, stated).astype(np.int8)
    log.info(
        "%s states the sex of %d of %d participants; it is unknown for %d",
        where, int((told != 0).sum()), len(ids), int((known == 0).sum()),
    )  # fmt: skip
    if changed:
        log.warning(
            "%s gives %d participants another sex than the genotype file: the table's is taken",
            where, changed,
        )  # fmt: skip
    return cohort.annotate_people(pd.DataFrame({"sex": known}, index=ids))


def with_sex_of_tables(cohort: Cohort, tables: Mapping[str, pd.DataFrame]) -> Cohort:
    """Fill in the sex that no earlier source states from tables of participants.

    Parameters
    ----------
    tables : name of each (its path) -> table indexed by participant. One that has a column of sex
        (``sex``, or UK Biobank's field 31 or 22001) is a source, in this order. A column that
        contradicts what is known of more than half of ten participants or more is coded in another
        way: it is not used, with a warning.
    """
    for where, told in _told_by(tables):
        cohort = _filled_from(cohort, told, where)
    return cohort


#: Participants whose sex is known from elsewhere that show how a column of sex is coded.
_ENOUGH_TO_COMPARE = 10


def _told_by(tables: Mapping[str, pd.DataFrame]) -> Iterator[tuple[str, pd.Series]]:
    for path, table in tables.items():
        named = sex_columns(table)
        if len(named) > 1:
            log.warning(
                "%s has several columns of sex (%s): none is used as a source of sex; call one of "
                "them sex", path, listed(named),
            )  # fmt: skip
        if len(named) != 1:
            continue
        where = f"column {named[0]} of {path}"
        try:
            yield where, _sex_of(table[named[0]], where=where)
        except InputError as error:
            log.warning("%s is not used as a source of sex: %s", where, error)


def _filled_from(cohort: Cohort, told: pd.Series, where: str) -> Cohort:
    """The cohort with the sex that a table states where it is unknown."""
    ids, known = cohort.people.table.index, cohort.people.table["sex"].to_numpy()
    said = told.reindex(ids).fillna(0).to_numpy(np.int8)
    both = (known != 0) & (said != 0)
    other = both & (known != said)
    if other.any():
        n_other, n_both = int(other.sum()), int(both.sum())
        reversed_code = n_both >= _ENOUGH_TO_COMPARE and n_other > n_both / 2
        log.warning(
            "%s contradicts the sex that is already known of %d among %d participants (%s): %s",
            where, n_other, n_both, listed(ids[other], 3),
            "it must be coded in another way, and is not used as a source of sex"
            if reversed_code else "what is already known is kept",
        )  # fmt: skip
        if reversed_code:
            return cohort
    filled = np.where(known == 0, said, known).astype(np.int8)
    return cohort.annotate_people(pd.DataFrame({"sex": filled}, index=ids))


def settle_sex(
    cohort: Cohort,
    *,
    stated: str | Path | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
    infer: bool = False,
    id_rule: IdRule = "iid",
) -> Cohort:
    """The cohort with the sex of its samples from all sources, in their order of precedence.

    1. a table given for it; 2. the genotype files; 3. the columns of sex of tables of
    participants; 4. chromosome X. The log counts the samples by source.

    Parameters
    ----------
    stated : the first, as in :func:`read_sex`.
    tables : the third, as in :func:`with_sex_of_tables`.
    infer : use the fourth.
    id_rule : columns of ``stated`` that identify a participant.
    """
    counts: dict[str, int] = {}

    def counted(source: str) -> None:
        n = int(cohort.people.kept_table("sex")["sex"].ne(0).sum())
        counts[source] = n - sum(counts.values())

    if stated is not None:
        told = read_sex(stated, id_rule=id_rule)
        cohort = with_sex(cohort, told, where=f"--sex {stated}")
        in_file = cohort.people.kept_table("sex").index.isin(told.index[told != 0])
        counts[f"--sex {stated}"] = int(in_file.sum())
    counted("the genotype files")
    if tables:
        cohort = with_sex_of_tables(cohort, tables)
        counted("tables of participants")
    if infer:
        cohort = with_inferred_sex(cohort)
        counted("chromosome X")
    counts["no source (unknown)"] = cohort.people.n_kept - sum(counts.values())
    told_by = [f"{n:,} from {source}" for source, n in counts.items() if n]
    log.info("sex of %d samples: %s", cohort.people.n_kept, ", ".join(told_by))
    return cohort


def infer_sex(statistics: pd.DataFrame, thresholds: QcThresholds) -> pd.Series:
    """Infer sex from F on chromosome X: 1 (male), 2 (female) or 0 (undetermined).

    A woman with as many expected heterozygous calls as ``min_x_heterozygotes`` has F above
    ``male_min_f`` less than once in ten thousand times.

    Parameters
    ----------
    statistics : columns ``f_x``, ``n_called_x`` and ``expected_het_x``, one row per participant;
        see :func:`gwasbone.cohort.statistics.people_statistics`.
    """
    f = statistics["f_x"]
    enough = statistics["n_called_x"] >= thresholds.min_x_variants
    enough &= statistics["expected_het_x"] >= thresholds.min_x_heterozygotes
    sex = np.select(
        [enough & (f >= thresholds.male_min_f), enough & (f <= thresholds.female_max_f)],
        [MALE, FEMALE],
        0,
    )
    return pd.Series(sex.astype("int8"), index=statistics.index, name="sex_inferred")


def fill_unknown_sex(cohort: Cohort, inferred: pd.Series) -> Cohort:
    """The cohort with inferred sex where no other source tells it, which the log says.

    Parameters
    ----------
    inferred : by participant ID; see :func:`infer_sex`.
    """
    table = cohort.people.table
    unknown = table["sex"].eq(0) & cohort.people.kept
    if not unknown.any():
        return cohort
    known = inferred.reindex(table.index).fillna(0).astype("int8")
    filled = table["sex"].where(~unknown, known).astype("int8")
    of = filled[unknown].value_counts()
    counts: dict[Hashable, int] = {code: int(of.get(code, 0)) for code in (MALE, FEMALE, 0)}
    log.warning(
        "the sex of %d participants is not stated: chromosome X shows it for %d (%d men, %d "
        "women), and it stays unknown for %d",
        int(unknown.sum()), counts[MALE] + counts[FEMALE], counts[MALE], counts[FEMALE], counts[0],
    )  # fmt: skip
    return cohort.annotate_people(filled.to_frame())


def with_inferred_sex(cohort: Cohort, thresholds: QcThresholds | None = None) -> Cohort:
    """Infer the unknown sex of the samples of a cohort from chromosomes X and Y.

    Costs a pass over the common variants of X; nothing where all sexes are known.
    """
    chromosome = cohort.variants.table["chromosome"].to_numpy()
    wanted = cohort.variants.kept & np.isin(chromosome, (X, Y))
    unknown = cohort.people.kept & cohort.people.table["sex"].eq(0).to_numpy()
    if not wanted.any() or not unknown.any():
        return cohort
    from gwasbone.cohort.statistics import people_statistics

    only_x = cohort.exclude_variants("sex", "not_x", chromosome != X, description="not on X")
    statistics = people_statistics(only_x)
    return fill_unknown_sex(cohort, infer_sex(statistics, thresholds or QcThresholds()))
