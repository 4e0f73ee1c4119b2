"""One genome-wide association scan: its results table, files, and lead blocks."""

from gwasbone.public import publish

__all__ = publish(__name__)
