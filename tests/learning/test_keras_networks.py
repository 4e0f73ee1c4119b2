"""What only the Keras backend has: networks of ``keras.applications``, weights of files, bfloat16.

MobileNet stands for all of them here: it is built in seconds where EfficientNet takes a minute.
"""

from __future__ import annotations

import numpy as np
import pytest

from gwasbone.learning.backend import load_backend
from gwasbone.learning.networks import Head, ImageNetwork, TrainingPlan, as_mapping

SIDE = 32


def network(**changes) -> dict:
    given = {"architecture": "mobile_net", "height": SIDE, "width": SIDE, "dropout": 0.0}
    return as_mapping(ImageNetwork(heads=(Head("case", "binary"),), **(given | changes)))


@pytest.fixture(scope="module")
def backend():
    return load_backend("keras")


@pytest.fixture(scope="module")
def weights_file(backend, tmp_path_factory):
    """Weights for three colours, as the ImageNet files of ``keras.applications`` have them."""
    import keras

    model = keras.applications.MobileNet(
        include_top=False, weights=None, input_shape=(SIDE, SIDE, 3)
    )
    path = tmp_path_factory.mktemp("weights") / "colour.weights.h5"
    model.save_weights(path)
    return path, model


@pytest.mark.slow
def test_weights_of_colours_say_of_grey_what_they_say_of_equal_colours(backend, weights_file):
    path, colour = weights_file
    made = backend.build(network(weights=str(path)), seed=1)
    rng = np.random.default_rng(2)
    grey = rng.integers(0, 256, (4, SIDE, SIDE, 1), dtype=np.uint8)
    ours = made.embed({"image": grey}, rows=np.arange(4))
    scaled = np.repeat(grey, 3, axis=-1).astype(np.float32) / 127.5 - 1
    theirs = np.asarray(colour(scaled, training=False)).mean(axis=(1, 2))
    # an untrained network of this depth gives numbers near 1e-21
    scale = np.abs(theirs).max()
    np.testing.assert_allclose(ours / scale, theirs / scale, atol=1e-4)
    fresh = backend.build(network(), seed=1).embed({"image": grey}, rows=np.arange(4))
    assert np.abs(fresh / scale - theirs / scale).max() > 0.1


@pytest.mark.parametrize("architecture", ["small", "mobile_net"])
def test_moving_averages_are_those_of_tens_of_steps(backend, architecture, tmp_path):
    import keras

    made = backend.build(network(architecture=architecture), seed=1)
    made.save(tmp_path / "kept.keras")
    for model in (made, backend.load(tmp_path / "kept.keras")):
        layers = model._model._flatten_layers()
        norms = [one for one in layers if isinstance(one, keras.layers.BatchNormalization)]
        assert norms
        assert {one.momentum for one in norms} == {0.9}


def test_a_model_saved_here_gives_its_convolutions_to_another(backend, tmp_path):
    first = backend.build(network(architecture="small"), seed=1)
    first.save(tmp_path / "sex.keras")
    second = backend.build(
        network(architecture="small", weights=str(tmp_path / "sex.keras")), seed=9
    )
    image = {"image": np.random.default_rng(1).integers(0, 256, (3, SIDE, SIDE, 1), np.uint8)}
    rows = np.arange(3)
    np.testing.assert_allclose(
        second.embed(image, rows=rows), first.embed(image, rows=rows), atol=1e-6
    )
    assert (
        second.predict(image, rows=rows)["case"] != first.predict(image, rows=rows)["case"]
    ).any()


def test_weights_of_another_network_are_refused(backend, weights_file, tmp_path):
    first = backend.build(network(architecture="small"), seed=1)
    first.save(tmp_path / "small.keras")
    with pytest.raises(ValueError, match="weights: expected those of mobile_net"):
        backend.build(network(weights=str(tmp_path / "small.keras")), seed=1)
    with pytest.raises(ValueError, match="weights: expected a file, there is none at nowhere"):
        backend.build(network(weights="nowhere"), seed=1)
    with pytest.raises(ValueError, match="architecture alexnet: expected small or a network of"):
        backend.build(network(architecture="alexnet"), seed=1)


def test_half_precision_learns_and_keeps_its_weights_in_single(backend):
    rng = np.random.default_rng(3)
    case = (np.arange(200) % 2).astype(float)
    image = rng.integers(90, 120, (200, SIDE, SIDE, 1), dtype=np.uint8)
    image[case == 1, 8:20, 8:20] += 60
    model = backend.build(network(architecture="small", mixed_precision=True), seed=1)
    plan = as_mapping(TrainingPlan(epochs=8, batch_size=16, learning_rate=3e-3))
    model.fit(
        {"image": image}, {"case": case}, rows=np.arange(140), validation_rows=np.arange(140, 160),
        plan=plan,
    )  # fmt: skip
    found = model.predict({"image": image}, rows=np.arange(160, 200))["case"][:, 0]
    assert ((found > 0.5) == case[160:]).mean() > 0.9
    policies = {layer.compute_dtype for layer in model._model.layers}
    assert "bfloat16" in policies
    assert {str(w.dtype) for w in model._model.get_weights()} == {"float32"}
