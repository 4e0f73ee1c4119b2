"""People whose pictures show sex in one place and, where planted, a genotype in another."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from gwasbone.images.cache import ImageCache, Pictures
from gwasbone.images.settings import ImageSettings
from gwasbone.learning.genotype_inputs import genotype_inputs, genotype_jobs
from gwasbone.learning.genotype_run import train_genotypes
from gwasbone.learning.networks import TrainingPlan
from gwasbone.learning.options import GenotypeTraining, ImageNetworkOptions

SIDE = 24
NOISE = 10


class MadeCache(ImageCache):
    """A cache whose pictures are in memory."""

    @classmethod
    def of(cls, folder, **regions: Pictures) -> MadeCache:
        made = cls(folder, ImageSettings(), pd.DataFrame(), pd.DataFrame())
        object.__setattr__(made, "regions", regions)
        return made

    def pictures(self, name, *, side=None, people=None) -> Pictures:
        return self.regions[name]


def drawn(person: np.ndarray, sex: np.ndarray, copies: np.ndarray, *, effect: float, seed: int):
    """A picture per entry of ``person``; ``effect`` is a copy's, in SD of the place's mean."""
    rng = np.random.default_rng(seed)
    image = rng.normal(100, NOISE, (len(person), SIDE, SIDE))
    # people differ in the brightness of the place: its mean has an SD of 8
    own = rng.normal(size=len(copies))
    place = 8 * (own + effect * np.nan_to_num(copies))
    at = pd.Index(np.unique(person)).get_indexer(person)
    image[:, 4:10, 4:10] += place[at][:, None, None]
    image[:, 14:20, 14:20] += 40 * sex[at][:, None, None]
    table = pd.DataFrame({"person": person, "visit": "2", "side": ""})
    table["content_sha256"] = [f"{seed}.{i}" for i in range(len(person))]
    table["settings_hash"] = "s"
    return Pictures(table, (image.clip(0, 255).astype(np.uint8),), np.arange(len(person))[:, None])


class QuickBackend:
    """Ridge regression of the class's indicators on means over a 6 × 6 grid, in a millisecond.

    It takes weights of files as networks do, to no effect, and remembers what it was asked for.
    """

    suffix = ".npz"

    def __init__(self, die_in=None):
        self.fits, self.die_in, self.started_from = 0, die_in, []

    def build(self, network, *, seed):
        weights = network["weights"]
        if weights != "random":
            assert Path(weights).is_file()
            self.started_from.append(weights)
        return QuickModel(network, self)

    def load(self, path):
        raise NotImplementedError


class QuickModel:
    def __init__(self, network, backend):
        self.network, self.backend = dict(network), backend

    def restart(self):
        self.beta = None

    def fit(self, inputs, targets, *, rows, validation_rows, plan, on_epoch=None, **more):
        if self.backend.fits == self.backend.die_in:
            raise KeyboardInterrupt
        self.backend.fits += 1
        self.rows = {"rows": rows, "validation_rows": validation_rows}
        (head,) = self.network["heads"]
        y = np.asarray(targets[head["name"]], dtype=float)
        used = rows[~np.isnan(y[rows])]
        classes = max(2, head["size"])
        X = self._features(inputs, used)
        self.centre = X.mean(axis=0)
        Z = np.column_stack([np.ones(len(X)), X - self.centre])
        ridge = np.diag([0.0] + [30.0 * len(X)] * X.shape[1])
        indicators = np.eye(classes)[y[used].astype(int)]
        self.beta = np.linalg.solve(Z.T @ Z + ridge, Z.T @ indicators)
        return [{"epoch": 1, "loss": 1.0, "validation_loss": 1.0, "seconds": 0.0}]

    def predict(self, inputs, *, rows):
        X = self._features(inputs, rows)
        p = np.column_stack([np.ones(len(X)), X - self.centre]) @ self.beta
        (head,) = self.network["heads"]
        p = p[:, 1:] if head["kind"] == "binary" else p
        return {head["name"]: np.clip(p, 0.001, 0.999).astype(np.float32)}

    def save(self, path):
        with open(path, "wb") as handle:
            np.savez(handle, beta=self.beta)

    def describe(self):
        return {"backend": "quick", "engine": "numpy", "device": "cpu", "n_parameters": 1}

    def _features(self, inputs, rows):
        image = np.asarray(inputs["image"][rows], dtype=float)[..., 0]
        n, side, _ = image.shape
        step = side // 6
        return image.reshape(n, 6, step, 6, step).mean(axis=(2, 4)).reshape(n, 36)


class Made:
    """A study in memory: ``n`` people, one planted SNP, ``nulls`` others, PCs, sex, age."""

    PLANTED = "1_100_A_G"

    def __init__(self, tmp_path, *, n=240, nulls=2, effect=1.0, seed=1, twice=0, maf=0.4):
        rng = np.random.default_rng(seed)
        self.names = np.array([f"p{i:04d}" for i in range(n)], dtype=object)
        self.sex = (np.arange(n) % 2).astype(float)
        genotypes = {self.PLANTED: rng.binomial(2, maf, n).astype(float)}
        for j in range(nulls):
            genotypes[f"2_{j + 1}_C_T"] = rng.binomial(2, rng.uniform(0.3, 0.5), n).astype(float)
        self.genotypes = pd.DataFrame(genotypes, index=self.names)
        person = np.sort(np.concatenate([self.names, self.names[:twice]]))
        copies = genotypes[self.PLANTED]
        self.cache = MadeCache.of(
            tmp_path / "cache",
            ap_spine=drawn(person, self.sex, copies, effect=effect, seed=seed),
            hip=drawn(self.names, self.sex, copies, effect=0.0, seed=seed + 50),
        )
        self.table = pd.DataFrame(
            {
                "sex": self.sex + 1, "age": rng.normal(60, 5, n), "PC1": rng.normal(size=n),
                "PC2": rng.normal(size=n),
            },
            index=pd.Index(self.names, name="person"),
        )  # fmt: skip
        self.models = tmp_path / "models"

    def inputs(self, **options):
        given = {"keep": pd.Index(self.names), "strata_bins": 2} | options
        return genotype_inputs(self.genotypes, pd.Index(self.names), {"t.tsv": self.table}, **given)

    def train(self, backend=None, *, regions=("ap_spine",), variants=None, inputs=None, **asked):
        options = {
            "folds": 2,
            "permutations": 9,
            "stop_at": 2,
            "min_per_class": 10,
            "pretrain": False,
        }
        how = {name: asked.pop(name) for name in ("force", "progress", "models") if name in asked}
        parts = vars(asked.pop("plan", TrainingPlan(seed=3)))
        parts |= vars(asked.pop("choice", ImageNetworkOptions("small")))
        return train_genotypes(
            backend or QuickBackend(), self.cache,
            genotype_jobs(None, regions, variants or list(self.genotypes)),
            inputs or self.inputs(), GenotypeTraining(**(options | parts | asked)),
            **({"models": self.models} | how),
        )  # fmt: skip
