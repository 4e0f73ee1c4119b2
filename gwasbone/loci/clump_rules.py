"""Named rules of clumping."""

from __future__ import annotations

from dataclasses import dataclass

from gwasbone.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class ClumpRule:
    """What makes a clump; see :mod:`gwasbone.blocks.clump`.

    Parameters
    ----------
    p1 : an index variant has p ≤ p1.
    p2 : a member has p < p2; members give a clump its span.
    r2 : a linked variant has r² above this with the index.
    kb : and is nearer than this.
    """

    p1: float
    p2: float = 1e-2
    r2: float
    kb: float = 250


#: ``plink``: the defaults of PLINK 1.9's --clump. ``loci``: genome-wide significant signals.
#: ``instruments``: nearly uncorrelated ones, for Mendelian randomisation.
CLUMP_RULES = {
    "loci": ClumpRule(p1=5e-8, r2=0.1, kb=250),
    "instruments": ClumpRule(p1=5e-8, r2=0.001, kb=10_000),
    "plink": ClumpRule(p1=1e-4, r2=0.5, kb=250),
}


def clump_rule(name: str) -> ClumpRule:
    """A rule by its name.

    >>> clump_rule("instruments").kb
    10000

    Raises
    ------
    UsageError
        There is no such rule.
    """
    if name not in CLUMP_RULES:
        raise UsageError(f"clump rule: expected one of {', '.join(CLUMP_RULES)}, got {name!r}")
    return CLUMP_RULES[name]
