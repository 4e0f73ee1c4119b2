"""Small pure statistics: arrays in, arrays or frozen dataclasses out; no I/O, no Hail."""

from gwasbone.public import publish

__all__ = publish(__name__)
