"""Deep learning as the package sees it: tasks, folds, evaluation, a backend behind a Protocol."""
