"""Class activation maps, averaged over several convolutional layers.

For a layer's activations A (h, w, c) and a number s of the network, each place gets what it adds
to s to first order, C = Σ_c ∂s/∂A_c · A_c, place by place (HiResCAM, Draelos & Carin 2020). C is
brought to the picture's size and smoothed, so that what speaks for and against within a small
neighbourhood cancels; what is left below zero speaks against and is cut, as in Grad-CAM; maps are
scaled to a mean of one and averaged over layers (Eriksson & Nakamori 2025, §2.7).

Grad-CAM (Selvaraju 2017) weighs with the mean of ∂s/∂A_c over all places instead (``pooled``). In
a last layer before average pooling the two are the same. Below it, where a small structure is
still resolved, that mean holds nothing of where the network looks: ``benchmarks/
saliency_on_phantoms.py`` measures both.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from dl_backend import engine
from dl_backend.heads import score_of
from dl_backend.images import IMAGE

FloatArray = npt.NDArray[np.float32]

_LAYERS = 3
#: Layers with fewer cells along a side are too coarse to say where something lies. This and the
#: smoothing were chosen on phantoms of other seeds than those whose results are reported.
_MIN_CELLS = 12
#: Standard deviation of the smoothing, as a share of the longer side.
_SMOOTHING = 1 / 24
_SMALLEST_MEAN = 1e-12


class SaliencyMaps:
    """Maps of one head's number over batches of images.

    Parameters
    ----------
    model : the whole network; base : its convolutional part, a layer of it.
    index, contrast : see :func:`dl_backend.heads.score_of`.
    pooled : Grad-CAM's weights, one a channel.
    """

    def __init__(
        self,
        model: keras.Model,
        base: keras.Model,
        head: Mapping[str, Any],
        index: int = 0,
        *,
        contrast: Sequence[float] | None = None,
        pooled: bool = False,
    ) -> None:
        self._size = tuple(model.input[IMAGE].shape[1:3])
        self._sides = [name for name in model.input if name != IMAGE]
        self._pooled = pooled
        front, behind = _around(model, base)
        self._parts = []
        score = score_of(head, index, contrast)
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
            slopes = differentiate([activations, *sides])
            if self._pooled:
                slopes = slopes.mean(axis=(1, 2), keepdims=True)
            total += self._one_layer(slopes * keras.ops.convert_to_numpy(activations))
        return (total / len(self._parts)).astype(np.float32)

    def _one_layer(self, parts: FloatArray) -> FloatArray:
        """(n, h, w, c) what each channel adds, to maps (n, height, width) with a mean of one."""
        adds = parts.sum(axis=-1, keepdims=True)
        large = keras.ops.image.resize(adds, self._size, interpolation="bilinear")
        large = keras.ops.convert_to_numpy(large)[..., 0]
        sigma = _SMOOTHING * max(self._size)
        pro = np.maximum(gaussian_filter(large, (0, sigma, sigma), mode="constant"), 0)
        mean = pro.mean(axis=(1, 2), keepdims=True)
        return np.where(mean > _SMALLEST_MEAN, pro / np.maximum(mean, _SMALLEST_MEAN), 0)


def _around(model: keras.Model, base: keras.Model) -> tuple[keras.Model, keras.Model]:
    """What comes before the base, and from its output (and the side inputs) to all heads."""
    node = base._inbound_nodes[-1]  # where the base was called within the model
    before, after = node.input_tensors[0], node.output_tensors[0]
    sides = [tensor for name, tensor in model.input.items() if name != IMAGE]
    front = keras.Model(model.input[IMAGE], before)
    return front, keras.Model([after, *sides], model.output)


def _cuts(base: keras.Model) -> list[tuple[Any, keras.Model]]:
    """The last activations of each size through which all paths go, from the top, up to three.

    Layers of too few cells are passed over, unless there are no others.
    """
    fine: list[tuple[Any, keras.Model]] = []
    finest: list[tuple[Any, keras.Model]] = []
    for cut in _all_cuts(base):
        finest = [cut]
        if min(cut[0].shape[1:3]) >= _MIN_CELLS:
            fine.append(cut)
        if len(fine) == _LAYERS:
            break
    return fine or finest


def _all_cuts(base: keras.Model) -> Iterator[tuple[Any, keras.Model]]:
    """The last activations of each size through which all paths go, and what comes after."""
    seen: set[tuple[int, ...]] = set()
    for layer in reversed(base.layers):
        output = layer.output
        if not hasattr(output, "shape") or len(output.shape) != 4:
            continue
        size = tuple(output.shape[1:3])
        # what still has the picture's own size comes before any convolution
        if size in seen or size == tuple(base.input.shape[1:3]):
            continue
        try:
            rest = keras.Model(output, base.output)
        except ValueError:
            continue  # another path goes round this layer
        seen.add(size)
        yield output, rest
