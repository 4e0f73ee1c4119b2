"""One call from a cohort with phenotypes to results: the engine is chosen here."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.association.blocks import (
    ExecutorName,
    can_scan_blocks,
    choose_executor,
    scan_blocks,
)
from gwasbone.association.design import Design, build_design
from gwasbone.association.options import (
    AssociationOptions,
    AssociationRequest,
    Engine,
    Method,
    Test,
)
from gwasbone.association.results import AssociationResults
from gwasbone.association.rows import variant_columns
from gwasbone.association.session_blocks import in_session_blocks
from gwasbone.association.y_chromosome import design_of_men, with_left_out
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.sources.tables import READ_STAGE
from gwasbone.columns import one_or_several
from gwasbone.errors import InputError, NotBuiltError, UsageError
from gwasbone.genome import X, Y, locus_key
from gwasbone.phenotypes.fields import names_sex
from gwasbone.phenotypes.missing_codes import drop_missing_codes
from gwasbone.phenotypes.options import BinaryCoding
from gwasbone.phenotypes.sex import UNKNOWN
from gwasbone.phenotypes.table import warn_of_few_matches
from gwasbone.progress import hail_progress
from gwasbone.run_log import versions
from gwasbone.sumstats.table import COLUMNS, canonical_table

log = logging.getLogger(__name__)

#: What a trait of a run can have of its own; ``by trait`` of a run in which traits differ.
_SETTINGS = ("method", "test")


def associate(
    genotypes: Any,
    traits: str | Sequence[str] = (),
    covariates: str | Sequence[Any] = (),
    *,
    y: Any = None,
    phenotypes: pd.DataFrame | None = None,
    missing_codes: str | Sequence[str] = ("auto",),
    categorical: str | Sequence[str] = (),
    method: Method = "auto",
    test: Test = "score",
    engine: Engine = "auto",
    binary_coding: BinaryCoding | None = None,
    log_traits: str | Sequence[str] = (),
    rint: bool = False,
    standardize: bool = False,
    threads: int | None = None,
    executor: ExecutorName = "auto",
    folder: Path | None = None,
) -> AssociationResults:
    """Test traits for association with every retained variant of a cohort.

    Model, for n people with dosage g of ALT, covariates X (n, k with intercept) and trait y:
    linear y = gβ + Xγ + ε, tested by t with n − k − 1 degrees of freedom; logistic
    logit P(y = 1) = gβ + Xγ. Missing dosages take the mean of the trait's people; people without
    the trait are left out of that trait only. Chromosome Y is tested in men only. A trait that
    cannot be analysed is left out with a warning, and the others go on.

    Parameters
    ----------
    genotypes : a :class:`Cohort` whose people table has the columns named below, or any Hail
        MatrixTable (then ``traits`` and ``covariates`` are column fields or expressions).
    traits, covariates, categorical : columns of the people table, one name or several; see
        :func:`gwasbone.association.design.build_design`. An intercept is always in the model, so
        a covariate of 1, as Hail's own methods need it, may be given and changes nothing.
    y : of a MatrixTable, one trait or a list of traits as Hail expressions, instead of ``traits``.
    phenotypes : table indexed by sample with the columns, instead of the cohort's table of
        samples.
    missing_codes : what means a missing value in these columns; see
        :func:`gwasbone.phenotypes.missing_codes.drop_missing_codes`.
    method : ``linear`` or ``logistic`` for every trait; by default (``auto``) each trait's own,
        which the log says: logistic where it is coded {0, 1} or {1, 2}, linear otherwise.
    test : test of the logistic traits: ``score`` (Firth's test where p < 0.05), ``firth``, ``spa``
        (saddlepoint p-value where p < 0.05), ``wald`` or ``lrt``.
    engine : ``hail`` runs Hail's own methods (all tests but ``spa``); ``blocks`` reads .bed,
        PGEN and BGEN files directly and starts no JVM (all tests but ``wald`` and ``lrt``);
        ``auto`` takes blocks where it can, and the log says which; the calls of a MatrixTable are
        exported once in a session where the scan is large enough to repay it (see docs/cohort.md).
    log_traits : traits of which the natural logarithm is analysed; one with a value of 0 or less
        is left out and named.
    threads : number of cores of the block engine on this machine; all by default.
    executor : where the block engine computes. ``local``: on this machine, in threads; ``spark``:
        on the executors of the Hail session; ``auto``: on the executors if the session runs on a
        cluster (its master is not ``local``), they have the packages and see the files, else in
        threads, and the log says which. Results are the same.
    folder : folder of the result tables; a temporary folder by default.

    Returns
    -------
    AssociationResults; the effect allele is ALT, β of a logistic trait is a log odds ratio.
        ``results.provenance["traits"]`` has the method and the test of each trait, ``"left_out"``
        the traits that cannot be analysed, and why.

    Raises
    ------
    InputError
        See :func:`build_design`.
    NotBuiltError
        A method, test or engine that this version does not have.

    Examples
    --------
    >>> results = gb.associate(gb.example_cohort(), ["bmd_spine", "osteoporosis"], ["age", "sex"])
    >>> results
    AssociationResults: 2 traits, 400 variants, GRCh37, engine blocks
    >>> results.table("bmd_spine").nlargest(1, "neg_log_10_p_value")[["source_id", "n"]]
          source_id    n
    71  rs327365528  277

    In a Hail session, with the columns of a MatrixTable as expressions:

    >>> mt = gb.example_cohort().mt
    >>> gb.associate(mt, y=[mt.bmd_spine, mt.bmd_hip], covariates=[1, mt.age])
    AssociationResults: 2 traits, 400 variants, GRCh37, engine hail
    """
    traits, covariates, categorical, missing_codes = map(
        one_or_several, (traits, covariates, categorical, missing_codes)
    )
    if not isinstance(genotypes, Cohort):
        genotypes, traits, covariates = _from_matrix_table(genotypes, traits, covariates, y)
    elif y is not None:
        raise UsageError("y is for a MatrixTable; give a Cohort's traits by name, in traits")
    request = AssociationRequest(
        traits=tuple(traits), covariates=tuple(str(c) for c in covariates),
        categorical=tuple(categorical), method=method, test=test, engine=engine,
        binary_coding=binary_coding, log_traits=tuple(one_or_several(log_traits)), rint=rint,
        standardize=standardize,
    )  # fmt: skip
    table = _columns_of(genotypes) if phenotypes is None else phenotypes
    table = drop_missing_codes(table, missing_codes, where="phenotypes")
    return scan_cohort(genotypes, request, table, threads=threads, executor=executor, folder=folder)


def _columns_of(cohort: Cohort) -> pd.DataFrame:
    """The columns of the retained samples; an unknown sex, 0 in a cohort, is missing."""
    table = cohort.people.kept_table()
    return table.assign(sex=table["sex"].where(table["sex"] != UNKNOWN))


def scan_cohort(
    cohort: Cohort,
    request: AssociationRequest,
    phenotypes: pd.DataFrame | None = None,
    *,
    threads: int | None = None,
    executor: ExecutorName = "auto",
    folder: Path | None = None,
) -> AssociationResults:
    """Test every kept variant of a cohort as a request says; see :func:`associate`.

    Raises
    ------
    InputError
        See :func:`build_design`.
    NotBuiltError
        A test that the engine does not have for these genotypes.
    """
    if not request.traits:
        raise UsageError("expected at least one trait, got none")
    _refuse_without_variants(cohort)
    people = cohort.people.kept_table()
    if phenotypes is not None:
        # those who are left out by a decision are of the same project, too
        warn_of_few_matches(
            phenotypes.index, cohort.people.table.index, where="the phenotype tables"
        )
    design = build_design(
        people.index.tolist(), _columns_of(cohort) if phenotypes is None else phenotypes, request
    )
    _warn_if_sex_not_covariate(cohort, request)
    described = cohort.source.describe()
    cohort = in_session_blocks(cohort, design, request)
    chosen = choose_engine(cohort, design, request)
    n, m, q = len(design.ids), cohort.variants.n_kept, len(design.traits)
    log.info("engine %s: %d samples x %d variants x %d traits", chosen, n, m, q)
    provenance = {
        **_models(design, request),
        "engine": chosen,
        "covariates": list(design.covariates),
        "left_out": dict(design.left_out),
        "rint": request.rint,
        "log_traits": list(request.log_traits),
        "genotypes": described,
        "versions": versions(),
    }
    untestable = _untestable(cohort)
    with hail_progress(f"scanning {q} traits, {n} samples x {m} variants"):
        if chosen == "blocks":
            where = choose_executor(executor, cohort, threads=threads)
            chunks = scan_blocks(cohort, design, request, executor=where)
        else:
            chunks = iter([_scan_by_hail(cohort, design, request)])
        return AssociationResults.from_chunks(
            with_untestable(chunks, untestable, {t.name: t.n for t in design.traits}),
            build=cohort.build,
            provenance=provenance,
            folder=folder,
        )


def _scan_by_hail(
    cohort: Cohort, design: Design, request: AssociationRequest
) -> dict[str, pd.DataFrame]:
    """The Hail engine's tables: of Y in men, of everything else in all participants."""
    from gwasbone.association.hail import scan_hail

    chromosome = cohort.variants.table["chromosome"].to_numpy()
    on_y = cohort.variants.kept & (chromosome == Y)
    if not on_y.any():
        return scan_hail(cohort.mt, design, request)
    of_men, variants = design_of_men(cohort, design), cohort.variants.table[on_y]
    tables: dict[str, pd.DataFrame] = {}
    if of_men.groups:
        only_y = cohort.exclude_variants("scan", "not_y", ~on_y, description="not on Y")
        tables = scan_hail(only_y.mt, of_men, request)
    tables = with_left_out(tables, variant_columns(variants), design)
    if on_y.sum() == cohort.variants.n_kept:
        return tables
    rest = cohort.exclude_variants("scan", "on_y", chromosome == Y, description="on Y")
    return {
        trait: canonical_table(pd.concat([table, tables[trait]]))
        for trait, table in scan_hail(rest.mt, design, request).items()
    }


def _refuse_without_variants(cohort: Cohort) -> None:
    if cohort.variants.n_kept:
        return
    removed = cohort.variants.funnel().query("removed > 0")
    steps = [f"{row.removed:,} by {row.description}" for row in removed.itertuples()]
    more = f", and {len(steps) - 5} more steps" if len(steps) > 5 else ""
    raise InputError(
        f"{cohort.source.describe()}: expected variants to test, none of "
        f"{len(cohort.variants):,} is left: {', '.join(steps[:5])}{more}"
    )


def choose_engine(cohort: Cohort, design: Design, options: AssociationOptions) -> str:
    """``blocks`` or ``hail``: what was asked for, or the faster that can do it.

    Raises
    ------
    NotBuiltError
        Blocks were asked for, or the test is only built on them, and they cannot do this scan.
    """
    engine, test = options.engine, options.test
    possible = can_scan_blocks(cohort, design, options)
    if test == "spa" and "logistic" in design.methods and (engine == "hail" or not possible):
        raise NotBuiltError(
            "test spa: built for engine blocks, which reads .bed, PGEN and BGEN files only; use "
            "score, firth, wald or lrt"
        )
    if engine == "blocks" and not possible:
        raise NotBuiltError(
            "engine blocks: built for linear, score, firth and spa scans of .bed, PGEN and BGEN "
            "files only; use engine auto or hail"
        )
    return "blocks" if possible and engine != "hail" else "hail"


def with_untestable(
    chunks: Iterable[dict[str, pd.DataFrame]], rows: pd.DataFrame, n_people: Mapping[str, int]
) -> Iterator[dict[str, pd.DataFrame]]:
    """Chunks of results with the variants that were set aside on reading among them, in order.

    Parameters
    ----------
    n_people : analysed, by trait.
    """
    ahead = iter(chunks)
    chunk = next(ahead, None)
    while chunk is not None:
        following = next(ahead, None)
        if len(rows):
            before = np.ones(len(rows), dtype=bool)
            if following is not None:
                before = _locus(rows) < _locus(next(iter(following.values())))[0]
            taken, rows = rows[before], rows[~before]
            chunk = {
                trait: canonical_table(pd.concat([table, taken.assign(n=n_people[trait])]))
                for trait, table in chunk.items()
            }
        yield chunk
        chunk = following


def _locus(table: pd.DataFrame) -> npt.NDArray[np.int64]:
    return locus_key(table["chromosome"], table["base_pair_location"])


def _models(design: Design, options: AssociationOptions) -> dict[str, Any]:
    """``method`` and ``test`` of the run and of each trait, for the results; told to the log."""
    traits: dict[str, dict[str, Any]] = {}
    for group in design.groups:
        of_group = "t" if group.method == "linear" else options.test
        for trait in group.traits:
            traits[trait.name] = {"method": group.method, "test": of_group}
            said = f"{trait.n} samples"
            if trait.n_cases is not None:
                counts = {"n_cases": trait.n_cases, "n_controls": trait.n - trait.n_cases}
                traits[trait.name] |= counts
                said = "{n_cases} cases, {n_controls} controls".format(**counts)
            log.info(
                "%s: %s regression, %s test (%s%s)", trait.name, group.method, of_group, said,
                "" if options.method == "auto" else f"; --method {options.method}",
            )  # fmt: skip
    each = {name: tuple(dict.fromkeys(t[name] for t in traits.values())) for name in _SETTINGS}
    run = {name: values[0] if len(values) == 1 else "by trait" for name, values in each.items()}
    return {**run, "traits": traits}


def _warn_if_sex_not_covariate(cohort: Cohort, request: AssociationRequest) -> None:
    on_x = (cohort.variants.kept_table()["chromosome"] == X).any()
    if on_x and not any(map(names_sex, (*request.covariates, *request.categorical))):
        log.warning(
            "the scan includes chromosome X and sex is not among the covariates: add --covar sex"
        )


def _untestable(cohort: Cohort) -> pd.DataFrame:
    """Variants set aside on reading, as rows of results with their reason in ``status``."""
    table = cohort.variants.table
    status = pd.Series("", index=table.index)
    for decision in reversed(cohort.variants.decisions):
        if decision.stage == READ_STAGE:
            status[decision.excluded] = decision.reason
    rows = table[status.ne("").to_numpy()]
    numbers = [name for name, dtype in COLUMNS.items() if dtype == "float64"]
    return pd.DataFrame(
        {
            "chromosome": rows["chromosome"],
            "base_pair_location": rows["base_pair_location"],
            "other_allele": rows["ref"],
            "effect_allele": rows["alt"],
            "source_id": rows["source_id"],
            "test": "",
            "status": status[rows.index],
        }
    ).assign(**dict.fromkeys(numbers, np.nan))


def _from_matrix_table(
    mt: Any, traits: Sequence[str], covariates: Sequence[Any], y: Any
) -> tuple[Cohort, list[str], list[str]]:
    """A cohort of a user's MatrixTable with the named or given expressions as people columns."""
    from gwasbone.cohort.sources.matrix_table import column_values

    of_traits = [*traits, *([] if y is None else y if isinstance(y, (list, tuple)) else [y])]
    expressions = _by_name(mt, of_traits, "y")
    names = list(expressions)
    of_covariates = _by_name(mt, [c for c in covariates if not _is_intercept(c)], "covariate")
    used = list(of_covariates)
    expressions |= of_covariates
    cohort = Cohort.from_mt(mt)
    columns = column_values(mt, expressions).set_axis(cohort.people.table.index, axis=0)
    return cohort.annotate_people(columns), names, used


def _is_intercept(covariate: Any) -> bool:
    """Whether a covariate is the 1 that Hail's own methods need for an intercept."""
    if isinstance(covariate, (int, float)) and covariate != 1:
        raise UsageError(
            f"covariates: expected names, expressions or 1 for the intercept, got {covariate}"
        )
    return isinstance(covariate, (int, float))


def _by_name(mt: Any, fields: Sequence[Any], role: str) -> dict[str, Any]:
    """Column expressions by name: the field's own, or the role and its number."""
    named: dict[str, Any] = {}
    for i, field in enumerate(fields):
        if isinstance(field, str):
            name, expression = field, mt[field]
        else:
            own = (name for name in mt.col if mt[name] is field)
            name = next(own, f"{role}{i + 1}" if len(fields) > 1 or role != "y" else "y")
            expression = field
        if name in named:
            raise UsageError(f"expected each {role} once, {name} is there twice")
        named[name] = expression
    return named
