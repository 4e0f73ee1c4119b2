"""The engine under Keras: which one, on what device, and its gradients."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt


def choose() -> None:
    """Take jax unless ``KERAS_BACKEND`` names another engine.

    Keras's own configuration file is passed over: Keras writes it, with TensorFlow, when it is
    first imported.
    """
    os.environ.setdefault("KERAS_BACKEND", "jax")


def name() -> str:
    """``jax``, ``torch`` or ``tensorflow``."""
    import keras

    engine: str = keras.backend.backend()
    return engine


def device() -> str:
    """What the engine computes on: ``cpu``, or the name of an accelerator."""
    if name() == "jax":
        import jax

        first = jax.devices()[0]
        return "cpu" if first.platform == "cpu" else str(first.device_kind)
    if name() == "torch":
        import torch

        return torch.cuda.get_device_name(0) if torch.cuda.is_available() else "cpu"
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    return tf.config.experimental.get_device_details(found[0])["device_name"] if found else "cpu"


def gradient(
    model: Any, select: Callable[[Any], Any]
) -> Callable[[list[Any]], npt.NDArray[np.float32]]:
    """d select(model(inputs)) / d inputs[0], summed over the rows that ``select`` keeps.

    Parameters
    ----------
    model : a Keras model of a list of inputs.
    select : from its output to one number a row.
    """
    import keras

    if name() == "jax":
        import jax

        trainable = [v.value for v in model.trainable_variables]
        others = [v.value for v in model.non_trainable_variables]

        def total(first: Any, rest: list[Any]) -> Any:
            output, _ = model.stateless_call(trainable, others, [first, *rest], training=False)
            return select(output).sum()

        differentiate = jax.jit(jax.grad(total))
        return lambda inputs: np.asarray(differentiate(inputs[0], inputs[1:]), dtype=np.float32)
    if name() == "torch":
        import torch

        def by_torch(inputs: list[Any]) -> npt.NDArray[np.float32]:
            first = keras.ops.convert_to_tensor(inputs[0]).detach().requires_grad_(True)
            total = select(model([first, *inputs[1:]], training=False)).sum()
            found: npt.NDArray[np.float32] = (
                torch.autograd.grad(total, first)[0].cpu().numpy().astype(np.float32)
            )
            return found

        return by_torch
    import tensorflow as tf

    def by_tensorflow(inputs: list[Any]) -> npt.NDArray[np.float32]:
        first = tf.convert_to_tensor(inputs[0])
        with tf.GradientTape() as tape:
            tape.watch(first)
            total = tf.reduce_sum(select(model([first, *inputs[1:]], training=False)))
        found: npt.NDArray[np.float32] = tape.gradient(total, first).numpy().astype(np.float32)
        return found

    return by_tensorflow
