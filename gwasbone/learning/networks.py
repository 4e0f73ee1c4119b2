"""What to build and how to train it, said without naming a framework.

A backend gets these as plain mappings (:func:`as_mapping`), so that it needs nothing of gwasbone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any, Literal

from gwasbone.errors import UsageError
from gwasbone.options import Count, NonNegative, Options, PositiveNumber, Range

HeadKind = Literal["binary", "categorical", "ordinal", "regression", "mask"]
Loss = Literal["cross_entropy", "squared", "absolute", "dice"]
Schedule = Literal["constant", "cosine", "plateau"]
PlateauOn = Literal["validation", "training"]

#: Losses of each kind of output, the default first.
LOSSES: dict[HeadKind, tuple[Loss, ...]] = {
    "binary": ("cross_entropy",),
    "categorical": ("cross_entropy",),
    "ordinal": ("cross_entropy",),
    "regression": ("squared", "absolute"),
    "mask": ("cross_entropy", "dice"),
}


@dataclass(frozen=True)
class Head:
    """An output of a network, with its loss.

    Parameters
    ----------
    name : key of the targets and predictions of this output.
    kind : ``binary`` (``size`` columns of 0 and 1), ``categorical`` and ``ordinal`` (one column of
        0 … size − 1), ``regression`` (``size`` columns of numbers), or ``mask`` (``size`` masks of
        0 and 1, as large as the image).
    size : number of classes of ``categorical`` and ``ordinal``; number of columns or masks of the
        others.
    loss : one of :data:`LOSSES` of the kind; its first by default. ``dice`` is one minus the soft
        Dice coefficient of a row.
    """

    name: str
    kind: HeadKind
    size: int = 1
    loss: Loss | None = None

    def __post_init__(self) -> None:
        if self.kind not in LOSSES:
            raise UsageError(
                f"head {self.name}: expected a kind of {', '.join(LOSSES)}, got {self.kind}"
            )
        minimum = 2 if self.kind in ("categorical", "ordinal") else 1
        if self.size < minimum:
            raise UsageError(
                f"head {self.name}: expected size at least {minimum} for a {self.kind} output, "
                f"got {self.size}"
            )
        if self.loss is None:
            object.__setattr__(self, "loss", LOSSES[self.kind][0])
        if self.loss not in LOSSES[self.kind]:
            raise UsageError(
                f"head {self.name}: expected a loss of {', '.join(LOSSES[self.kind])} for a "
                f"{self.kind} output, got {self.loss}"
            )

    @property
    def n_columns(self) -> int:
        """Columns of its targets (masks of a dense output)."""
        return 1 if self.kind in ("categorical", "ordinal") else self.size


@dataclass(frozen=True)
class ImageNetwork:
    """Specification of a convolutional network over images.

    Parameters
    ----------
    heads : outputs of the network.
    architecture : ``small`` (a few plain convolutions), ``efficientnet_v2_s``,
        ``efficientnet_b0``, or any name the backend knows.
    height, width, channels : of the images, which come in (n, height, width, channels).
    side_inputs : inputs beside the image, such as sex: name -> number of values.
    side_nodes : number of units of the layer that takes the side inputs.
    weights : ``random``, or the path of a weights file of the architecture (ImageNet's, or a
        model this backend saved, whose layers below the heads are taken).
    mixed_precision : compute in 16-bit precision where the device supports it.
    dropout : dropout rate before the heads.
    dense_layers, dense_nodes : layers of ``dense_nodes`` rectified units between the pooled
        features and the heads; a ``mask`` head has none.
    l2 : L2 penalty: this times the sum of squared weights of the dense layers and heads is added
        to the loss.
    augment : maximum random changes of an image in training, see
        :data:`gwasbone.learning.options.AUGMENTATIONS`; empty for none.
    pixels : ``uint8`` or ``float32`` as images are given.
    pixel_range : pixel values of black and white.
    """

    heads: tuple[Head, ...]
    architecture: str = "small"
    height: int = 224
    width: int = 224
    channels: int = 1
    side_inputs: Mapping[str, int] = field(default_factory=dict)
    side_nodes: int = 16
    weights: str = "random"
    mixed_precision: bool = False
    dropout: float = 0.2
    dense_layers: int = 0
    dense_nodes: int = 128
    l2: float = 0.0
    augment: Mapping[str, float] = field(default_factory=dict)
    pixels: str = "uint8"
    pixel_range: tuple[float, float] = (0.0, 255.0)


@dataclass(frozen=True)
class TableNetwork:
    """Specification of a transformer encoder over questionnaires (Eriksson & Nakamori 2025, §2.4).

    Each numeric input goes through its own dense projection, each categorical one through its own
    embedding, a missing value is a learned token; average pooling, a dense layer with leaky ReLU,
    linear outputs.

    Parameters
    ----------
    heads : outputs of the network.
    numeric : names of the numeric inputs, (n,) each, standardised, NaN = missing.
    categorical : name -> number of levels; inputs (n,) hold 0 … levels − 1, −1 = missing.
    hidden, layers, attention_heads : number of hidden units, layers and attention heads of the
        encoder.
    """

    heads: tuple[Head, ...]
    numeric: tuple[str, ...] = ()
    categorical: Mapping[str, int] = field(default_factory=dict)
    hidden: int = 128
    layers: int = 4
    attention_heads: int = 8
    dropout: float = 0.1
    architecture: str = "transformer"
    mixed_precision: bool = False


@dataclass(frozen=True)
class TrainingPlan(Options):
    """Training schedule of a network.

    Parameters
    ----------
    epochs : maximum number of epochs.
    batch_size : number of images (or participants) per training step.
    learning_rate : peak learning rate of the Adam optimiser.
    schedule : schedule of the learning rate: constant, cosine (decay to 1 % over all epochs) or
        plateau (reduction to a fifth after half the patience without a lower loss).
    plateau_on : loss that the plateau schedule monitors: validation or training.
    patience : number of epochs without a lower validation loss after which training stops; the
        weights of the best epoch are kept.
    weight_decay : weight decay of the AdamW optimiser; 0 is plain Adam.
    clip_global_norm : maximum global L2 norm of the gradient, to which larger gradients are scaled
        down; 0 turns clipping off.
    rows_per_epoch : number of training images (or participants) drawn at random for each epoch,
        without replacement; 0 uses all of them in every epoch.
    seed : random seed of the folds, initial weights, order of batches and augmentation.
    """

    epochs: Count = 50
    batch_size: Count = 12
    learning_rate: PositiveNumber = 5e-4
    schedule: Schedule = "constant"
    patience: Count = 8
    weight_decay: NonNegative = 0.0
    plateau_on: PlateauOn = "validation"
    clip_global_norm: NonNegative = 0.0
    rows_per_epoch: Annotated[int, Range(0)] = 0
    seed: int = 1


def as_mapping(spec: ImageNetwork | TableNetwork | TrainingPlan) -> dict[str, Any]:
    """Plain values that JSON can hold; networks carry ``input``: ``image`` or ``table``."""
    shallow = {name: getattr(spec, name) for name in spec.__dataclass_fields__}
    plain: dict[str, Any] = {
        name: dict(value)
        if isinstance(value, Mapping)
        else list(value)
        if isinstance(value, tuple)
        else value
        for name, value in shallow.items()
    }
    if isinstance(spec, TrainingPlan):
        return plain
    plain["heads"] = [asdict(head) for head in spec.heads]
    plain["input"] = "image" if isinstance(spec, ImageNetwork) else "table"
    return plain
