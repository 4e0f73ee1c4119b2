"""From scans to loci: clumping, regional plots, selection of SNPs by region."""

from gwasbone.public import publish

__all__ = publish(__name__)
