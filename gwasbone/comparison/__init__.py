"""Comparison of scans of one disease: which phenotype finds more."""

from gwasbone.public import publish

__all__ = publish(__name__)
