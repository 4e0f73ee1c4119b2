"""The page of saliency maps: where networks look."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gwasbone.learning.person_maps import RegionSaliency
from gwasbone.learning.saliency import mass_share
from gwasbone.plots import disclosure
from gwasbone.plots.page import Sections, save_page
from gwasbone.plots.saliency import saliency_figure

log = logging.getLogger(__name__)

_ONE_SIDED = (
    "A map shows the evidence for the later class; evidence against it is cut off. A feature that "
    "is reduced, such as the bone density of cases, may therefore show beside the bone and not on "
    "it."
)
PAGE = ".saliency.html"


def write_saliency(seen: Sequence[RegionSaliency], prefix: Path, *, task: str) -> None:
    """Write ``PREFIX.saliency.html``; no page without maps."""
    if not seen:
        log.info("%s: nothing was learned, so there are no maps to draw", task)
        return
    save_page(
        saliency_sections(seen),
        Path(f"{prefix}{PAGE}"),
        title=f"{task}: saliency maps",
        subtitle="Class activation maps averaged over convolutional layers, of held-out "
        "participants; group means drawn over the mean image.",
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


def sentence(seen: RegionSaliency) -> str:
    """Numbers of maps, the saliency on the body and the agreement of the folds, in a line."""
    maps = seen.maps
    counts = ", ".join(
        f"{n} {name}" for name, n in zip(maps.names, disclosure.cell_texts(maps.n), strict=True)
    )
    body = mass_share(np.nan_to_num(maps.mean), seen.body, seen.body)
    beyond = (np.abs(maps.t) > maps.critical).mean()
    folds = "" if np.isnan(maps.agreement) else f"; folds agree with r = {maps.agreement:.2f}"
    return (
        f"{seen.title}: maps of {counts}; {body.mass:.0%} of the saliency lies on the body, which "
        f"is {body.of_area:.0%} of the image; classes differ beyond noise on {beyond:.0%} of "
        f"it{folds}"
    )
