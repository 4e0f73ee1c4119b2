"""Gradient-weighted class activation maps, averaged over several convolutional layers.

For a layer's activations A (h, w, c) and an output s: weights w_c = mean over (h, w) of ∂s/∂A,
map = max(0, Σ_c w_c A_c), brought to the picture's size and to a mean of one per picture, then
averaged over layers (Selvaraju 2017 for one layer; Eriksson & Nakamori 2025, §2.7, for several).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from dl_backend import engine
from dl_backend.heads import score_of
from dl_backend.images import IMAGE

FloatArray = npt.NDArray[np.float32]

_LAYERS = 3
_SMALLEST_MEAN = 1e-12


class SaliencyMaps:
    """Maps of one head's number over batches of pictures.

    Parameters
    ----------
    model : the whole network; base : its convolutional part, a layer of it.
    """

    def __init__(
        self, model: keras.Model, base: keras.Model, head: Mapping[str, Any], index: int
    ) -> None:
        self._size = tuple(model.input[IMAGE].shape[1:3])
        self._sides = [name for name in model.input if name != IMAGE]
        front, behind = _around(model, base)
        self._parts = []
        score = score_of(head, index)
        for top, rest in _cuts(base):
            inputs = keras.Input(rest.input.shape[1:])
            sides = [keras.Input(model.input[name].shape[1:]) for name in self._sides]
            after = keras.Model([inputs, *sides], behind([rest(inputs), *sides])[head["name"]])
            upto = keras.Model(base.input, top)
            self._parts.append((upto, engine.gradient(after, score)))
        self._front = front

    def maps(self, batch: Mapping[str, FloatArray]) -> FloatArray:
        """(n, height, width) of a batch of inputs."""
        total = np.zeros((len(batch[IMAGE]), *self._size), dtype=np.float32)
        sides = [keras.ops.convert_to_tensor(batch[name]) for name in self._sides]
        pictures = self._front(batch[IMAGE], training=False)
        for upto, differentiate in self._parts:
            activations = keras.ops.cast(upto(pictures, training=False), "float32")
            slopes = differentiate([activations, *sides]).mean(axis=(1, 2), keepdims=True)
            activations = keras.ops.convert_to_numpy(activations)
            map_ = np.maximum((slopes * activations).sum(axis=-1), 0)
            large = keras.ops.image.resize(map_[..., None], self._size, interpolation="bilinear")
            large = np.maximum(keras.ops.convert_to_numpy(large)[..., 0], 0)
            mean = large.mean(axis=(1, 2), keepdims=True)
            total += np.where(mean > _SMALLEST_MEAN, large / np.maximum(mean, _SMALLEST_MEAN), 0)
        return (total / len(self._parts)).astype(np.float32)


def _around(model: keras.Model, base: keras.Model) -> tuple[keras.Model, keras.Model]:
    """What comes before the base, and from its output (and the side inputs) to all heads."""
    node = base._inbound_nodes[-1]  # where the base was called within the model
    before, after = node.input_tensors[0], node.output_tensors[0]
    sides = [tensor for name, tensor in model.input.items() if name != IMAGE]
    front = keras.Model(model.input[IMAGE], before)
    return front, keras.Model([after, *sides], model.output)


def _cuts(base: keras.Model) -> Iterator[tuple[Any, keras.Model]]:
    """The last activations of each size through which all paths go, from the top, up to three."""
    seen: set[tuple[int, ...]] = set()
    for layer in reversed(base.layers):
        output = layer.output
        if len(seen) == _LAYERS or not hasattr(output, "shape") or len(output.shape) != 4:
            continue
        size = tuple(output.shape[1:3])
        if size in seen or layer is base.layers[0]:
            continue
        try:
            rest = keras.Model(output, base.output)
        except ValueError:
            continue  # another path goes round this layer
        seen.add(size)
        yield output, rest
