"""A finished training of image networks: fits by region, scores and their evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from gwasbone.learning.image_training import STACKED, RegionFit, TrainingPeople


@dataclass(frozen=True)
class Trained:
    """What a training gave.

    Parameters
    ----------
    fits : by region; scores : by region, and ``stacked`` for several.
    evaluation, differences : see :mod:`gwasbone.learning.evaluation`.
    left_out : ``IID reason`` of people who were not trained on.
    """

    task: str
    people: TrainingPeople
    fits: Mapping[str, RegionFit]
    scores: Mapping[str, pd.DataFrame]
    evaluation: pd.DataFrame
    differences: pd.DataFrame
    left_out: pd.DataFrame

    @property
    def main(self) -> str:
        """The score that is ``cnn_prob``."""
        return STACKED if STACKED in self.scores else next(iter(self.scores))
