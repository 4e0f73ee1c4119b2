"""Convolutional bases: networks of ``keras.applications``, for images of any channels."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

IMAGE = "image"
_SMALL_FILTERS = (16, 32, 64, 128)
#: Families whose networks expect 0 to 255 although they take no ``include_preprocessing``.
_OWN_SCALING = ("efficientnet",)
#: Of moving averages. With Keras's 0.99 they lag behind the weights for hundreds of steps: a
#: network of some hundred pictures then predicts with averages that are not its own.
_MOMENTUM = 0.9


def image_base(network: Mapping[str, Any]) -> tuple[dict[str, Any], Any, Any]:
    """Inputs, pooled features and (where there are masks, else None) pixels' features.

    ``network`` is an ``ImageNetwork`` as a mapping.

    Raises
    ------
    ValueError
        Masks of a network with side inputs or with random changes of its images, which would not
        change the masks.
    """
    shape = (network["height"], network["width"], network["channels"])
    is_dense = any(head["kind"] == "mask" for head in network["heads"])
    if is_dense and (network["side_inputs"] or network["augment"]):
        raise ValueError(
            "masks: expected a network without side inputs and augment, leave them out"
        )
    image = keras.Input(shape, name=IMAGE, dtype=network.get("pixels", "uint8"))
    x = _as_grey_levels(network)(image)
    for layer in _augmentation(network["augment"]):
        x = layer(x)
    base = _base(network["architecture"], shape)
    if network["weights"] != "random":
        _take_weights(base, network["architecture"], Path(network["weights"]))
    pixels = None
    if is_dense:
        levels = keras.Model(base.input, _levels(base), name="levels")(x)
        levels = levels if isinstance(levels, list) else [levels]
        pixels, top = _pixel_features(x, levels), levels[0]
    else:
        top = base(x)
    features = keras.layers.GlobalAveragePooling2D(name="pooled")(top)
    inputs = {IMAGE: image}
    if network["side_inputs"]:
        sides = {
            name: keras.Input((size,), name=name, dtype="float32")
            for name, size in network["side_inputs"].items()
        }
        inputs |= sides
        joined = list(sides.values())
        side = joined[0] if len(joined) == 1 else keras.layers.Concatenate()(joined)
        side = keras.layers.Dense(network["side_nodes"], activation="relu", name="side")(side)
        features = keras.layers.Concatenate()([features, side])
    return inputs, keras.layers.Activation("linear", name="features")(features), pixels


def _as_grey_levels(network: Mapping[str, Any]) -> keras.layers.Layer:
    """Pixels to 0 to 255, which networks expect."""
    low, high = network.get("pixel_range", (0.0, 255.0))
    scale = 255.0 / (high - low)
    return keras.layers.Rescaling(scale, offset=-low * scale, name="as_float")


def _levels(base: keras.Model) -> list[Any]:
    """The last activations of each size below the image's own, the coarsest first."""
    found: dict[tuple[int, ...], Any] = {}
    for layer in reversed(base.layers):
        output = layer.output
        if hasattr(output, "shape") and len(output.shape) == 4:
            found.setdefault(tuple(output.shape[1:3]), output)
    found.pop(tuple(base.input.shape[1:3]), None)
    return [base.output, *list(found.values())[1:]]


def _pixel_features(image: Any, levels: list[Any]) -> Any:
    """Coarse features brought to finer sizes and joined with the features there (U-Net)."""
    x = levels[0]
    finer = [*levels[1:], keras.layers.Rescaling(1 / 127.5, offset=-1)(image)]
    for i, skip in enumerate(finer):
        height, width = skip.shape[1:3]
        x = keras.layers.Resizing(height, width, interpolation="bilinear")(x)
        x = keras.layers.Concatenate()([x, skip])
        filters = max(16, 128 // 2 ** (i + 1))
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"up{i}")(x)
    return x


def _augmentation(most: Mapping[str, float]) -> list[keras.layers.Layer]:
    """Random changes of an image in training; what comes in from outside is its edge."""
    known = {"shift", "shift_x", "shift_y", "zoom", "zoom_x", "zoom_y", "rotate"}
    unknown = set(most) - known
    if unknown:
        raise ValueError(f"augment: expected {', '.join(sorted(known))}, got {sorted(unknown)}")
    made: list[keras.layers.Layer] = []
    both = most.get("shift", 0.0)
    down, across = most.get("shift_y", both), most.get("shift_x", both)
    if down or across:
        made.append(keras.layers.RandomTranslation(down, across, fill_mode="nearest"))
    if most.get("rotate"):
        made.append(keras.layers.RandomRotation(most["rotate"] / 360, fill_mode="nearest"))
    if most.get("zoom"):
        # one factor for both axes keeps the proportions
        made.append(keras.layers.RandomZoom(most["zoom"], fill_mode="nearest"))
    down, across = most.get("zoom_y", 0.0), most.get("zoom_x", 0.0)
    if down or across:
        made.append(keras.layers.RandomZoom(down, across, fill_mode="nearest"))
    return made


def _base(architecture: str, shape: tuple[int, ...]) -> keras.Model:
    if architecture == "small":
        return _small(shape)
    build = _application(architecture)
    options: dict[str, Any] = {"include_top": False, "weights": None, "input_shape": shape}
    takes_scaling = "include_preprocessing" in inspect.signature(build).parameters
    inner = build(**options)
    for layer in inner.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, _MOMENTUM)
    if takes_scaling or architecture.replace("_", "").startswith(_OWN_SCALING):
        return inner
    raw = keras.Input(shape)
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1)(raw)
    return keras.Model(raw, inner(scaled), name=inner.name)


def _application(architecture: str) -> Callable[..., keras.Model]:
    """The function of ``keras.applications`` of a name such as ``efficientnet_v2_s``."""
    known = {
        name.lower(): member
        for name, member in vars(keras.applications).items()
        if inspect.isfunction(member)
    }
    wanted = architecture.replace("_", "").replace("-", "").lower()
    if wanted not in known:
        raise ValueError(
            f"architecture {architecture}: expected small or a network of keras.applications "
            f"({', '.join(sorted(known))})"
        )
    return known[wanted]


def _small(shape: tuple[int, ...]) -> keras.Model:
    """Four plain convolutions with stride 2: enough for phantoms, quick without an accelerator."""
    raw = keras.Input(shape)
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(raw)
    for i, filters in enumerate(_SMALL_FILTERS):
        x = keras.layers.Conv2D(
            filters, 3, strides=2, padding="same", use_bias=False, name=f"conv{i}"
        )(x)
        x = keras.layers.BatchNormalization(momentum=_MOMENTUM, name=f"norm{i}")(x)
        x = keras.layers.Activation("relu", name=f"relu{i}")(x)
    return keras.Model(raw, x, name="small")


def _take_weights(base: keras.Model, architecture: str, path: Path) -> None:
    """Weights of a file for the base: of a model saved here, or of ``keras.applications``.

    Files for three colours are summed over them for one grey channel, which gives what the
    network would say of a picture whose colours are equal.
    """
    if not path.is_file():
        raise ValueError(f"weights: expected a file, there is none at {path}")
    try:
        if path.suffix == ".keras":
            saved = keras.saving.load_model(path, compile=False)
            source = next((x for x in saved.layers if isinstance(x, keras.Model)), None)
            if source is None:
                raise ValueError("it holds no convolutional base")
        else:
            source = _base(architecture, (*base.input_shape[1:3], 3))
            (source.layers[-1] if _wraps(source) else source).load_weights(path)
    except Exception as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ValueError(
            f"weights: expected those of {architecture} in {path}, they do not fit: {reason}"
        ) from None
    ours, theirs = base.get_weights(), source.get_weights()
    if [w.shape[-1:] for w in ours] != [w.shape[-1:] for w in theirs]:
        raise ValueError(
            f"weights: expected those of {architecture} in {path}, "
            f"got {len(theirs)} arrays of other shapes"
        )
    base.set_weights([_as_grey(new, old) for new, old in zip(theirs, ours, strict=True)])


def _wraps(model: keras.Model) -> bool:
    return isinstance(model.layers[-1], keras.Model)


def _as_grey(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    """A kernel for three colours as one for one; others as they are."""
    if new.shape == old.shape:
        return new
    if new.ndim == 4 and new.shape[2] == 3 and old.shape[2] == 1 and new.shape[:2] == old.shape[:2]:
        return new.sum(axis=2, keepdims=True)
    if new.ndim == 1 and new.shape == (3,) and old.shape == (1,):
        # mean and variance of the colours of a normalisation layer
        return new.mean(keepdims=True)
    raise ValueError(f"weights: expected an array of shape {old.shape}, got {new.shape}")
