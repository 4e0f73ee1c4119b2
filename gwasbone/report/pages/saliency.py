"""The page of saliency maps: where networks look."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from gwasbone.learning.person_maps import RegionSaliency, sentence
from gwasbone.plots.page import Sections, save_page
from gwasbone.plots.saliency import saliency_figure

log = logging.getLogger(__name__)

_ONE_SIDED = (
    "A map shows what speaks for the later class; what speaks against it is cut. Something that "
    "is less, such as bone density of cases, may therefore show beside the bone and not on it."
)
PAGE = ".saliency.html"


def write_saliency(seen: Sequence[RegionSaliency], prefix: Path, *, task: str) -> None:
    """Write ``PREFIX.saliency.html``; where nothing was looked at, no page."""
    if not seen:
        log.info("%s: nothing was learned, so there are no maps to draw", task)
        return
    save_page(
        saliency_sections(seen),
        Path(f"{prefix}{PAGE}"),
        title=f"{task}: where networks look",
        subtitle="Class activation maps averaged over convolutional layers, of people whom the "
        "models never saw; group means drawn over the mean picture.",
    )


def saliency_sections(seen: Sequence[RegionSaliency]) -> Sections:
    """(heading, figure) per region."""
    return [
        (
            one.title[:1].upper() + one.title[1:],
            saliency_figure(
                one.picture, one.maps.mean, one.maps.slope, one.maps.t,
                names=one.maps.names, n=one.maps.n, critical=one.maps.critical, title=one.title,
                target=one.target, notes=[f"{sentence(one)}.", _ONE_SIDED],
            ),
        )
        for one in seen
    ]  # fmt: skip
