"""Maps of known networks, means by class by hand, and what noise is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from gwasbone.errors import InputError, UsageError
from gwasbone.learning.backend import load_backend
from gwasbone.learning.held_out_maps import held_out_maps
from gwasbone.learning.networks import Head, ImageNetwork, as_mapping
from gwasbone.learning.reference import POOLED, ReferenceBackend, ReferenceModel
from gwasbone.learning.saliency import (
    Question,
    body_of,
    chosen_people,
    dosage_question,
    group_maps,
    mass_share,
)

SIDE = 48


@pytest.fixture(scope="module")
def one_block():
    """Two 1 × 1 layers before average pooling, whose last channel is the right upper block."""
    load_backend("keras")
    import keras

    raw = keras.Input((SIDE, SIDE, 1))
    x = keras.layers.AveragePooling2D(2)(raw)
    # what is brighter than 200 shows
    x = keras.layers.Conv2D(1, 1, activation="relu", name="first")(x)
    x = keras.layers.AveragePooling2D(2)(x)
    x = keras.layers.Conv2D(1, 1, activation="relu", name="second")(x)
    base = keras.Model(raw, x)
    base.get_layer("first").set_weights([np.ones((1, 1, 1, 1)), np.array([-200.0])])
    base.get_layer("second").set_weights([np.ones((1, 1, 1, 1)), np.array([0.0])])
    image = keras.Input((SIDE, SIDE, 1), name="image")
    pooled = keras.layers.GlobalAveragePooling2D()(base(image))
    dense = keras.layers.Dense(3, name="g")
    model = keras.Model({"image": image}, {"g": dense(pooled)})
    return model, base, dense


def keras_maps(one_block, pictures, contrast, bias=(0.0, 0.0, 0.0), weights=(-1.0, 0.0, 1.0)):
    from dl_backend.saliency import SaliencyMaps

    model, base, dense = one_block
    dense.set_weights([np.array([weights]), np.array(bias)])
    head = {"name": "g", "kind": "categorical", "size": 3}
    made = SaliencyMaps(model, base, head, contrast=contrast)
    return made.maps({"image": pictures})


def block_pictures() -> np.ndarray:
    pictures = np.full((2, SIDE, SIDE, 1), 100, dtype=np.float32)
    pictures[0, 4:16, 28:44] = 240
    pictures[1, 30:40, 6:18] = 230
    return pictures


def test_a_network_that_sees_one_block_has_all_its_saliency_there(one_block):
    pictures = block_pictures()
    maps = keras_maps(one_block, pictures, (-1.0, 0.0, 1.0))
    assert maps.shape == (2, SIDE, SIDE)
    np.testing.assert_allclose(maps.mean(axis=(1, 2)), 1, rtol=1e-5)
    # smoothing reaches three standard deviations of 1/24 of the side beyond, four pixels a cell
    reach = 3 * SIDE // 24 + 4
    for map_, rows, columns in ((maps[0], (4, 16), (28, 44)), (maps[1], (30, 40), (6, 18))):
        near = np.zeros((SIDE, SIDE), bool)
        top, left = max(0, rows[0] - reach), max(0, columns[0] - reach)
        near[top : rows[1] + reach, left : columns[1] + reach] = True
        assert map_[near].sum() / map_.sum() > 0.999
        middle = map_[sum(rows) // 2, sum(columns) // 2]
        assert middle > 0.9 * map_.max()


def test_what_is_added_to_all_logits_does_not_count(one_block):
    pictures = block_pictures()
    plain = keras_maps(one_block, pictures, (-0.3, 0.1, 0.2))
    moved = keras_maps(one_block, pictures, (-0.3, 0.1, 0.2), bias=(7.0, 7.0, 7.0))
    # a common slope of all logits is nothing either
    steeper = keras_maps(one_block, pictures, (-0.3, 0.1, 0.2), weights=(4.0, 5.0, 6.0))
    np.testing.assert_array_equal(moved, plain)
    np.testing.assert_allclose(steeper, plain, rtol=1e-5, atol=1e-6)
    # what speaks against is no saliency
    assert not keras_maps(one_block, pictures, (0.3, -0.1, -0.2)).any()


def test_a_place_that_is_seen_and_not_used_is_no_saliency(one_block):
    """The dim block shows in the first layer and ends there; pooled weights would draw it, too."""
    from dl_backend.saliency import SaliencyMaps

    model, base, dense = one_block
    pictures = block_pictures()[:1]
    pictures[0, 30:40, 6:18] = 210
    dense.set_weights([np.array([[-1.0, 0.0, 1.0]]), np.zeros(3)])
    base.get_layer("second").set_weights([np.ones((1, 1, 1, 1)), np.array([-20.0])])
    dim, drawn = np.zeros((SIDE, SIDE), dtype=bool), {}
    dim[24:46, :24] = True
    head = {"name": "g", "kind": "categorical", "size": 3}
    for pooled in (False, True):
        made = SaliencyMaps(model, base, head, contrast=(-1.0, 0.0, 1.0), pooled=pooled)
        drawn[pooled] = made.maps({"image": pictures})[0]
    base.get_layer("second").set_weights([np.ones((1, 1, 1, 1)), np.array([0.0])])
    assert drawn[False][dim].sum() < 1e-6 * SIDE**2
    assert drawn[True][dim].sum() > 0.02 * drawn[True].sum()


def test_a_flipped_picture_has_the_flipped_map(one_block):
    pictures = block_pictures()
    maps = keras_maps(one_block, pictures, (-1.0, 0.0, 1.0))
    flipped = keras_maps(one_block, pictures[:, :, ::-1], (-1.0, 0.0, 1.0))
    np.testing.assert_allclose(flipped[:, :, ::-1], maps, atol=1e-5)


def test_the_layers_that_are_looked_at():
    """The picture itself and layers of too few cells are not."""
    from dl_backend.images import _base
    from dl_backend.saliency import _cuts

    load_backend("keras")

    def sizes(side: int) -> list[int]:
        return [top.shape[1] for top, _ in _cuts(_base("small", (side, side, 1)))]

    assert sizes(96) == [12, 24, 48]
    assert sizes(16) == [8]


@pytest.mark.parametrize("name", ["keras", "reference"])
def test_weights_that_fit_no_head_are_refused(name):
    backend = load_backend(name)
    heads = (Head("g", "categorical", 3), Head("o", "ordinal", 3), Head("b", "binary"))
    network = as_mapping(ImageNetwork(heads, height=16, width=16))
    model = backend.build(network, seed=1)
    inputs = {"image": np.zeros((1, 16, 16, 1), np.uint8)}
    for head, weights in (("g", (1.0, -1.0)), ("o", (-1.0, 0.0, 1.0)), ("b", (1.0,))):
        with pytest.raises(ValueError, match=r"saliency: expected \d weights of a categorical or"):
            model.saliency(inputs, rows=np.array([0]), head=head, contrast=weights)
    assert model.saliency(inputs, rows=np.array([0]), head="o").shape == (1, 16, 16)


def test_the_question_about_copies():
    assert dosage_question(Head("g", "ordinal", 3), []) == Question("g")
    head = Head("g", "categorical", 3)
    shares = np.array([0.64, 0.32, 0.04])
    contrast = np.array(dosage_question(head, shares).contrast)
    assert contrast.sum() == pytest.approx(0, abs=1e-12)
    # the slope of the expected dosage in each logit, by differences
    eta, copies = np.log(shares), np.arange(3)
    for k in range(3):
        moved = [np.exp(eta + e * (copies == k)) for e in (-1e-5, 1e-5)]
        low, high = ((p / p.sum()) @ copies for p in moved)
        assert contrast[k] == pytest.approx((high - low) / 2e-5, rel=1e-6)
    with pytest.raises(UsageError, match="expected a share of participants for each of 3 classes"):
        dosage_question(head, [0.5, 0.5])
    with pytest.raises(UsageError, match=r"got .* of a binary one"):
        dosage_question(Head("g", "binary"), [1.0])


def test_people_are_drawn_of_each_class_and_fold():
    group = np.repeat([0, 1, -1], [100, 7, 20])
    fold = np.arange(127) % 3
    rows = chosen_people(group, fold, most=12, seed=4)
    assert list(np.bincount(group[rows])) == [12, 7]
    assert list(np.bincount(fold[rows][group[rows] == 0])) == [4, 4, 4]
    np.testing.assert_array_equal(rows, chosen_people(group, fold, most=12, seed=4))
    assert (rows != chosen_people(group, fold, most=12, seed=5)).any()


def test_means_and_slope_by_hand():
    # after scaling to a mean of one: 0.5 1.5 | 1 1 | 1.5 0.5 | 1 1; the last is empty
    maps = np.array([[[1, 3]], [[2, 2]], [[6, 2]], [[5, 5]], [[0, 0]]], dtype=float)
    found = group_maps(maps, [0, 0, 1, 1, 1], [0, 0, 0, 0, 0], ["a", "b"], n_shuffles=50)
    np.testing.assert_allclose(found.mean, [[[0.75, 1.25]], [[1.25, 0.75]]])
    np.testing.assert_allclose(found.se[0], [[0.25, 0.25]])
    np.testing.assert_allclose(found.slope, [[0.5, -0.5]])
    # pooled variance (0.125 + 0.125) / 2 over two and two people
    np.testing.assert_allclose(found.slope_se, np.sqrt(0.125 * (1 / 2 + 1 / 2)))
    assert (list(found.n), found.n_empty) == ([2, 2], 1)
    assert np.isnan(found.agreement)
    with pytest.raises(InputError, match=r"at least two classes, got 2 of a, 0 of b"):
        group_maps(maps[:2], [0, 0], [0, 0], ["a", "b"])


def test_the_slope_is_that_of_least_squares_within_folds():
    rng = np.random.default_rng(3)
    n, fold = 60, np.arange(60) % 3
    group = rng.integers(0, 3, n)
    maps = rng.gamma(3, 1, (n, 4, 5)) + 0.3 * group[:, None, None] * np.eye(4, 5)
    maps[fold == 1, 0] += 2  # a model of its own taste
    found = group_maps(maps, group, fold, "abc", n_shuffles=20)
    y = (maps / maps.mean(axis=(1, 2), keepdims=True))[:, 2, 2]
    X = np.column_stack([group, np.eye(3)[fold]])
    beta, left = np.linalg.lstsq(X, y, rcond=None)[:2]
    se = np.sqrt(left[0] / (n - 4) * np.linalg.inv(X.T @ X)[0, 0])
    assert found.slope[2, 2] == pytest.approx(beta[0])
    assert found.slope_se[2, 2] == pytest.approx(se)
    means = [(maps / maps.mean(axis=(1, 2), keepdims=True))[fold == j].mean(0) for j in range(3)]
    r = [np.corrcoef(means[i].ravel(), means[j].ravel())[0, 1] for i, j in ((0, 1), (0, 2), (1, 2))]
    assert found.agreement == pytest.approx(np.mean(r))


def test_noise_passes_the_critical_value_in_five_of_a_hundred():
    """Over the whole picture at once; a difference that is there passes it."""
    rng = np.random.default_rng(11)
    fold, group = np.arange(40) % 2, np.arange(40) // 2 % 2
    passed = []
    for i in range(150):
        maps = rng.gamma(2, 1, (40, 5, 5))
        found = group_maps(maps, group, fold, "ab", n_shuffles=80, seed=i)
        passed.append(np.abs(found.t).max() > found.critical)
    assert stats.binomtest(sum(passed), 150, 0.05).pvalue > 0.01
    maps[group == 1, 2, 2] += 5
    found = group_maps(maps, group, fold, "ab", n_shuffles=100)
    assert np.unravel_index(found.t.argmax(), (5, 5)) == (2, 2)
    assert found.t.max() > found.critical


def test_shares_of_mass_area_and_body():
    maps = np.zeros((3, 4, 4))
    maps[0, 0, 0], maps[0, 3, 3] = 3, 1
    maps[1, 0, 1] = 5
    region, body = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    region[0, :2], body[:2, :] = True, True
    found = mass_share(maps, region, body)
    # the third map is empty
    assert (found.mass, found.n) == (pytest.approx((0.75 + 1) / 2), 2)
    assert found.se == pytest.approx(np.std([0.75, 1], ddof=1) / np.sqrt(2))
    assert (found.of_area, found.of_body) == (2 / 16, 2 / 8)
    with pytest.raises(InputError, match="a map that is not empty"):
        mass_share(maps[2:], region, body)
    picture = np.array([[255.0, 243.0], [241.0, 100.0]])
    assert body_of(picture, background=255).tolist() == [[False, False], [True, True]]
    assert body_of(255 - picture, background=0).tolist() == [[False, False], [True, True]]


class Watching(ReferenceBackend):
    """Counts the models it loads, and dies at one of them if told."""

    def __init__(self, die_at: int | None = None) -> None:
        self.loads, self.die_at = 0, die_at

    def load(self, path):
        if self.loads == self.die_at:
            raise KeyboardInterrupt
        self.loads += 1
        return super().load(path)


@pytest.fixture
def looking(tmp_path):
    """Two models: the first looks at the left upper cell, the second at the right lower one."""
    network = as_mapping(ImageNetwork((Head("y", "binary"),), height=24, width=24))
    models = []
    for j, cell in enumerate((0, POOLED * POOLED - 1)):
        model = ReferenceModel(network)
        model.coefficients["y"][1 + cell] = 1.0
        (tmp_path / f"fold{j}").mkdir()
        model.save(tmp_path / f"fold{j}" / "model.npz")
        models.append(tmp_path / f"fold{j}" / "model.npz")
    image = np.random.default_rng(1).integers(50, 200, (6, 24, 24, 1), dtype=np.uint8)
    return models, {"image": image}, np.array([0, 1, 0, 1, 1, 0])


def test_everybodys_map_is_of_the_model_that_never_saw_them(looking):
    models, inputs, fold = looking
    maps = held_out_maps(ReferenceBackend(), models, inputs, fold, Question("y"), data_hash="d")
    assert maps.shape == (6, 24, 24)
    for j, part in ((0, np.s_[:2, :2]), (1, np.s_[22:, 22:])):
        for map_ in maps[fold == j]:
            assert map_[part].sum() / map_.sum() == pytest.approx(1)


def test_maps_are_kept_by_fold_and_a_killed_run_goes_on(looking):
    models, inputs, fold = looking
    asked = {"data_hash": "d"}
    dying = Watching(die_at=1)
    with pytest.raises(KeyboardInterrupt):
        held_out_maps(dying, models, inputs, fold, Question("y"), **asked)
    rest = Watching()
    maps = held_out_maps(rest, models, inputs, fold, Question("y"), **asked)
    assert rest.loads == 1
    again = Watching()
    kept = held_out_maps(again, models, inputs, fold, Question("y"), **asked)
    assert again.loads == 0
    np.testing.assert_array_equal(kept, maps)
    # other pictures, another question, a damaged file
    held_out_maps(again, models, inputs, fold, Question("y"), data_hash="e")
    assert again.loads == 2
    held_out_maps(again, models, inputs, fold, Question("y", index=0), data_hash="e")
    assert again.loads == 4
    (models[0].parent / "saliency.npz").write_bytes(b"PK damaged")
    held_out_maps(again, models, inputs, fold, Question("y", index=0), data_hash="e")
    assert again.loads == 5
    with pytest.raises(InputError, match="an image network with a head z"):
        held_out_maps(again, models, inputs, fold, Question("z"), **asked)
