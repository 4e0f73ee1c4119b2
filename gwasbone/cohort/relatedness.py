"""Relatives: kinship of all pairs, and which samples to leave out so that no two are related.

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

from gwasbone.cohort.options import PcaOptions, RelatednessOptions
from gwasbone.errors import UsageError
from gwasbone.genome import AUTOSOMES
from gwasbone.phenotypes.codings import binary_words
from gwasbone.phenotypes.table import numbers

if TYPE_CHECKING:
    from gwasbone.cohort.model import Cohort

log = logging.getLogger(__name__)

STAGE = "relatedness"

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.float64]
_Pairs = tuple[npt.NDArray[np.integer], npt.NDArray[np.integer], npt.NDArray[np.float64]]

# Two tables of all pairs in float64 take 16 bytes a pair, 6 GB here.
_MOST_PEOPLE_IN_MEMORY = 20_000

#: Unrelated people for each principal component of PC-Relate, and the most components.
PEOPLE_PER_COMPONENT, _MOST_COMPONENTS = 50, 10

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
    min_kinship: float = RelatednessOptions.min_kinship,
    variants: pd.Index | None = None,
    k: int | None = None,
    maf: float = 0.01,
    engine: Literal["auto", "blocks", "hail"] = "auto",
) -> pd.DataFrame:
    """Find the related pairs among the retained samples.

    Parameters
    ----------
    method : ``king`` (KING-robust: no allele frequencies, right across ancestries, biased down
        between admixed people) or ``pc_relate`` (allele frequencies by person, from ``k``
        principal components of those whom KING shows to be unrelated, onto which the others are
        projected).
    min_kinship : minimum kinship coefficient of reported pairs; 0.0884, the border between the
        second and the third degree, by default.
    variants : rows of the variant table to use, such as those :func:`~gwasbone.cohort.prune.prune`
        keeps; all kept autosomal variants by default.
    k : number of principal components for ``pc_relate``; by default one for every 50 unrelated
        people, at least 1 and at most 10, since more would be fitted to their relatives.
    maf : of a person's own allele frequency, for ``pc_relate``.
    engine : ``blocks`` (:mod:`gwasbone.blocks.kinship`) or ``hail`` (``hl.king``,
        ``hl.pc_relate``, which fits allele frequencies in everybody); ``auto`` is ``blocks`` up
        to 20,000 people, whose table of all pairs fits in memory.

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
    people = cohort.people.kept_table().index
    if method not in ("king", "pc_relate") or engine not in ("auto", "blocks", "hail"):
        raise UsageError(
            f"relatedness: expected method king or pc_relate and engine auto, blocks or hail, "
            f"got {method!r} and {engine!r}"
        )
    wanted = cohort.variants.table["chromosome"].isin(list(AUTOSOMES)).to_numpy()
    wanted &= cohort.variants.kept
    if variants is not None:
        wanted &= cohort.variants.table.index.isin(variants)
    if len(people) < 2 or not wanted.any():
        raise UsageError(
            "relatedness: expected two samples or more and autosomal variants, "
            f"got {len(people)} samples and {int(wanted.sum())} variants"
        )
    by_blocks = engine == "blocks" or (engine == "auto" and len(people) <= _MOST_PEOPLE_IN_MEMORY)
    scores, unrelated = None, None
    if method == "pc_relate":
        scores, unrelated = _components_of_unrelated(cohort, wanted, k, by_blocks=by_blocks)
    if by_blocks:
        found = _by_blocks(cohort, wanted, min_kinship, scores, unrelated, maf)
    else:
        found = _by_hail(cohort, wanted, min_kinship, scores, maf)
    first, second, kinship = found
    result = pd.DataFrame(
        {
            "id1": people.to_numpy()[np.minimum(first, second)],
            "id2": people.to_numpy()[np.maximum(first, second)],
            "kinship": kinship,
            "degree": degree_of_kinship(kinship),
        }
    )
    log.info("relatedness (%s): %d pairs with kinship >= %.4g", method, len(result), min_kinship)
    return result.sort_values(
        ["kinship", "id1", "id2"], ascending=[False, True, True], ignore_index=True
    )


def _components_of_unrelated(
    cohort: Cohort, wanted: BoolArray, k: int | None, *, by_blocks: bool
) -> tuple[FloatArray, BoolArray]:
    """(n, k) scores of the retained samples on components of the unrelated ones, and who these are.

    Relatives would become components, and allele frequencies be fitted to them.
    """
    from gwasbone.cohort.pca import principal_components, project
    from gwasbone.cohort.prune import prune

    people = cohort.people.kept_table().index
    king = _by_blocks if by_blocks else _by_hail
    first, second, _ = king(cohort, wanted, DEGREE_BORDERS[3])
    pairs = pd.DataFrame({"id1": people.to_numpy()[first], "id2": people.to_numpy()[second]})
    related = maximal_unrelated(pairs, people)
    unrelated = ~people.isin(related)
    n_unrelated = int(unrelated.sum())
    k = k or int(np.clip(n_unrelated // PEOPLE_PER_COMPONENT, 1, _MOST_COMPONENTS))
    only = cohort.exclude_variants(STAGE, "not_used", ~wanted, description="not used for kinship")
    fewer = only.exclude_people(
        STAGE, "related", cohort.people.table.index.isin(related), description="has relatives"
    )
    pruned = prune(fewer, maf=PcaOptions.maf).index
    components = principal_components(fewer, pruned, k=k)
    log.info(
        "relatedness (pc_relate): %d components of %d unrelated samples and %d variants, %d "
        "samples projected", k, n_unrelated, len(pruned), len(people) - n_unrelated,
    )  # fmt: skip
    return project(only, components).to_numpy(), unrelated


def _by_blocks(
    cohort: Cohort,
    wanted: BoolArray,
    min_kinship: float,
    scores: FloatArray | None = None,
    unrelated: BoolArray | None = None,
    maf: float = 0.0,
) -> _Pairs:
    """By KING, or by PC-Relate where there are scores."""
    from gwasbone.blocks.kinship import king_kinship, pc_relate_kinship
    from gwasbone.cohort.sources.calls import packed_rows

    rows = packed_rows(cohort, np.flatnonzero(wanted))
    if scores is None or unrelated is None:
        kinship = king_kinship(rows)
    else:
        kinship = pc_relate_kinship(rows, scores, unrelated, maf=maf)
    first, second = np.nonzero(np.triu(kinship >= min_kinship, k=1))
    return first, second, kinship[first, second]


def _by_hail(
    cohort: Cohort,
    wanted: BoolArray,
    min_kinship: float,
    scores: FloatArray | None = None,
    maf: float = 0.0,
) -> _Pairs:
    """By KING, or by PC-Relate where there are scores."""
    from gwasbone.cohort.sources.calls import autosomal_calls
    from gwasbone.session import hail

    hl = hail()
    mt = autosomal_calls(cohort, wanted)
    if scores is None:
        # every pair twice, and the diagonal
        pairs = hl.king(mt.GT).entries().key_by()
        table = pairs.select(i=pairs.s_1, j=pairs.s, kinship=pairs.phi)
    else:
        mt = mt.add_col_index("person")
        of = hl.literal(scores.tolist(), "array<array<float64>>")[hl.int32(mt.person)]
        found = hl.pc_relate(
            mt.GT, maf, scores_expr=of, min_kinship=min_kinship, statistics="kin", block_size=512
        ).key_by()
        table = found.select(i=found.i.s, j=found.j.s, kinship=found.kin)
    table = table.filter((table.kinship >= min_kinship) & (table.i != table.j))
    frame = _exported_pairs(table.annotate(kinship=hl.format("%.14e", table.kinship)))
    people = cohort.people.kept_table().index
    first, second = (
        people.get_indexer(pd.Index(frame["i"])),
        people.get_indexer(pd.Index(frame["j"])),
    )
    once = first < second if scores is None else first >= 0
    return first[once], second[once], frame["kinship"].to_numpy(dtype=float)[once]


def _exported_pairs(table: Any) -> pd.DataFrame:
    from gwasbone.session import temporary_path

    path = Path(temporary_path("pairs") + ".tsv")
    table.export(str(path))
    frame = pd.read_csv(path, sep="\t", dtype={"i": str, "j": str}, keep_default_na=False)
    path.unlink()
    return frame


def third_degree_relatives(pairs: pd.DataFrame, people: pd.Index) -> pd.Series:
    """Count the third-degree relatives of each sample.

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
    """Find samples whose removal leaves a maximal set of unrelated samples.

    Greedy: as long as related pairs are left, of the people of the lowest priority who still have
    a relative, the one with the most relatives goes (ties: the later in ``people``). At the end
    everyone without a relative among the kept comes back, highest priority first.

    Parameters
    ----------
    pairs : columns ``id1``, ``id2``; pairs with somebody not in ``people`` do not count.
    people : everyone, in an order that settles ties.
    keep_first : priority by person; people with a higher one are kept where either could be, such
        as 1 for cases and 0 for controls, or Yes and No, case and control, TRUE and FALSE
        (:func:`gwasbone.phenotypes.codings.binary_words`). Missing is lowest.

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
        priority = _priorities(keep_first.reindex(people))
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


def _priorities(column: pd.Series) -> npt.NDArray[np.float64]:
    """(n,) priorities, −inf where missing; of text that is no pair of classes it is an error."""
    words = binary_words(column)
    given = numbers(column.to_frame("priority"), "priority") if words is None else words.y
    priority = np.where(np.isnan(given), -np.inf, given)
    if len(np.unique(priority)) < 2:
        log.warning(
            "%s cannot rank relatives: it has one value or none in the %d participants kept",
            column.name, len(column),
        )  # fmt: skip
    return priority


def exclude_related(
    cohort: Cohort,
    pairs: pd.DataFrame,
    *,
    min_kinship: float = RelatednessOptions.min_kinship,
    keep_first: pd.Series | None = None,
) -> Cohort:
    """Exclude samples, with the reason ``related``, until no two retained samples are related.

    Parameters
    ----------
    pairs : columns ``id1``, ``id2``, ``kinship``.
    min_kinship : minimum kinship coefficient of a related pair; second-degree relatives by
        default.
    keep_first : priority by sample; see :func:`maximal_unrelated`.
    """
    close = pairs[pairs["kinship"] >= min_kinship]
    removed = maximal_unrelated(close, cohort.people.kept_table().index, keep_first=keep_first)
    rule = f"a relative (kinship >= {min_kinship:.4g}) is kept instead"
    log.info("relatedness: %d of %d samples removed", len(removed), cohort.people.n_kept)
    return cohort.exclude_people(
        STAGE, "related", cohort.people.table.index.isin(removed), description=rule
    )
