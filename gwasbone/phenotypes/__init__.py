"""Tables of participants: reading, traits and their transforms, residuals."""

from gwasbone.public import publish

__all__ = publish(__name__)
