"""Where on the chromosomes the simulated segments lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gwasbone import genome
from gwasbone.errors import ConfigError
from gwasbone.simulate.settings import SimulationSettings

# Megabases on GRCh37. Centromeres, heterochromatin and short arms without sequence (UCSC
# cytobands acen, gvar, stalk), then long-range-LD regions (Price et al. 2008, AJHG 83:132;
# Abraham & Inouye 2014). The margin covers how far both builds differ at these places, so the
# same list serves GRCh38.
_MARGIN_MB = 3.0
_AVOIDED_MB: dict[int, tuple[tuple[float, float], ...]] = {
    1: ((48, 52), (121.5, 144)),
    2: ((86, 100.5), (134.5, 138), (183, 190)),
    3: ((47.5, 50), (83.5, 97.5)),
    4: ((48.2, 52.7),),
    5: ((44.5, 50.7), (98, 100.5), (129, 132), (135.5, 138.5)),
    6: ((24, 36), (57, 64), (140, 142.5)),
    7: ((55, 66),),
    8: ((7, 13), (43, 50), (112, 115)),
    9: ((38, 71),),
    10: ((37, 43),),
    11: ((46, 57), (87.5, 90.5)),
    12: ((33, 40), (109.5, 112)),
    13: ((0, 19.5),),
    14: ((0, 19.1),),
    15: ((0, 20.7),),
    16: ((34.6, 47),),
    17: ((22.2, 25.8), (40, 46)),
    18: ((15.4, 19),),
    19: ((24.4, 28.6),),
    20: ((25.6, 34.5),),
    21: ((0, 14.3),),
    22: ((0, 17.9),),
    23: ((0, 2.7), (58.1, 67.5), (154.9, 157)),
}
_TELOMERE_MB = 1.0


@dataclass(frozen=True)
class Segment:
    """A stretch of a chromosome: first position (1-based), length in bp, variants wanted."""

    number: int
    chromosome: int
    start_bp: int
    length_bp: int
    n_variants: int


def place_segments(settings: SimulationSettings) -> list[Segment]:
    """Spread ``n_segments`` over the chromosomes, clear of centromeres and long-range LD.

    The chromosomes share the segments in proportion to their usable length (at least one each);
    within a chromosome they are spread evenly with a random shift. On X they lie outside the
    pseudo-autosomal regions.

    Raises
    ------
    ConfigError
        When the segments do not fit.
    """
    rng = np.random.default_rng([settings.seed, 1])
    length_bp = settings.segment_kb * 1000
    free = {
        c: _free_starts_bp(c, build=settings.build, length_bp=length_bp)
        for c in settings.chromosomes
    }
    counts = _share_out(settings.n_segments, [len(starts) for starts in free.values()])
    if any(count > len(starts) for count, starts in zip(counts, free.values(), strict=True)):
        raise ConfigError(
            f"simulation settings: at most {sum(map(len, free.values()))} segments of "
            f"{settings.segment_kb} kb fit on the chosen chromosomes, got n_segments = "
            f"{settings.n_segments}: lower n_segments or segment_kb"
        )
    variants = np.diff(
        np.linspace(0, settings.n_variants, settings.n_segments + 1).round().astype(int)
    )
    segments: list[Segment] = []
    for (chromosome, starts), count in zip(free.items(), counts, strict=True):
        for candidates in np.array_split(starts, count):
            start = int(rng.choice(candidates))
            number = len(segments)
            segments.append(Segment(number, chromosome, start, length_bp, int(variants[number])))
    return segments


def _free_starts_bp(chromosome: int, *, build: str, length_bp: int) -> np.ndarray:
    """Starts of the disjoint windows of ``length_bp`` that touch nothing to be avoided."""
    end = genome.LENGTHS_BP[build][chromosome] - _TELOMERE_MB * 1e6
    starts = np.arange(_TELOMERE_MB * 1e6, end - length_bp, length_bp, dtype=np.int64)
    touched = np.zeros(len(starts), dtype=bool)
    for low, high in _AVOIDED_MB[chromosome]:
        touched |= (starts < (high + _MARGIN_MB) * 1e6) & (
            starts + length_bp > (low - _MARGIN_MB) * 1e6
        )
    return starts[~touched] + 1


def _share_out(total: int, sizes: list[int]) -> list[int]:
    """``total`` split in proportion to ``sizes``, at least one each, by largest remainder."""
    spare = (total - len(sizes)) * np.asarray(sizes, dtype=float) / max(sum(sizes), 1)
    counts = np.floor(spare).astype(int)
    order = np.argsort(counts - spare, kind="stable")
    counts[order[: total - len(sizes) - counts.sum()]] += 1
    return [int(count) + 1 for count in counts]
