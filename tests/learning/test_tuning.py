"""Tuning of the transformer on an even split; with the reference backend, which is quick."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from gwasbone.errors import InputError
from gwasbone.learning.networks import TrainingPlan
from gwasbone.learning.options import Encoder
from gwasbone.learning.reference import ReferenceBackend, ReferenceModel
from gwasbone.learning.tuning import (
    Candidate,
    even_split,
    read_grid,
    tune_transformer,
)
from gwasbone.learning.visit_answers import join_answers

sys.path.insert(0, str(Path(__file__).parent))
from test_transformer_residuals import WatchedBackend, visits

GRID = [
    Candidate(Encoder(hidden, 2, 4, dropout), rate)
    for hidden, dropout, rate in ((32, 0.1, 1e-3), (64, 0.1, 1e-3), (64, 0.3, 1e-2))
]


class Graded(ReferenceBackend):
    """Gives every size a validation loss of its own; diverges at one if told."""

    def __init__(self, losses, diverges=None) -> None:
        self.losses, self.diverges = losses, diverges

    def build(self, network, *, seed):
        outer, hidden = self, (network["hidden"], network["dropout"])

        class Model(ReferenceModel):
            def fit(self, *given, **options):
                if outer.diverges == hidden:
                    raise ValueError("training diverged: for the test")
                history = super().fit(*given, **options)
                return [e | {"validation_loss": outer.losses[hidden]} for e in history]

        return Model(network)


def tuned(folder, backend=None, n=120, **options):
    table, answers = visits(n, 40)
    return tune_transformer(
        table, join_answers(answers, table), backend or ReferenceBackend(), folder=folder,
        plan=TrainingPlan(seed=3), grid=GRID, **options,
    )  # fmt: skip


def test_halves_are_of_participants_with_the_sexes_alike():
    person = np.repeat([f"p{i}" for i in range(100)], 2)
    sex = np.repeat(np.arange(100) % 4 == 0, 2).astype(float)
    split = even_split(person, sex, seed=1)
    split.check_people(person)
    [fold] = split
    assert len(fold.training) == len(fold.validation) == 100
    assert len(fold.held_out) == 0
    assert sex[fold.validation].sum() in (24, 26)


def test_the_smallest_validation_loss_is_chosen(tmp_path):
    losses = {(32, 0.1): 0.9, (64, 0.1): 0.7, (64, 0.3): 0.8}
    found = tuned(tmp_path, Graded(losses))
    assert found.best == GRID[1]
    assert found.table["validation_loss"].tolist() == [0.7, 0.8, 0.9]
    assert found.table["rank"].tolist() == [1, 2, 3]
    assert found.table.loc[0, ["hidden", "dropout"]].tolist() == [64, 0.1]
    assert set(found.table["status"]) == {"ok"}
    assert found.n_training + found.n_validation == 120
    assert abs(found.n_training - found.n_validation) <= 1


def test_a_candidate_that_diverges_is_named_and_the_others_go_on(tmp_path):
    losses = {(32, 0.1): 0.9, (64, 0.1): 0.7, (64, 0.3): 0.8}
    found = tuned(tmp_path, Graded(losses, diverges=(64, 0.1)))
    assert found.best == GRID[2]
    assert found.table["status"].tolist() == ["ok", "ok", "diverged"]
    assert np.isnan(found.table["rank"].iloc[2])


def test_the_other_half_is_not_trained_on_and_its_r2_is_of_it(tmp_path):
    backend = WatchedBackend()
    found = tuned(tmp_path, backend)
    assert len(backend.seen) == 3
    assert {len(rows) for rows in backend.seen} == {len(backend.seen[0])}
    # least squares has no size: every candidate is the same, and the first of the grid is taken
    assert found.best == GRID[0]
    assert found.table["r2"].nunique() == 1
    assert 0 < found.table["r2"].iloc[0] < found.table["r2_seen"].iloc[0] < 1


def test_a_killed_tuning_goes_on(tmp_path):
    dying = WatchedBackend(die_in=2)
    with pytest.raises(KeyboardInterrupt):
        tuned(tmp_path, dying)
    rest = WatchedBackend()
    found = tuned(tmp_path, rest)
    assert (len(dying.seen), len(rest.seen)) == (2, 1)
    whole = tuned(tmp_path / "whole")
    assert found.table.equals(whole.table)


def test_grids_are_read_or_refused_by_row(tmp_path):
    assert len(read_grid()) == 12
    path = tmp_path / "grid.tsv"
    head = "hidden\tlayers\tattention_heads\tdropout\tlearning_rate\n"
    path.write_text(f"# mine\n{head}32\t2\t4\t0.1\t0.001\n64\t2\t4\t0\t0.01\n")
    assert read_grid(path)[1] == Candidate(Encoder(64, 2, 4, 0.0), 0.01)
    for row, said in (
        ("30\t2\t4\t0.1\t0.001", "row 2 of the grid: hidden = 30"),
        ("32\t2\t4\t1.5\t0.001", "row 2 of the grid: dropout = 1.5"),
        ("32\t2\t4\t0.1\t0", "row 2 of the grid: learning_rate = 0"),
        ("x\t2\t4\t0.1\t0.1", "row 2 of the grid"),
    ):
        path.write_text(f"{head}{row}\n")
        with pytest.raises(InputError, match=said):
            read_grid(path)
    path.write_text("hidden\tlayers\n1\t2\n")
    with pytest.raises(InputError, match="expected columns hidden, layers"):
        read_grid(path)
