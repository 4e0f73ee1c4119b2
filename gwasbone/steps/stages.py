"""The stages of a study, in order.

Every command in a study folder reads this module, to say whether stages are up to date: what takes
long to import is imported where a stage runs.
"""

from __future__ import annotations

import dataclasses

from gwasbone.steps.bone_stages import BONE_STAGES
from gwasbone.steps.cohort_stages import COHORT_STAGES
from gwasbone.steps.genotype_stage import STAGE as GENOTYPE_STAGE
from gwasbone.steps.scan_stages import SCAN_STAGES
from gwasbone.study.config import sections
from gwasbone.study.files import FIGURES
from gwasbone.study.runner import Stage, StageRun


def keeping_figures(stage: Stage) -> Stage:
    """The stage, whose pages also leave their figures for the report."""

    def run(started: StageRun) -> str:
        from gwasbone.plots.disclosure import small_counts
        from gwasbone.plots.page import figures_kept

        allowed = small_counts(started.config.report.small_counts)
        with allowed, figures_kept(started.folder / FIGURES):
            return stage.run(started)

    return dataclasses.replace(stage, run=run)


def _report(run: StageRun) -> str:
    from gwasbone.report.study_report import REPORT, write_report

    write_report(run.config, REPORTED, run.folder / REPORT)
    return str(run.config.output / run.stage / REPORT)


_MAKING = (*BONE_STAGES, *COHORT_STAGES, *SCAN_STAGES, GENOTYPE_STAGE)

#: Those that the report tells of, in order; a stage depends on those named in ``after``.
REPORTED = tuple(keeping_figures(stage) for stage in _MAKING)

#: All, in order.
STAGES = (
    *REPORTED,
    Stage(
        "report", "report", tuple(sections()), tuple(stage.name for stage in REPORTED),
        lambda _: [], _report,
    ),
)  # fmt: skip
