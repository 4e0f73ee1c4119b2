"""Small images that show a target of each kind, and the tasks of them."""

from __future__ import annotations

import numpy as np

from gwasbone.learning.folds import person_folds
from gwasbone.learning.task import binary_task, class_task, mask_task, regression_task
from gwasbone.learning.trainer import TrainingRows

N, SIDE = 120, 24
PLACE = (slice(4, 12), slice(4, 12))
OTHER = (slice(14, 20), slice(14, 20))

#: Name -> task and, from (level 0 to 2, second level 0 to 1), its target.
TASKS = {
    "binary": (binary_task("high"), lambda a, b: (a > 0) * 1.0),
    "weighed": (binary_task("high", class_weights=True), lambda a, b: (a > 1) * 1.0),
    "classes": (class_task("level", ["low", "middle", "high"]), lambda a, b: a),
    "weighed classes": (
        class_task("level", ["low", "middle", "high"], class_weights=True), lambda a, b: a,
    ),
    "ordered": (class_task("level", ["low", "middle", "high"], ordered=True), lambda a, b: a),
    "number": (regression_task("age"), lambda a, b: 50 + 10 * a),
    "absolute": (regression_task("age", loss="absolute"), lambda a, b: 50 + 10 * a),
    "numbers": (
        regression_task("traits", ["x", "y"]), lambda a, b: np.column_stack([a * 100, b - 7]),
    ),
}  # fmt: skip
MASKS = {"mask": mask_task("bone"), "dice": mask_task("bone", loss="dice")}


def made_images(seed=1, n=N):
    """Images, the levels of two places, and the mask of what is bright."""
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 3, n).astype(float), rng.integers(0, 2, n).astype(float)
    image = rng.normal(80, 6, (n, SIDE, SIDE, 1))
    image[:, *PLACE, 0] += 45 * a[:, None, None]
    image[:, *OTHER, 0] += 60 * b[:, None, None]
    mask = np.zeros((n, SIDE, SIDE))
    mask[:, *PLACE] = (a > 0)[:, None, None]
    mask[:, *OTHER] = (b > 0)[:, None, None]
    return image.clip(0, 255).astype(np.uint8), a, b, mask


def made_rows(image, *, folds=3, rotate=True) -> TrainingRows:
    person = np.array([f"p{i:03d}" for i in range(len(image))])
    split = person_folds(person, np.zeros(len(image)), folds=folds, rotate=rotate)
    return TrainingRows({"image": image}, person, split, "d")
