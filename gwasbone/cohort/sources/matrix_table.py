"""Genotypes in a Hail MatrixTable."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from gwasbone.cohort.masks import MaskedTable
from gwasbone.cohort.sources.source import Capabilities, Genotypes, ReadOptions, Source
from gwasbone.cohort.sources.tables import (
    READ_STAGE,
    VARIANT_KEY,
    build_people_table,
    build_variant_table,
)
from gwasbone.errors import InputError
from gwasbone.genome import BUILDS, Y, chromosome_code, hail_contig
from gwasbone.phenotypes.participants import IdRule
from gwasbone.session import hail, temporary_path

log = logging.getLogger(__name__)

#: Dosages further than this from a whole number are no hard call (PLINK 2's default).
HARD_CALL_DISTANCE = 0.1


@dataclass(frozen=True)
class MatrixTableSource(Source):
    """A MatrixTable in the form of :func:`normal_form`.

    Parameters
    ----------
    matrix : the MatrixTable.
    files : the files that it depends on.
    description : of the source, for messages.
    states_sex : whether the MatrixTable, or the files it was imported from, state sex.
    origin : the user's MatrixTable that it was made of; ``matrix`` itself where None.
    """

    matrix: Any = field(repr=False)
    files: tuple[str, ...]
    description: str
    states_sex: bool = False
    origin: Any = field(default=None, repr=False, compare=False)

    format_name: ClassVar[str] = "Hail MatrixTable"

    @property
    def capabilities(self) -> Capabilities:
        entry = self.matrix.entry
        return Capabilities(
            calls="GT" in entry,
            dosages="dosage" in entry,
            sex=self.states_sex,
            genetic_map=False,
            blocks=False,
            matrix_table=True,
        )

    @property
    def identity(self) -> Any:
        """The MatrixTable, which is never changed; another one may hold other genotypes."""
        return self.matrix if self.origin is None else self.origin

    def describe(self) -> str:
        return self.description

    def matrix_table(self, build: str, person_ids: list[str]) -> Any:
        return with_person_ids(self.matrix, person_ids)


def with_person_ids(mt: Any, person_ids: Sequence[str]) -> Any:
    """A MatrixTable with its columns keyed by these IDs, in its order, and no column fields."""
    hl = hail()
    ids = hl.literal(list(person_ids), "array<str>")
    mt = mt.add_col_index("person")
    return mt.key_cols_by(s=ids[hl.int32(mt.person)]).select_cols()


def contig_recoding(names: Sequence[str], build: str) -> dict[str, str]:
    """Names of chromosomes as files spell them -> Hail's, where the two differ."""
    return {
        name: hail_contig(code, build)
        for name in names
        if (code := chromosome_code(name)) is not None and name != hail_contig(code, build)
    }


def unreadable(description: str, error: Exception) -> InputError:
    """Hail's own error in one line that names the file."""
    text = str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    detail = next((ln for ln in lines if "Exception" in ln or "Error" in ln), lines[0])
    short = re.sub(r"\b[a-z_]+(\.[\w$]+)+(Exception|Error)\b:?\s*", "", detail)[:300]
    return InputError(f"{description}: not readable, malformed or cut short: {short}")


def genotypes_from_normal_form(
    mt: Any,
    *,
    fid: pd.Series,
    sex: pd.Series,
    id_rule: IdRule,
    files: tuple[str, ...],
    description: str,
    states_sex: bool,
    origin: Any = None,
) -> Genotypes:
    """The genotypes of a MatrixTable whose fields are already those of a genotype source."""
    iid = pd.Series(mt.key_cols_by().s.collect(), dtype=str)
    build = mt.locus.dtype.reference_genome.name
    people = build_people_table(fid, iid, sex, id_rule=id_rule, where=description)
    rows = export_rows(mt)
    copies = int(rows.duplicated(VARIANT_KEY).sum())
    if copies:
        log.warning(
            "%s: %d copies of variants (same position and alleles) left out", description, copies
        )
        mt = mt.distinct_by_row()
        rows = export_rows(mt)
    variants = build_variant_table(rows, build=build, where=description)
    source = MatrixTableSource(mt, files, description, states_sex, origin)
    return Genotypes(source, build, people, variants)


def read_mt(path: str, options: ReadOptions) -> Genotypes:
    """The genotypes of a MatrixTable on disk (``gs://`` and the like included).

    Raises
    ------
    InputError
        No MatrixTable is there, or its loci are on another build.
    """
    if "://" not in path and not (Path(path) / "metadata.json.gz").exists():
        raise InputError(
            f"{path}: expected a Hail MatrixTable folder, found none; give --mt FOLDER.mt"
        )
    mt = hail().read_matrix_table(path)
    read = genotypes_from_mt(mt, id_rule=options.id_rule, description=path)
    if options.build is not None and options.build != read.build:
        raise InputError(
            f"{path}: build {options.build} was given, but the table's loci are on {read.build}: "
            f"give --build {read.build} or leave it out"
        )
    return read


def genotypes_from_mt(
    mt: Any, *, id_rule: IdRule = "iid", description: str = "MatrixTable"
) -> Genotypes:
    """The genotypes of the user's own MatrixTable.

    Parameters
    ----------
    mt : keyed by (locus, alleles) with two alleles each, and by one string column key; entry
        fields ``GT``, or one of ``dosage``, ``DS`` and ``GP``. Optional: column fields ``fam_id``
        and ``is_female`` or ``sex`` (1, 2, 0), row fields ``rsid`` and ``imputation_info``.

    Raises
    ------
    InputError
        Other keys, multiallelic variants, or no genotypes.
    """
    hl = hail()
    if list(mt.row_key) != ["locus", "alleles"] or len(mt.col_key) != 1:
        raise InputError(
            f"{description}: expected row keys locus, alleles and one column key, "
            f"got {list(mt.row_key)} and {list(mt.col_key)}: use mt.key_rows_by / key_cols_by"
        )
    build = str(mt.locus.dtype.reference_genome.name)
    if build not in ("GRCh37", "GRCh38"):
        raise InputError(
            f"{description}: expected loci on GRCh37 or GRCh38, got {build}: lift over"
        )
    n_multi = mt.aggregate_rows(hl.agg.count_where(hl.len(mt.alleles) != 2))
    if n_multi:
        raise InputError(
            f"{description}: expected two alleles per variant, found {n_multi} variants with "
            "another number: split them first, with hl.split_multi_hts"
        )
    # with a key, cols() would sort people by it
    columns = mt.key_cols_by().cols()
    sex = _reported_sex(hl, columns)
    key = next(iter(mt.col_key))
    fam = columns.fam_id if "fam_id" in columns.row else columns[key]
    about = columns.select(fid=hl.or_else(hl.str(fam), "0"), sex=sex).collect()
    return genotypes_from_normal_form(
        normal_form(mt.key_cols_by(s=hl.str(mt[key])), probabilities=True),
        fid=pd.Series([row.fid for row in about], dtype=str),
        sex=pd.Series([row.sex for row in about], dtype="int8"),
        id_rule=id_rule,
        files=() if description == "MatrixTable" else (description,),
        description=description,
        states_sex="sex" in columns.row or "is_female" in columns.row,
        origin=mt,
    )


def _reported_sex(hl: Any, columns: Any) -> Any:
    if "sex" in columns.row and columns.sex.dtype in (hl.tint32, hl.tint64):
        return hl.or_else(hl.int32(columns.sex), 0)
    if "is_female" in columns.row and columns.is_female.dtype == hl.tbool:
        return hl.or_else(hl.if_else(columns.is_female, 2, 1), 0)
    return hl.int32(0)


def normal_form(mt: Any, *, probabilities: bool = False) -> Any:
    """Keep what a genotype source has: ``GT`` and/or ``dosage``, and ``source_id``.

    Parameters
    ----------
    probabilities : keep ``GP`` as well, for an export to BGEN.
    """
    hl = hail()
    entry = {"GT": mt.GT} if "GT" in mt.entry and mt.GT.dtype == hl.tcall else {}
    if "dosage" in mt.entry:
        entry["dosage"] = hl.float64(mt.dosage)
    elif "DS" in mt.entry:
        number = mt.DS[0] if isinstance(mt.DS.dtype, hl.tarray) else mt.DS
        entry["dosage"] = hl.float64(number)
    elif "GP" in mt.entry:
        entry["dosage"] = hl.float64(hl.gp_dosage(mt.GP))
    if not entry:
        raise InputError(
            f"expected genotypes as GT, dosage, DS or GP, got entry fields {list(mt.entry)}"
        )
    if probabilities and "GP" in mt.entry and "dosage" in entry:
        entry["GP"] = mt.GP
    mt = mt.select_entries(**entry)
    row = {"source_id": mt.rsid} if "rsid" in mt.row else {"source_id": hl.missing("str")}
    if "imputation_info" in mt.row:
        row["imputation_info"] = mt.imputation_info
    return mt.select_rows(**row).select_cols().select_globals()


def column_values(mt: Any, expressions: dict[str, Any]) -> pd.DataFrame:
    """Values of column expressions, one row per column of ``mt``, booleans as 0 and 1."""
    hl = hail()
    rows = mt.select_cols(**expressions).key_cols_by().cols().select(*expressions).collect()
    frame = pd.DataFrame(
        [[row[name] for name in expressions] for row in rows], columns=list(expressions)
    )
    for name, expression in expressions.items():
        if expression.dtype == hl.tbool:
            frame[name] = frame[name].astype("float64")
    return frame


def hard_calls(mt: Any) -> Any:
    """Copies of ALT as an int32 expression: from ``GT``, else from dosages near a whole number."""
    hl = hail()
    if "GT" in mt.entry:
        return mt.GT.n_alt_alleles()
    nearest = hl.floor(mt.dosage + 0.5)
    return hl.or_missing(hl.abs(mt.dosage - nearest) <= HARD_CALL_DISTANCE, hl.int32(nearest))


def kept_matrix(cohort: Genotypes, *, as_filed: bool = False) -> Any:
    """The retained samples and variants of a cohort; see :attr:`gwasbone.cohort.model.Cohort.mt`.

    Parameters
    ----------
    as_filed : leave what a participant's sex rules out as it is; see :func:`code_as_diploid`.
    """
    people = cohort.people.kept_table()
    mt = cohort.source.matrix_table(cohort.build, cohort.people.table.index.tolist())
    if cohort.people.n_kept < len(cohort.people):
        mt = mt.choose_cols(np.flatnonzero(cohort.people.kept).tolist())
    mt = code_as_diploid(annotate_people(mt, people), as_filed=as_filed)
    if _needs_variant_filter(cohort.variants):
        mt = mt.semi_join_rows(variant_keys(cohort.variants.kept_table(), cohort.build))
    return _without_copies(mt, cohort)


def _without_copies(mt: Any, cohort: Genotypes) -> Any:
    """Of the variants with the same position and alleles, the one that the cohort keeps."""
    if "duplicate_variant" not in {d.reason for d in cohort.variants.decisions}:
        return mt
    hl = hail()
    table = cohort.variants.table
    shared = table[table.duplicated(VARIANT_KEY, keep=False) & cohort.variants.kept]
    ids = {
        f"{hail_contig(v.chromosome, cohort.build)}:{v.base_pair_location}:{v.ref}:{v.alt}": str(
            v.source_id
        )
        for v in shared.itertuples()
    }
    name = hl.delimit(
        [mt.locus.contig, hl.str(mt.locus.position), mt.alleles[0], mt.alleles[1]], ":"
    )
    kept_id = hl.literal(ids, "dict<str, str>").get(name)
    mt = mt.filter_rows(hl.coalesce(kept_id == mt.source_id, True))
    # copies that share an ID cannot be told apart
    return mt.distinct_by_row()


def _needs_variant_filter(variants: MaskedTable) -> bool:
    # Hail has already skipped variants without a valid locus
    unplaced = {"unknown_chromosome", "position_outside_chromosome"}
    return any(
        d.excluded.any()
        for d in variants.decisions
        if not (d.stage == READ_STAGE and d.reason in unplaced)
    )


def variant_keys(variants: pd.DataFrame, build: str) -> Any:
    """A Hail Table keyed by (locus, alleles) of the rows of a variant table."""
    hl = hail()
    path = temporary_path("variants") + ".tsv"
    contigs = {c: hail_contig(c, build) for c in variants["chromosome"].unique()}
    variants.assign(contig=variants["chromosome"].map(contigs))[
        ["contig", "base_pair_location", "ref", "alt"]
    ].to_csv(path, sep="\t", index=False)
    table = hl.import_table(path, types={"base_pair_location": hl.tint32})
    table = table.select(
        locus=hl.locus(table.contig, table.base_pair_location, reference_genome=build),
        alleles=[table.ref, table.alt],
    )
    return table.key_by("locus", "alleles")


def annotate_people(mt: Any, people: pd.DataFrame) -> Any:
    """Put the columns of a samples table on the columns of ``mt``, matched by order."""
    hl = hail()
    frame = people.reset_index(drop=True)
    rows = hl.literal(
        [
            dict(zip(frame.columns, _plain(row), strict=True))
            for row in frame.itertuples(index=False)
        ],
        hl.tarray(hl.tstruct(**{str(c): _hail_type(hl, frame[c]) for c in frame.columns})),
    )
    mt = mt.add_col_index("person")
    return mt.annotate_cols(**rows[hl.int32(mt.person)]).drop("person")


def _plain(row: tuple[Any, ...]) -> list[Any]:
    return [None if pd.isna(v) else v.item() if isinstance(v, np.generic) else v for v in row]


def _hail_type(hl: Any, column: pd.Series) -> Any:
    if pd.api.types.is_bool_dtype(column):
        return hl.tbool
    if pd.api.types.is_integer_dtype(column):
        return hl.tint64
    return hl.tfloat64 if pd.api.types.is_float_dtype(column) else hl.tstr


def on_y(mt: Any) -> Any:
    """Whether a row lies on Y."""
    return hail().literal({hail_contig(Y, build) for build in BUILDS}).contains(mt.locus.contig)


def code_as_diploid(mt: Any, *, as_filed: bool = False) -> Any:
    """Give every call two alleles and every genotype a dosage of 0 to 2 copies of ALT.

    A haploid call (men on X, Y; mitochondria) counts double, so men have dosage 0 or 2 there.
    What a participant's sex rules out becomes missing: on X outside the pseudo-autosomal regions
    heterozygous men and haploid women, on Y everybody but men. Needs the column field ``sex``
    (1, 2, 0).

    Parameters
    ----------
    as_filed : leave these as they are.
    """
    hl = hail()
    entry = {}
    right = hl.bool(True) if as_filed else ~on_y(mt) | (mt.sex == 1)
    if "GT" in mt.entry:
        called = right
        if not as_filed:
            haploid_woman = (mt.GT.ploidy == 1) & (mt.sex == 2)
            het_man = (mt.GT.ploidy == 2) & (mt.sex == 1) & mt.GT.is_het()
            called = right & ~(mt.locus.in_x_nonpar() & (haploid_woman | het_man))
        twice = hl.if_else(mt.GT.ploidy == 1, hl.call(mt.GT[0], mt.GT[0]), mt.GT)
        entry["GT"] = hl.or_missing(called, twice)
        if "dosage" not in mt.entry:
            entry["dosage"] = hl.float64(entry["GT"].n_alt_alleles())
        else:
            haploid = hl.is_defined(mt.GT) & (mt.GT.ploidy == 1)
            copies = hl.if_else(haploid, 2.0, 1.0) * hl.float64(mt.dosage)
            # a man whose most probable genotype is heterozygous is an error, as in calls
            wrong = hl.is_defined(mt.GT) & ~called
            entry["dosage"] = hl.or_missing(right & ~wrong, copies)
    else:
        entry["dosage"] = hl.or_missing(right, hl.float64(mt.dosage))
    return mt.select_entries(**entry)


def export_rows(mt: Any) -> pd.DataFrame:
    """The rows of a MatrixTable as a raw variant table, in Hail's order.

    Columns ``chromosome`` (1-22, X, Y, MT), ``base_pair_location``, ``ref``, ``alt``,
    ``source_id``, and ``info`` where the rows have a field ``imputation_info``.
    """
    import pyarrow.csv as pacsv

    hl = hail()
    rows = mt.rows().key_by()
    fields = {
        "chromosome": rows.locus.contig,
        "base_pair_location": rows.locus.position,
        "ref": rows.alleles[0],
        "alt": rows.alleles[1],
        "source_id": hl.or_else(rows.source_id, "."),
    }
    if "imputation_info" in rows.row:
        fields["info"] = rows.imputation_info
    path = Path(temporary_path("rows") + ".tsv")
    rows.select(**fields).export(str(path))
    text = {"chromosome", "ref", "alt", "source_id"}
    table = pacsv.read_csv(
        path,
        parse_options=pacsv.ParseOptions(delimiter="\t", quote_char=False),
        convert_options=pacsv.ConvertOptions(
            column_types=dict.fromkeys(text, "string"), null_values=["NA"]
        ),
    )
    path.unlink()
    return table.to_pandas()
