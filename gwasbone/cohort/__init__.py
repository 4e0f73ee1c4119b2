"""Cohorts: reading genotypes, quality control, ancestry, relatedness, pruning, components.

On blocks where the source can be read in blocks, on Hail for any other source.
"""

from gwasbone.public import publish

__all__ = publish(__name__)
