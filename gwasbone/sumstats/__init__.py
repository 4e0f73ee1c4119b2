"""Summary statistics: arrays and tables of effects in, frozen dataclasses out; no genotypes."""

from gwasbone.public import publish

__all__ = publish(__name__)
