"""What most commands do first: find the study, claim the outputs, start the log, read genotypes."""

from __future__ import annotations

import contextlib
import logging
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gwasbone import session
from gwasbone.cli.file_words import ignored_files
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.sources.source import CACHE_FOLDER
from gwasbone.errors import GwasboneError, InputError, UsageError
from gwasbone.files import (
    Staging,
    existing_inputs,
    is_url,
    joined,
    refuse_input_as_output,
    staged_outputs,
)
from gwasbone.options import with_given
from gwasbone.phenotypes.options import TableReading
from gwasbone.run_log import run_log
from gwasbone.study import RECORD, find_study
from gwasbone.table_limit import table_limit

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    import pandas as pd

    from gwasbone.study.config import StudyConfig

_GENOTYPE_FLAGS = ("bfile", "pfile", "bgen", "vcf", "bcf", "mt")
#: Flags that name tables of participants.
_TABLE_FLAGS = ("pheno_file", "covar_file", "biobank_qc", "scores")


@dataclass(frozen=True)
class Context:
    """A command in its surroundings.

    Parameters
    ----------
    options : the command's flags.
    config : the study of the current folder, None outside one.
    out : prefix to write the outputs at. They lie in a staging folder, and appear beside
        ``--out`` together when the command ends.
    staging : that folder; its ``work`` is for files that are not outputs.
    """

    options: dict[str, Any]
    config: StudyConfig | None
    out: Path
    staging: Staging
    _said: list[str] = field(default_factory=list)

    def say(self, text: object) -> None:
        """Print a line when the outputs have appeared, with their final names."""
        self._said.append(str(text))

    @property
    def names_genotypes(self) -> bool:
        """Whether flags say where the genotypes are (then the study's are not used)."""
        return any(self.options.get(name) is not None for name in _GENOTYPE_FLAGS)

    @property
    def id_rule(self) -> Any:
        given = self.options.get("id_rule")
        if given is not None:
            return given
        return self.config.genotypes.id if self.config is not None else "iid"

    @property
    def reading(self) -> TableReading:
        """How tables of participants are read: as flags say, else the study."""
        return table_reading(self.options, self.config)

    def cohort(self, *, before: str | None = None, infer_sex: bool = True) -> Cohort:
        """The genotypes that flags name, else the study's with the decisions made so far.

        Parameters
        ----------
        before : leave out what this stage of the study and later ones decided.
        infer_sex : take the sex of participants whose sex is not stated from chromosome X.
        """
        if self.names_genotypes:
            from gwasbone.cohort.read import read_genotypes

            build = self.options.get("build")
            if build is None and self.config is not None:
                build = self.config.study.build
            cohort = read_genotypes(
                bfile=self.options.get("bfile"),
                pfile=self.options.get("pfile"),
                bgen=self.options.get("bgen"),
                sample=self.options.get("sample"),
                ref_last=self.options.get("ref_first") is False,
                vcf=self.options.get("vcf"),
                bcf=self.options.get("bcf"),
                mt=self.options.get("mt"),
                build=build,
                id_rule=self.id_rule,
                reference_fasta=self.options.get("ref_fasta"),
                cache=self._cache(),
            )
        elif self.config is not None:
            from gwasbone.study.files import study_cohort

            _warn_of_stale_stages(self.config)
            cohort = study_cohort(self.config, before=before, cache=self._cache())
        else:
            raise UsageError(
                "no genotypes: give --bfile, --pfile, --bgen, --vcf, --bcf or --mt, or run "
                "inside a folder with a study.toml"
            )
        log.info("genotypes: %s, %s", cohort.source.describe(), _size(cohort))
        if self.reading.withdrawn is not None:
            from gwasbone.cohort.subsets import without_withdrawn

            cohort = without_withdrawn(cohort, Path(self.reading.withdrawn))
        cohort = self._with_sex(self._subset(cohort), infer=infer_sex)
        log.info("kept: %s", _size(cohort))
        return cohort

    def _cache(self) -> Path:
        """Where packed blocks of VCF files are kept, or made for this command alone."""
        given, home = self.options.get("cache"), self.staging.home
        if given is not None and given != "none":
            return Path(given)
        if given == "none" or (is_url(home) and self.config is None):
            return self.staging.work / CACHE_FOLDER
        return (Path(home) if self.config is None else self.config.folder) / CACHE_FOLDER

    def _with_sex(self, cohort: Cohort, *, infer: bool) -> Cohort:
        """The cohort with the sex of its samples, where there is a use for it."""
        from gwasbone.genome import X, Y

        stated = self.options.get("sex")
        chromosome = cohort.variants.kept_table("chromosome")["chromosome"]
        if stated is None and not chromosome.isin([X, Y]).any():
            return cohort
        from gwasbone.cohort.sex import settle_sex

        return settle_sex(
            cohort, stated=stated, tables=self._tables_with_sex(), id_rule=self.id_rule,
            infer=infer and cohort.source.capabilities.blocks,
        )  # fmt: skip

    def _tables_with_sex(self) -> dict[str, pd.DataFrame]:
        """Tables of participants that have a column of sex: the command's, else the study's."""
        from gwasbone.phenotypes.fields import names_sex
        from gwasbone.phenotypes.table import column_names

        given = [p for name in _TABLE_FLAGS for p in _several(self.options.get(name))]
        if not given and self.config is not None:
            from gwasbone.study.files import study_tables

            given = study_tables(self.config)
        named = [p for p in dict.fromkeys(given) if any(map(names_sex, column_names([p])))]
        return self.people_tables(named) if named else {}

    def column(self, path: str | None, name: str | None) -> pd.Series | None:
        """A column of a table of samples, or of the study's tables; None where none is named."""
        from gwasbone.phenotypes.table import pick_columns

        if name is None:
            return None
        tables = self.people_tables([path] if path is not None else [])
        if not tables:
            raise UsageError(f"no table to find column {name} in: give the file that has it")
        return pick_columns(tables, [name])[name]

    def people_tables(self, paths: Sequence[str] = ()) -> dict[str, pd.DataFrame]:
        """The tables of samples that flags name, else all of the study."""
        from gwasbone.phenotypes.table import read_people_table

        if paths or self.config is None:
            return {
                path: read_people_table(path, id_rule=self.id_rule, reading=self.reading)
                for path in paths
            }
        from gwasbone.study.files import people_tables

        return people_tables(self.config, id_rule=self.id_rule, reading=self.reading)

    def _subset(self, cohort: Cohort) -> Cohort:
        from gwasbone.cohort.subsets import subset

        lists = {name: self.options.get(name) for name in ("keep", "remove", "extract", "exclude")}
        chromosomes = self.options.get("chromosomes")
        if chromosomes is None and not any(lists.values()):
            return cohort
        paths = {name: Path(value) if value else None for name, value in lists.items()}
        return subset(cohort, **paths, chromosomes=chromosomes)


def _several(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def table_reading(options: Mapping[str, Any], config: StudyConfig | None) -> TableReading:
    """How tables of participants are read: as flags say, else the study, else the defaults."""
    if config is None:
        return with_given(TableReading(), options)
    from gwasbone.study.config import study_reading

    return with_given(study_reading(config), options)


def current_study() -> StudyConfig | None:
    """The study of the current folder, read and checked; None outside one."""
    path = find_study()
    if path is None:
        return None
    from gwasbone.study.config import load_config

    return load_config(path)


@contextlib.contextmanager
def command_context(
    options: dict[str, Any],
    config: StudyConfig | None,
    *,
    outputs: Sequence[str | Path] = (),
    in_effect: Mapping[str, Any] | None = None,
    folder: bool = False,
    force: bool | None = None,
) -> Iterator[Context]:
    """Run the body of a command: outputs checked and claimed, session prepared, log written.

    The outputs appear together when the body ends without error, and none of them otherwise.

    Parameters
    ----------
    options : the command's flags, as click gives them; ``out`` may be a URL.
    config : the study of the current folder; see :func:`current_study`.
    outputs : files the command will write: suffixes of ``--out`` such as ``.qc.html``, or paths,
        of which the name counts. With ``folder``, paths within the folder.
    folder : ``--out`` is a folder, and not a prefix.
    force : replace existing outputs, if it is not the flag that decides.
    in_effect : options as flags, study and defaults make them together, for the log.

    Raises
    ------
    InputError
        An output exists (without ``--force``), or is an input.
    GwasboneError
        Another command writes the same outputs.
    """
    current = click.get_current_context()
    command = current.info_name or "command"
    out = str(options["out"])
    home, stem = (out if is_url(out) else Path(out), "") if folder else _home(out)
    names = [p.name if isinstance(p, Path) else f"{stem}{p}" for p in outputs]
    log_stem = command if folder else f"{stem}.{command}"
    log_name, hail_name = f"{log_stem}.log", f"{log_stem}.hail.log"
    refuse_input_as_output(
        [joined(home, name) for name in (*names, log_name, hail_name)],
        inputs_of(current.params | options, config),
    )
    force = bool(options.get("force")) if force is None else force
    _refuse_in_stage(home)
    given = {k: v for k, v in options.items() if v not in (None, False, ())}
    shown = given | dict(in_effect or {})
    with staged_outputs(home, names, command=command, force=force, claims=[log_name]) as staging:
        final = str(joined(home, ""))

        def finally_called(text: str) -> str:
            return text.replace(
                f"{staging.files}/", "" if final == "." else f"{final.rstrip('/')}/"
            )

        # a log cannot grow at a URL: it is written here, and copied there at the end
        log_home = staging.work if is_url(home) else Path(home)
        log_path = log_home / log_name
        start_session_options(options, log_home, log_home / hail_name)
        context = Context(options, config, staging.files / stem, staging)
        with (
            log_copied(log_path, home),
            run_log(log_path, command=command_line(), options=shown, rename=finally_called),
            full_disk_named(home),
            _errors_renamed(finally_called),
        ):
            for line in ignored_files(current):
                log.warning("%s", line)
            with (
                table_limit(context.reading.max_table_gb),
                small_counts_as_asked(options, config),
            ):
                yield context
            staging.commit()
    for line in context._said:
        tell(finally_called(line))


@contextlib.contextmanager
def small_counts_as_asked(options: Mapping[str, Any], config: StudyConfig | None) -> Iterator[None]:
    """Let pages show small counts where ``--small-counts`` or the study allows them."""
    allowed = bool(options.get("small_counts"))
    if config is not None:
        allowed = allowed or config.report.small_counts
    if not allowed:
        yield
        return
    from gwasbone.plots.disclosure import small_counts

    with small_counts():
        yield


def tell(text: str) -> None:
    """Print to stdout; a result that is on disk is not lost where nobody can be told of it."""
    with contextlib.suppress(OSError):
        click.echo(text)


def _home(out: str) -> tuple[str | Path, str]:
    """The folder of a prefix, and what the names in it begin with."""
    home, _, stem = out.rpartition("/")
    if stem in ("", ".", ".."):
        example = f"{out.rstrip('/')}/NAME" if out else "NAME"
        raise UsageError(
            f"--out: expected what names of files begin with, got {out!r}: give it as {example}"
        )
    return (home, stem) if is_url(out) else (Path(out).parent, stem)


def inputs_of(options: Mapping[str, Any], config: StudyConfig | None) -> list[Path]:
    """The files and folders that a command's flags and its study name and that are there."""
    named: list[Any] = []
    for name, value in options.items():
        if name != "out" and isinstance(value, (str, Path, list, tuple)):
            for part in (value,) if isinstance(value, (str, Path)) else value:
                # flags may hold several, and pairs such as NAME=FILE
                named += [part, *str(part).split(","), str(part).partition("=")[2]]
    return existing_inputs(named) + (config.input_paths() if config is not None else [])


def _refuse_in_stage(home: str | Path) -> None:
    if not is_url(home) and Path(home, RECORD).exists():
        raise InputError(
            f"--out lies in {home}, which belongs to `gwasbone run`: choose a prefix elsewhere"
        )


@contextlib.contextmanager
def log_copied(path: Path, home: str | Path) -> Iterator[None]:
    """Copy a finished log to the URL of the outputs; nothing where these are local."""
    try:
        yield
    finally:
        if is_url(home):
            from gwasbone.ranges import file_system

            # the log is of no use where the outputs could not be written either
            with contextlib.suppress(Exception):
                system, inside = file_system(joined(home, path.name))
                system.put_file(str(path), inside)


@contextlib.contextmanager
def _errors_renamed(rename: Callable[[str], str]) -> Iterator[None]:
    """Let errors name outputs as the user does."""
    try:
        yield
    except Exception as error:
        error.args = tuple(rename(a) if isinstance(a, str) else a for a in error.args)
        if isinstance(error, OSError) and isinstance(error.filename, (str, Path)):
            error.filename = rename(str(error.filename))
        raise


#: What Python, Arrow and the JVM say of a disk without room, and of a limit on files.
_NO_ROOM = ("No space left", "File too large", "Disk quota exceeded")


@contextlib.contextmanager
def full_disk_named(folder: str | Path) -> Iterator[None]:
    """Turn a full disk, seen by Python or by the JVM, into an error that names the folder."""
    try:
        yield
    except Exception as error:
        lines = str(error).splitlines()
        detail = next((line.strip() for line in lines if any(n in line for n in _NO_ROOM)), None)
        if detail is None:
            raise
        where = folder if is_url(folder) else Path(folder).absolute()
        raise GwasboneError(
            f"disk full while writing to {where} ({detail[:200]}): free some space and run it again"
        ) from error


def command_line() -> str:
    """What the user typed, as a shell takes it."""
    return shlex.join(["gwasbone", *click.get_current_context().find_root().obj])


def _warn_of_stale_stages(config: StudyConfig) -> None:
    from gwasbone.steps.stages import STAGES
    from gwasbone.study.files import DECIDING_STAGES
    from gwasbone.study.runner import stage_status

    relevant = {*DECIDING_STAGES, "pca"}
    stale = [name for name, why in stage_status(config, STAGES).items() if why and name in relevant]
    if stale:
        log.warning(
            "stages of the study that are not up to date: %s; the cohort and its components are "
            "as the finished ones left them: `gwasbone run` brings all up to date",
            ", ".join(stale),
        )


def _size(cohort: Cohort) -> str:
    return f"{cohort.people.n_kept:,} samples, {cohort.variants.n_kept:,} variants"


def start_session_options(options: dict[str, Any], folder: Path, log_path: Path) -> None:
    """Tell the Hail session where to put its log and temporary files, and what it may use."""
    session.configure(
        session.SessionOptions(
            master=options.get("master"),
            threads=options.get("threads"),
            memory_gb=options.get("memory_gb"),
            folder=folder.absolute(),
            log_path=log_path,
        )
    )


def filtered(cohort: Cohort, options: dict[str, Any]) -> Cohort:
    """The cohort after ``--maf --mac --geno --mind --hwe --info``, counts in the log."""
    from gwasbone.cohort.options import FilterOptions
    from gwasbone.cohort.subsets import FILTER_STAGE, apply_filters

    filters = with_given(FilterOptions(), options)
    if filters == FilterOptions():
        return cohort
    cohort = apply_filters(cohort, **vars(filters))
    for table in (cohort.people, cohort.variants):
        for row in table.funnel().itertuples():
            if row.step == FILTER_STAGE:
                log.info("%s removes %d %s", row.description, row.removed, table.label)
    log.info("kept: %s", _size(cohort))
    return cohort
