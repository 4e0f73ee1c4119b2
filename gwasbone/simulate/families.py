"""Who is in the cohort, who is whose child, and what a child inherits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gwasbone import genome
from gwasbone.simulate.demography import POPULATIONS
from gwasbone.simulate.settings import GROUPS, SimulationSettings

_MORGANS_PER_BP = 1.2e-8
#: The other parent of a ``mixed`` person, and how often.
_MIXED_WITH = {"african": 0.3, "caribbean": 0.2, "south_asian": 0.3, "east_asian": 0.2}


@dataclass(frozen=True)
class Pedigree:
    """All participants that are simulated, parents who are not in the cohort included.

    Parameters
    ----------
    group : (P,) ancestry group of each person.
    populations : (P, 2) index into ``POPULATIONS`` of a founder's maternal and paternal
        haplotype; −1 for people whose parents are simulated.
    mother, father : (P,) index of the parent, −1 for founders; parents precede children.
    is_male : (P,) genetic sex.
    cohort : (n,) which people are in the cohort, in the order of the files.
    relatives : (r, 3) cohort index of both, and the degree: 1 = parent and offspring,
        2 = siblings (also first degree), 3 = first cousins (third degree).
    """

    group: npt.NDArray[np.str_]
    populations: npt.NDArray[np.int64]
    mother: npt.NDArray[np.int64]
    father: npt.NDArray[np.int64]
    is_male: npt.NDArray[np.bool_]
    cohort: npt.NDArray[np.int64]
    relatives: npt.NDArray[np.int64]

    @property
    def haplotype_counts(self) -> dict[str, int]:
        """Population -> founder haplotypes to simulate."""
        counts = np.bincount(self.populations[self.populations >= 0], minlength=len(POPULATIONS))
        return dict(zip(POPULATIONS, counts.tolist(), strict=True))


#: Kinds of pairs, in the coding of ``Pedigree.relatives``.
PARENT_OFFSPRING, SIBLINGS, COUSINS = 1, 2, 3


class _Builder:
    """Collects participants one by one; only :func:`draw_pedigree` uses it."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.rows: list[tuple[str, int, int, int, int, bool]] = []
        self.kept: list[int] = []
        self.pairs: list[tuple[int, int, int]] = []

    def add(
        self,
        group: str,
        *,
        parents: tuple[int, int] = (-1, -1),
        male: bool | None = None,
        kept: bool = True,
    ) -> int:
        populations = (-1, -1)
        if parents == (-1, -1):
            populations = self._populations(group)
        if male is None:
            male = bool(self.rng.random() < 0.46)
        self.rows.append((group, *populations, *parents, male))
        if kept:
            self.kept.append(len(self.rows) - 1)
        return len(self.rows) - 1

    def couple(self, *, kept: int | None = None) -> tuple[int, int]:
        """A mother and a father, both British-like; ``kept`` (0 or 1) joins the cohort."""
        mother = self.add("british", male=False, kept=kept == 0)
        father = self.add("british", male=True, kept=kept == 1)
        return mother, father

    def spouse_of(self, person: int) -> tuple[int, int]:
        male = self.rows[person][5]
        other = self.add("british", male=not male, kept=False)
        return (other, person) if male else (person, other)

    def _populations(self, group: str) -> tuple[int, int]:
        if group != "mixed":
            return (POPULATIONS.index(group),) * 2
        which = self.rng.choice(len(_MIXED_WITH), p=list(_MIXED_WITH.values()))
        other = POPULATIONS.index(list(_MIXED_WITH)[which])
        british = POPULATIONS.index("british")
        return (british, other) if self.rng.random() < 0.5 else (other, british)


def draw_pedigree(settings: SimulationSettings) -> Pedigree:
    """Draw groups, sexes and families as the settings ask; the order of participants is random."""
    rng = np.random.default_rng([settings.seed, 3])
    builder = _Builder(rng)
    for _ in range(settings.n_parent_offspring):
        which = int(rng.random() < 0.5)
        couple = builder.couple(kept=which)
        child = builder.add("british", parents=couple)
        builder.pairs.append((couple[which], child, PARENT_OFFSPRING))
    for _ in range(settings.n_siblings):
        couple = builder.couple()
        first = builder.add("british", parents=couple)
        builder.pairs.append((first, builder.add("british", parents=couple), SIBLINGS))
    for _ in range(settings.n_third_degree):
        couple = builder.couple()
        aunts = [builder.add("british", parents=couple, kept=False) for _ in range(2)]
        cousins = [builder.add("british", parents=builder.spouse_of(aunt)) for aunt in aunts]
        builder.pairs.append((cousins[0], cousins[1], COUSINS))
    for group, count in group_counts(settings).items():
        related = 2 * settings.n_pairs if group == "british" else 0
        for _ in range(count - related):
            builder.add(group)

    columns = list(zip(*builder.rows, strict=True))
    cohort = rng.permutation(np.array(builder.kept, dtype=np.int64))
    place = np.full(len(builder.rows), -1, dtype=np.int64)
    place[cohort] = np.arange(len(cohort))
    relatives = np.array(builder.pairs, dtype=np.int64).reshape(-1, 3)
    relatives[:, :2] = place[relatives[:, :2]]
    return Pedigree(
        group=np.array(columns[0]),
        populations=np.array(columns[1:3], dtype=np.int64).T,
        mother=np.array(columns[3], dtype=np.int64),
        father=np.array(columns[4], dtype=np.int64),
        is_male=np.array(columns[5], dtype=bool),
        cohort=cohort,
        relatives=relatives,
    )


def group_counts(settings: SimulationSettings) -> dict[str, int]:
    """People per ancestry group, by largest remainder, so that they sum to ``n_people``."""
    exact = np.array([settings.fractions[group] for group in GROUPS]) * settings.n_people
    counts = np.floor(exact + 1e-9).astype(int)
    short = settings.n_people - counts.sum()
    counts[np.argsort(counts - exact, kind="stable")[:short]] += 1
    return dict(zip(GROUPS, counts.tolist(), strict=True))


def inherit(
    founder_haplotypes: npt.NDArray[np.int8],
    pedigree: Pedigree,
    *,
    chromosome: int,
    position_bp: npt.NDArray[np.int64],
    build: str,
    seed: int,
) -> npt.NDArray[np.int8]:
    """Drop founder haplotypes through the pedigree, with crossovers.

    Crossovers are drawn along the whole chromosome (1.2 cM per Mb) and depend on ``seed`` and
    ``chromosome`` only, so that segments of one chromosome are inherited together. On X a man has
    his mother's copy twice: his dosage is then 0 or 2.

    Parameters
    ----------
    founder_haplotypes : (s, Σ counts), columns in the order of ``Pedigree.haplotype_counts``.
    position_bp : (s,) ascending.

    Returns
    -------
    (s, 2, n) int8: maternal and paternal haplotype of each person of the cohort.
    """
    is_x = chromosome == genome.X
    n_all = len(pedigree.group)
    column = np.full((n_all, 2), -1, dtype=np.int64)
    flat = pedigree.populations.ravel()
    order = np.argsort(flat, kind="stable")
    order = order[flat[order] >= 0]
    column.ravel()[order] = np.arange(len(order))

    if not np.any(pedigree.mother >= 0):
        H = founder_haplotypes[:, column[pedigree.cohort].T]
        if is_x:
            men = pedigree.is_male[pedigree.cohort]
            H[:, 1, men] = H[:, 0, men]
        return H

    H = founder_haplotypes[:, np.maximum(column, 0).T]
    if is_x:
        H[:, 1, pedigree.is_male] = H[:, 0, pedigree.is_male]
    rng = np.random.default_rng([seed, 4, chromosome])
    length_bp = genome.LENGTHS_BP[build][chromosome]
    for child in np.flatnonzero(pedigree.mother >= 0):
        for side, parent in enumerate((pedigree.mother[child], pedigree.father[child])):
            n_crossovers = rng.poisson(length_bp * _MORGANS_PER_BP)
            crossovers = np.sort(rng.uniform(0, length_bp, n_crossovers))
            phase = (np.searchsorted(crossovers, position_bp) + rng.integers(2)) % 2
            H[:, side, child] = np.where(phase == 0, H[:, 0, parent], H[:, 1, parent])
        if is_x and pedigree.is_male[child]:
            H[:, 1, child] = H[:, 0, child]
    return H[:, :, pedigree.cohort]
