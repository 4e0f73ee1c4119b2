"""Genes: tables and GTF files that a user gives, what lies near a variant, genes known for bone."""

from gwasbone.public import publish

__all__ = publish(__name__)
