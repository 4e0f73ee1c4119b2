"""``gwasbone qc``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gwasbone.cli.options import genotype_options, out_option, run_options, subset_options

_OUTPUTS = (
    ".people.tsv.gz",
    ".variants.tsv.gz",
    ".keep.txt",
    ".extract.txt",
    ".funnel.tsv",
)
_PAGE = ".qc.html"


@click.command(
    epilog="\b\nExample:\n  gwasbone qc --bfile ukb --build GRCh37 --maf 0.01 --out qc\n"
    "  gwasbone assoc --bfile ukb --build GRCh37 --keep qc.keep.txt --extract qc.extract.txt ..."
)
@genotype_options
@subset_options
@click.option("--maf", type=float, help="Minimum minor-allele frequency (0.001).")
@click.option("--hwe", type=float, help="Minimum exact Hardy-Weinberg p (1e-5).")
@click.option("--hwe-midp", is_flag=True, default=None, help="Use the mid-p value.")
@click.option("--info", type=float, help="Least imputation INFO (0.9).")
@click.option("--geno", type=float, help="Highest share of missing calls per variant (0.05).")
@click.option("--mind", type=float, help="Highest share of missing calls per person (0.05).")
@click.option("--het-sd", type=float, help="Heterozygosity outliers lie beyond this many SD (3).")
@click.option("--biobank-qc", metavar="FILE", help="Table with UK Biobank's own QC columns.")
@click.option("--withdrawn", metavar="FILE", help="IDs of people who withdrew, one a line.")
@click.option("--plots/--no-plots", default=True, show_default=True, help="The page.")
@run_options
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Quality control of people and variants, as named reasons.

    People first, then variants in the people who are left. Writes tables with the reasons, lists
    for --keep and --extract, the funnel and a page.
    """
    import dataclasses

    from gwasbone.cli.context import command_context, current_study
    from gwasbone.cohort.qc import QcThresholds, qc
    from gwasbone.steps import people

    config = current_study()
    thresholds = config.qc if config is not None else QcThresholds()
    given = {name: options[name] for name in ("maf", "hwe", "hwe_midp", "info", "het_sd")}
    for flag, name in (("geno", "variant_call_rate"), ("mind", "person_call_rate")):
        given[name] = None if options[flag] is None else 1 - options[flag]
    changes = {name: value for name, value in given.items() if value is not None}
    thresholds = dataclasses.replace(thresholds, **changes)
    outputs = (*_OUTPUTS, *([_PAGE] if options["plots"] else []))
    with command_context(options, config, outputs=outputs) as context:
        cohort = qc(
            context.cohort(before="people", infer_sex=False),
            thresholds,
            biobank=_biobank(options["biobank_qc"], context),
            withdrawn=_ids(options["withdrawn"]),
        )
        people.refuse_nothing_kept(cohort)
        out = context.out
        people.write_decisions(cohort.people, Path(f"{out}.people.tsv.gz"))
        people.write_decisions(cohort.variants, Path(f"{out}.variants.tsv.gz"))
        people.write_lists(cohort, out)
        people.write_funnels(cohort, Path(f"{out}.funnel.tsv"))
        written = [f"{out}.keep.txt", f"{out}.extract.txt and tables"]
        if options["plots"]:
            from gwasbone.report.pages.cohort import qc_page

            said = ". ".join(people.funnel_summary(t) for t in (cohort.people, cohort.variants))
            page = Path(f"{out}{_PAGE}")
            qc_page(cohort, thresholds, page, title="Quality control", subtitle=f"{said}.")
            written.insert(0, str(page))
        context.say(people.funnel_summary(cohort.people))
        context.say(people.funnel_summary(cohort.variants))
        context.say(f"written: {', '.join(written)}")


def _biobank(path: str | None, context: Any) -> Any:
    from gwasbone.errors import InputError
    from gwasbone.steps.people import biobank_columns

    columns = biobank_columns(context.people_tables([path] if path is not None else []))
    if columns is None and path is not None:
        raise InputError(
            f"{path}: expected columns of UK Biobank's quality control such as 22027-0.0 or "
            "p22021, found none"
        )
    return columns


def _ids(path: str | None) -> list[str]:
    from gwasbone.errors import InputError

    if path is None:
        return []
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file; expected IDs of people who withdrew")
    return Path(path).read_text().split()
