"""Options of ``gwasbone h2`` and ``gwasbone rg``, and the LD scores that they name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gwasbone.cli.file_words import GENOTYPE_FILES
from gwasbone.cli.flags import option_flags
from gwasbone.cli.options import positions_option, table_limit_option
from gwasbone.errors import UsageError
from gwasbone.options import with_given
from gwasbone.sumstats.options import LdscOptions

if TYPE_CHECKING:
    from gwasbone.study.config import StudyConfig
    from gwasbone.sumstats.ld_score_files import LdScores

F = TypeVar("F", bound=Callable[..., Any])


class Prevalences(click.ParamType):
    """Numbers separated by commas; nan for a quantitative trait."""

    name = "list"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value}: expected numbers separated by commas, such as 0.3,nan", param, ctx)


def ldsc_flags(function: F) -> F:
    """Flags of LD score regression."""
    for option in (
        click.option(
            "--ld-bfile", "bfile", type=GENOTYPE_FILES["--ld-bfile"], metavar="PREFIX...",
            help="PLINK .bed/.bim/.fam files to compute LD scores from, where --ref-ld-chr is not "
            "given.",
        ),
        click.option(
            "--build", type=click.Choice(["GRCh37", "GRCh38"]),
            help="Reference genome build of --ld-bfile.",
        ),
        positions_option,
        option_flags(LdscOptions),
        table_limit_option,
    ):  # fmt: skip
        function = option(function)
    return function


def ldsc_rule(options: dict[str, Any], config: StudyConfig | None) -> LdscOptions:
    """What flags say, else the study's section."""
    base = LdscOptions() if config is None else config.resolved(config.ldsc)
    return with_given(base, options)


def named_ld_scores(context: Any, rule: LdscOptions) -> tuple[LdScores, LdScores | None]:
    """LD scores and, where they differ, those of the weights, of flags or of the study."""
    from gwasbone.comparison.genome import scores_of_genotypes
    from gwasbone.study.files import ld_score_folder
    from gwasbone.sumstats.ld_score_files import read_ld_scores

    folder = rule.ref_ld_chr
    if folder is None and context.config is not None and not context.names_genotypes:
        compared = ld_score_folder(context.config)
        folder = None if compared is None else str(compared)
    weights = None if rule.w_ld_chr is None else read_ld_scores(Path(rule.w_ld_chr))
    if folder is not None:
        return read_ld_scores(Path(folder)), weights
    if not context.names_genotypes and context.config is None:
        raise UsageError(
            "no LD scores: give --ref-ld-chr FOLDER (such as eur_w_ld_chr) or --ld-bfile PREFIX, "
            "or run inside a folder with a study.toml"
        )
    return scores_of_genotypes(context.cohort(), threads=context.options["threads"]), weights
