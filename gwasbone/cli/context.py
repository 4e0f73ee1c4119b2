"""What most commands do first: find the study, start the log, read the genotypes."""

from __future__ import annotations

import contextlib
import logging
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gwasbone import session
from gwasbone.cli.file_words import ignored_files
from gwasbone.cohort.model import Cohort
from gwasbone.errors import GwasboneError, UsageError
from gwasbone.files import refuse_overwrite
from gwasbone.run_log import run_log
from gwasbone.study.config import StudyConfig, find_study, load_config

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    import pandas as pd

_GENOTYPE_FLAGS = ("bfile", "bgen", "vcf", "mt")


@dataclass(frozen=True)
class Context:
    """A command in its surroundings.

    Parameters
    ----------
    options : the command's flags.
    config : the study of the current folder, None outside one.
    out : prefix of the output.
    """

    options: dict[str, Any]
    config: StudyConfig | None
    out: Path

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

    def cohort(self) -> Cohort:
        """The genotypes that flags name, else the study's with the decisions made so far."""
        if self.names_genotypes:
            from gwasbone.cohort.read import read_genotypes

            build = self.options.get("build")
            if build is None and self.config is not None:
                build = self.config.study.build
            cohort = read_genotypes(
                bfile=self.options.get("bfile"),
                bgen=self.options.get("bgen"),
                sample=self.options.get("sample"),
                vcf=self.options.get("vcf"),
                mt=self.options.get("mt"),
                build=build,
                id_rule=self.id_rule,
                reference_fasta=self.options.get("ref_fasta"),
            )
        elif self.config is not None:
            from gwasbone.study.files import study_cohort

            _warn_of_stale_stages(self.config)
            cohort = study_cohort(self.config)
        else:
            raise UsageError(
                "no genotypes: give --bfile, --bgen, --vcf or --mt, or run inside a folder with a "
                "study.toml"
            )
        log.info("genotypes: %s, %s", cohort.source.describe(), _size(cohort))
        cohort = self._subset(cohort)
        log.info("kept: %s", _size(cohort))
        return cohort

    def column(self, path: str | None, name: str | None) -> pd.Series | None:
        """A column of a table of people, or of the study's tables; None where none is named."""
        from gwasbone.phenotypes.table import pick_columns, read_people_table
        from gwasbone.study.files import study_tables

        if name is None:
            return None
        paths = [path] if path is not None else []
        if path is None and self.config is not None:
            paths = study_tables(self.config)
        if not paths:
            raise UsageError(f"no table to find column {name} in: give the file that has it")
        tables = {p: read_people_table(p, id_rule=self.id_rule) for p in paths}
        return pick_columns(tables, [name])[name]

    def _subset(self, cohort: Cohort) -> Cohort:
        from gwasbone.cohort.subsets import subset

        lists = {name: self.options.get(name) for name in ("keep", "remove", "extract", "exclude")}
        chromosomes = self.options.get("chromosomes")
        if chromosomes is None and not any(lists.values()):
            return cohort
        paths = {name: Path(value) if value else None for name, value in lists.items()}
        return subset(cohort, **paths, chromosomes=chromosomes)


def current_study() -> StudyConfig | None:
    """The study of the current folder, read and checked; None outside one."""
    path = find_study()
    return load_config(path) if path is not None else None


@contextlib.contextmanager
def command_context(
    options: dict[str, Any],
    config: StudyConfig | None,
    *,
    outputs: Sequence[str | Path] = (),
    in_effect: Mapping[str, Any] | None = None,
) -> Iterator[Context]:
    """Run the body of a command: output refused if it exists, session prepared, log written.

    Parameters
    ----------
    options : the command's flags, as click gives them.
    config : the study of the current folder; see :func:`current_study`.
    outputs : files the command will write: suffixes of ``--out`` such as ``.qc.html``, or paths.
    in_effect : options as flags, study and defaults make them together, for the log.
    """
    out = Path(options["out"])
    refuse_overwrite(
        [p if isinstance(p, Path) else Path(f"{out}{p}") for p in outputs],
        force=bool(options.get("force")),
    )
    start_session_options(options, out)
    given = {k: v for k, v in options.items() if v not in (None, False, ())}
    shown = given | dict(in_effect or {})
    with (
        run_log(Path(f"{out}.log"), command=command_line(), options=shown),
        full_disk_named(out.parent),
    ):
        for line in ignored_files(click.get_current_context()):
            log.warning("%s", line)
        yield Context(options, config, out)


@contextlib.contextmanager
def full_disk_named(folder: Path) -> Iterator[None]:
    """Turn a full disk, seen by Python or by the JVM, into an error that names the folder."""
    try:
        yield
    except Exception as error:
        lines = str(error).splitlines()
        detail = next((line.strip() for line in lines if "No space left" in line), None)
        if detail is None:
            raise
        raise GwasboneError(
            f"disk full while writing to {folder.absolute()} ({detail[:200]}): free some space "
            "and run it again"
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
    return f"{cohort.people.n_kept:,} people, {cohort.variants.n_kept:,} variants"


def start_session_options(options: dict[str, Any], out: Path) -> None:
    """Tell the Hail session where to put its log and temporary files, and what it may use."""
    session.configure(
        session.SessionOptions(
            master=options.get("master"),
            threads=options.get("threads"),
            memory_gb=options.get("memory_gb"),
            folder=out.absolute().parent,
            log_path=Path(f"{out}.hail.log"),
        )
    )


def filtered(cohort: Cohort, options: dict[str, Any]) -> Cohort:
    """The cohort after ``--maf --mac --geno --mind --hwe --info``, counts in the log."""
    from gwasbone.cohort.filters import STAGE, apply_filters

    given = {n: options.get(n) for n in ("maf", "mac", "geno", "mind", "hwe", "info")}
    if all(value is None for value in given.values()):
        return cohort
    cohort = apply_filters(cohort, **given)
    for table in (cohort.people, cohort.variants):
        for row in table.funnel().itertuples():
            if row.step == STAGE:
                log.info("%s removes %d %s", row.description, row.removed, table.noun)
    log.info("kept: %s", _size(cohort))
    return cohort
