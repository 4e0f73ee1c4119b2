"""Deep learning as the package sees it: tasks, folds, evaluation, a backend behind a Protocol."""

from gwasbone.public import publish

__all__ = publish(__name__)
