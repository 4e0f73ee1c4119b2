"""Scans of a MatrixTable at the speed of blocks: its calls are exported once in a session."""

from __future__ import annotations

import logging

from gwasbone.association.block_scans import LOGISTIC_TESTS
from gwasbone.association.design import Design
from gwasbone.association.options import AssociationOptions
from gwasbone.cohort.model import Cohort
from gwasbone.cohort.sources.block_files import (
    can_write_session_blocks,
    has_session_blocks,
    session_blocks,
)

log = logging.getLogger(__name__)

#: Calls (samples times variants) below which a scan is a matter of seconds with either engine.
LEAST_CALLS = 10_000_000
#: Processor time in µs for a call, measured with 2,000 samples x 8,000 variants, 2 cores, Hail
#: 0.2.139: an export to .bed; a scan of one linear trait by Hail; each further linear trait; the
#: score test of a binary trait. A scan of blocks takes 0.02 to 0.06 and is left out.
EXPORT, LINEAR_PASS, LINEAR_TRAIT, LOGISTIC_TRAIT = 1.0, 1.8, 0.025, 4.3


def in_session_blocks(cohort: Cohort, design: Design, options: AssociationOptions) -> Cohort:
    """The cohort, backed by block files of this session where its scan is then done sooner.

    Results are those of the Hail engine up to the rounding of float32; see
    :mod:`gwasbone.association.blocks`. Dosages stay with Hail: block files that Hail can write hold
    them to 1/255.
    """
    has = cohort.source.capabilities
    has_test = "logistic" not in design.methods or options.test in LOGISTIC_TESTS
    if options.engine != "auto" or has.blocks or not has_test or not design.traits:
        return cohort
    if not can_write_session_blocks(cohort):
        if has.dosages:
            log.info("engine hail: block files would round the dosages of %s", _name(cohort))
        return cohort
    n, m = len(cohort.people), len(cohort.variants)
    if has_session_blocks(cohort):
        return Cohort.of(session_blocks(cohort))
    scan, export = scan_cost(design), EXPORT
    kept = cohort.people.n_kept * cohort.variants.n_kept / max(1, n * m)
    only_blocks = options.test == "spa" and "logistic" in design.methods
    if not only_blocks and (n * m < LEAST_CALLS or kept * scan < export):
        return cohort
    log.info(
        "%s is exported to block files, which later scans of this session use again: %d samples x "
        "%d variants cost about %.2g s of processor time, a scan by Hail %.2g s",
        _name(cohort), n, m, export * n * m / 1e6, kept * scan * n * m / 1e6,
    )  # fmt: skip
    return Cohort.of(session_blocks(cohort))


def scan_cost(design: Design) -> float:
    """Processor time in µs for a call that Hail takes for the traits of a design."""
    linear, binary = (len(design.of(method).traits) for method in ("linear", "logistic"))
    return (LINEAR_PASS + LINEAR_TRAIT * (linear - 1) if linear else 0.0) + LOGISTIC_TRAIT * binary


def _name(cohort: Cohort) -> str:
    return cohort.source.describe()
