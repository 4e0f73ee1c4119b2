"""``gwasbone mr``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from gwasbone.cli.file_words import GENOTYPE_FILES
from gwasbone.cli.flags import option_flags
from gwasbone.cli.options import out_option, positions_option, run_options, table_limit_option
from gwasbone.errors import UsageError
from gwasbone.options import with_given
from gwasbone.sumstats.options import MrOptions

_FILES = click.Path(path_type=Path)
_SHOWN = 40


@click.command(
    epilog="\b\nExamples:\n  gwasbone mr --exposure bmi.tsv.gz --outcome bmd.tsv.gz --ld-bfile eur "
    "\\\n    --build GRCh37 --out bmi\n"
    "  gwasbone mr --exposure brain/ --outcome op.tsv.gz --outcome bmd/ --out screen\n"
    "  gwasbone mr --harmonised table.tsv --ld ld.tsv --out pair"
)
@click.option(
    "--exposure", metavar="SCAN", multiple=True, type=_FILES,
    help="Scan of an exposure, or a folder of scans; the option can be repeated.",
)  # fmt: skip
@click.option(
    "--outcome", metavar="SCAN", multiple=True, type=_FILES,
    help="Scan of an outcome, or a folder of scans; the option can be repeated. In a screen the "
    "first is the discovery and the others are validations.",
)  # fmt: skip
@click.option(
    "--harmonised", metavar="FILE", type=_FILES,
    help="Table of effects that are matched already (snp, beta_exposure, standard_error_exposure, "
    "beta_outcome, standard_error_outcome), instead of scans.",
)  # fmt: skip
@click.option(
    "--ld", metavar="FILE", type=_FILES,
    help="Matrix of correlations of the instruments of --harmonised, in their order.",
)  # fmt: skip
@click.option(
    "--ld-bfile", "bfile", type=GENOTYPE_FILES["--ld-bfile"], metavar="PREFIX...",
    help="PLINK .bed/.bim/.fam files to clump instruments with; by distance alone without them.",
)  # fmt: skip
@click.option(
    "--build", type=click.Choice(["GRCh37", "GRCh38"]), help="Reference genome build of --ld-bfile."
)
@click.option(
    "--confounders", metavar="FILE", type=_FILES,
    help="Table of variants that act on confounders (rsid, or chromosome and base_pair_location; "
    "optionally confounder); they are no instruments.",
)  # fmt: skip
@click.option(
    "--reverse", is_flag=True, help="Also estimate the effects of the outcomes on the exposures."
)
@positions_option
@option_flags(MrOptions)
@table_limit_option
@run_options
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Estimate causal effects of exposures on outcomes by Mendelian randomisation.

    Instruments are genome-wide significant variants of an exposure, clumped; their alleles are
    matched with the outcome and every one left out has a reason. Inside a study the study's scans
    are the outcomes, or the exposures, where none are given, and each is paired with the others
    where neither are. Several exposures and outcomes are a
    screen: the published funnel and, beside it, a q-value that holds its rate. Writes
    PREFIX.mr.tsv, PREFIX.instruments.tsv, PREFIX.mr.html and, of a screen, PREFIX.mr.funnel.tsv.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.steps import mr as step

    config = current_study()
    base = MrOptions() if config is None else config.resolved(config.mr)
    rule = with_given(base, options)
    names = (step.MR, step.INSTRUMENTS, step.FUNNEL, step.PAGE)
    outputs = [f".{name}" for name in names]
    with command_context(options, config, outputs=outputs, in_effect=vars(rule)) as context:
        pairs = _pairs(options, config, rule, context)
        found = step.estimate_effects(pairs, rule, f"{context.out}.")
        for row in found.table.head(_SHOWN).to_dict("records"):
            said = f"{row['beta']:.4f} ({row['standard_error']:.4f})"
            said = said if row["beta"] == row["beta"] else "undefined"
            why = f"; {row['status']}" if row["status"] else ""
            context.say(
                f"{row['exposure']} on {row['outcome']}, {row['method']}: {said}, "
                f"{row['n_snp']} instruments{why}"
            )
        if found.funnel is not None:
            table = found.funnel.table
            context.say(
                f"{int(table['found'].sum())} exposures at a valid false discovery rate of "
                f"{rule.fdr:g}, {int(table['found_published'].sum())} by the published funnel: "
                f"{context.out}.{step.FUNNEL}"
            )
        context.say(f"{context.out}.{step.MR}, {context.out}.{step.PAGE}")


def _pairs(options: dict[str, Any], config: Any, rule: MrOptions, context: Any) -> Any:
    from gwasbone.steps.mr import pairs_of_scans
    from gwasbone.study.scans import named_scans
    from gwasbone.sumstats.mr_pairs import read_harmonised

    exposure, outcome = options["exposure"], options["outcome"]
    if options["harmonised"] is not None:
        if exposure or outcome:
            raise UsageError("--harmonised: expected no --exposure and --outcome beside it")
        pair = read_harmonised(options["harmonised"], options["ld"])
        if not options["reverse"]:
            return [pair]
        raise UsageError("--reverse: expected scans, which have instruments of the outcome")
    if options["ld"] is not None:
        raise UsageError("--ld: expected with --harmonised; scans take --ld-bfile")
    if config is None and not (exposure and outcome):
        raise UsageError(
            "expected scans of exposures and outcomes: give --exposure and --outcome, or "
            "--harmonised"
        )
    positions = options["positions"]
    exposures, outcomes = (named_scans(p, config, positions=positions) for p in (exposure, outcome))
    if not (exposure or outcome) and len(exposures) < 2:
        raise UsageError(
            f"expected two or more scans in the study, it has {', '.join(exposures)}: give "
            "--exposure or --outcome"
        )
    cohort = context.cohort() if context.names_genotypes else None
    more = {"confounders": options["confounders"], "threads": options["threads"]}
    pairs = pairs_of_scans(exposures, outcomes, cohort, rule, **more)
    if options["reverse"]:
        back = pairs_of_scans(outcomes, exposures, cohort, rule, **more)
        pairs += [replace(pair, is_reverse=True) for pair in back]
    return pairs
