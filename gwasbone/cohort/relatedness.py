"""Relatives: kinship by Hail, and which people to leave out so that no two are related.

Kinship is half the expected proportion of alleles shared: 0.5 for identical twins, 0.25 for
parents, children and full sibs. Degrees are told apart at KING's borders 2^(-(2d + 3)/2)
(Manichaikul et al. 2010, Bioinformatics 26:2867).
"""

from __future__ import annotations

import heapq
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from gwasbone.errors import UsageError

if TYPE_CHECKING:
    from gwasbone.cohort.model import Cohort

log = logging.getLogger(__name__)

STAGE = "relatedness"

#: Least kinship of degree 0 (identical), 1, 2 and 3.
DEGREE_BORDERS = tuple(2.0 ** -((2 * d + 3) / 2) for d in range(4))


def degree_of_kinship(kinship: npt.ArrayLike) -> npt.NDArray[np.int8]:
    """0 for identical (twins, copies), 1, 2 or 3 for that degree, 4 for anything more distant.

    Examples
    --------
    >>> degree_of_kinship([0.5, 0.25, 0.125, 0.0625, 0.03]).tolist()
    [0, 1, 2, 3, 4]
    """
    values = np.asarray(kinship, dtype=float)
    return np.searchsorted(-np.array(DEGREE_BORDERS), -values, side="left").astype(np.int8)


def relatedness(
    cohort: Cohort,
    *,
    method: Literal["king", "pc_relate"] = "king",
    min_kinship: float = DEGREE_BORDERS[3],
    variants: pd.Index | None = None,
    k: int = 10,
    maf: float = 0.01,
) -> pd.DataFrame:
    """Pairs of kept people who are related.

    Parameters
    ----------
    method : ``king`` (KING-robust: no allele frequencies, right across ancestries, biased down
        between admixed people) or ``pc_relate`` (allele frequencies by person, from ``k``
        principal components).
    min_kinship : pairs below are left out; third degree and closer by default.
    variants : rows of the variant table to use, such as those :func:`~gwasbone.cohort.prune.prune`
        keeps; all kept autosomal variants by default.
    maf : of a person's own allele frequency, for ``pc_relate``.

    Returns
    -------
    Columns ``id1``, ``id2`` (each pair once, in the order of the people table), ``kinship``,
    ``degree``; closest first.

    Raises
    ------
    UsageError
        Another method, or fewer than two people.

    Notes
    -----
    The work grows with the square of the number of people: ten thousand are minutes, a biobank
    needs its own released pairs.
    """
    from gwasbone.cohort.selected import autosomal_calls
    from gwasbone.session import hail

    people = cohort.people.kept_table().index
    if method not in ("king", "pc_relate") or len(people) < 2:
        raise UsageError(
            f"relatedness: expected method king or pc_relate and two people or more, "
            f"got {method!r} and {len(people)} people"
        )
    hl = hail()
    wanted = cohort.variants.table.index.isin(variants) if variants is not None else True
    mt = autosomal_calls(cohort, cohort.variants.kept & wanted)
    if method == "king":
        # Hail's king wants one key field; its entries hold each pair twice and the diagonal
        pairs = hl.king(mt.GT).entries().key_by()
        fields = dict(zip(("i", "j"), ("s_1", "s"), strict=True))
        table = pairs.select(i=pairs[fields["i"]], j=pairs[fields["j"]], kinship=pairs.phi)
    else:
        k = min(k, len(people) - 1)
        found = hl.pc_relate(
            mt.GT, maf, k=k, min_kinship=min_kinship, statistics="kin", block_size=512
        ).key_by()
        table = found.select(i=found.i.s, j=found.j.s, kinship=found.kin)
    table = table.filter((table.kinship >= min_kinship) & (table.i != table.j))
    frame = _exported_pairs(table.annotate(kinship=hl.format("%.8f", table.kinship)))
    first, second = (
        people.get_indexer(pd.Index(frame["i"])),
        people.get_indexer(pd.Index(frame["j"])),
    )
    if method == "king":
        frame, first, second = frame[first < second], first[first < second], second[first < second]
    low, high = np.minimum(first, second), np.maximum(first, second)
    result = pd.DataFrame(
        {
            "id1": people.to_numpy()[low],
            "id2": people.to_numpy()[high],
            "kinship": frame["kinship"].to_numpy(dtype=float),
        }
    ).assign(degree=lambda t: degree_of_kinship(t["kinship"]))
    log.info("relatedness (%s): %d pairs with kinship >= %.4g", method, len(result), min_kinship)
    return result.sort_values(
        ["kinship", "id1", "id2"], ascending=[False, True, True], ignore_index=True
    )


def _exported_pairs(table: Any) -> pd.DataFrame:
    from gwasbone.session import temporary_path

    path = Path(temporary_path("pairs") + ".tsv")
    table.export(str(path))
    frame = pd.read_csv(path, sep="\t", dtype={"i": str, "j": str}, keep_default_na=False)
    path.unlink()
    return frame


def third_degree_relatives(pairs: pd.DataFrame, people: pd.Index) -> pd.Series:
    """Number of third-degree relatives of each person.

    Parameters
    ----------
    pairs : columns ``id1``, ``id2``, ``degree``, as :func:`relatedness` gives them.
    people : the persons to count for.
    """
    third = pairs[pairs["degree"] == 3]
    count = pd.concat([third["id1"], third["id2"]]).value_counts()
    return count.reindex(people, fill_value=0).rename("n_third_degree")


def maximal_unrelated(
    pairs: pd.DataFrame, people: pd.Index, *, keep_first: pd.Series | None = None
) -> list[Any]:
    """Whom to remove so that no related pair is left, and nobody could be put back.

    Greedy: as long as related pairs are left, of the people of the lowest priority who still have
    a relative, the one with the most relatives goes (ties: the later in ``people``). At the end
    everyone without a relative among the kept comes back, highest priority first.

    Parameters
    ----------
    pairs : columns ``id1``, ``id2``; pairs with somebody not in ``people`` do not count.
    people : everyone, in an order that settles ties.
    keep_first : priority by person; people with a higher one are kept where either could be, such
        as 1 for cases and 0 for controls. Missing is lowest.

    Returns
    -------
    IDs to remove, in the order of ``people``. Deterministic.

    Examples
    --------
    >>> trio = pd.DataFrame({"id1": ["child", "child"], "id2": ["mother", "father"]})
    >>> maximal_unrelated(trio, pd.Index(["father", "mother", "child"]))
    ['child']
    """
    first, second = (
        people.get_indexer(pd.Index(pairs["id1"])),
        people.get_indexer(pd.Index(pairs["id2"])),
    )
    relatives: dict[int, set[int]] = {}
    for a, b in zip(first.tolist(), second.tolist(), strict=True):
        if a >= 0 and b >= 0 and a != b:
            relatives.setdefault(a, set()).add(b)
            relatives.setdefault(b, set()).add(a)
    priority = np.zeros(len(people))
    if keep_first is not None:
        given = pd.to_numeric(keep_first.reindex(people), errors="coerce").to_numpy(dtype=float)
        priority = np.where(np.isnan(given), -np.inf, given)
    left = {person: len(of) for person, of in relatives.items()}
    queue = [(priority[p], -n, -p) for p, n in left.items()]
    heapq.heapify(queue)
    removed: set[int] = set()
    while queue:
        _, n, p = heapq.heappop(queue)
        person = -p
        if person in removed or left[person] == 0 or -n != left[person]:
            continue
        removed.add(person)
        for other in relatives[person] - removed:
            left[other] -= 1
            heapq.heappush(queue, (priority[other], -left[other], -other))
    for person in sorted(removed, key=lambda p: (-priority[p], p)):
        if relatives[person] <= removed:
            removed.discard(person)
    return people[sorted(removed)].tolist()


def exclude_related(
    cohort: Cohort,
    pairs: pd.DataFrame,
    *,
    min_kinship: float = DEGREE_BORDERS[2],
    keep_first: pd.Series | None = None,
) -> Cohort:
    """Leave out people until no two kept ones are related, with the reason ``related``.

    Parameters
    ----------
    pairs : columns ``id1``, ``id2``, ``kinship``.
    min_kinship : pairs from here on count as related; the second degree by default.
    keep_first : priority by person; see :func:`maximal_unrelated`.
    """
    close = pairs[pairs["kinship"] >= min_kinship]
    removed = maximal_unrelated(close, cohort.people.kept_table().index, keep_first=keep_first)
    rule = f"a relative (kinship >= {min_kinship:.4g}) is kept instead"
    log.info("relatedness: %d of %d people removed", len(removed), cohort.people.n_kept)
    return cohort.exclude_people(
        STAGE, "related", cohort.people.table.index.isin(removed), description=rule
    )
