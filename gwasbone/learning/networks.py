"""What to build and how to train it, said without naming a framework.

A backend gets these as plain mappings (:func:`as_mapping`), so that it needs nothing of gwasbone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from gwasbone.errors import UsageError
from gwasbone.options import Count, NonNegative, Options, PositiveNumber

HeadKind = Literal["binary", "categorical", "ordinal", "regression"]
Schedule = Literal["constant", "cosine", "plateau"]

HEAD_KINDS = ("binary", "categorical", "ordinal", "regression")


@dataclass(frozen=True)
class Head:
    """One output of a network.

    Parameters
    ----------
    name : key of its targets and predictions.
    kind : ``binary`` (targets 0, 1), ``categorical`` and ``ordinal`` (0 … size − 1), or
        ``regression`` (``size`` numbers).
    size : classes of ``categorical`` and ``ordinal``, numbers of ``regression``; 1 for ``binary``.
    """

    name: str
    kind: HeadKind
    size: int = 1

    def __post_init__(self) -> None:
        if self.kind not in HEAD_KINDS:
            raise UsageError(f"head {self.name}: expected a kind of {HEAD_KINDS}, got {self.kind}")
        least = 2 if self.kind in ("categorical", "ordinal") else 1
        if self.size < least or (self.kind == "binary" and self.size != 1):
            raise UsageError(
                f"head {self.name}: expected "
                f"{'size 1' if self.kind == 'binary' else f'size at least {least}'} "
                f"for a {self.kind} output, got {self.size}"
            )


@dataclass(frozen=True)
class ImageNetwork:
    """A convolutional network over one grey (or several-channel) picture.

    Parameters
    ----------
    heads : its outputs.
    architecture : ``small`` (a few plain convolutions), ``efficientnet_v2_s``,
        ``efficientnet_b0``, or any name the backend knows.
    height, width, channels : of the pictures, which come as uint8 in (n, height, width, channels).
    side_inputs : numbers about the person beside the picture (sex, ethnicity): name -> how many.
    side_nodes : width of the layer that takes the side inputs.
    weights : ``random``, or the path of a weights file of the architecture (ImageNet's, or a
        model this backend saved, whose layers below the heads are taken).
    mixed_precision : compute in 16 bits where the device gains by it.
    dropout : before the heads.
    augment : in training, largest ``shift`` and ``zoom`` (shares of the side) and ``rotate``
        (degrees) of a picture; empty for none.
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
    augment: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TableNetwork:
    """A transformer encoder over the questionnaire of a person (Eriksson & Nakamori 2025, §2.4).

    Each numeric input goes through its own dense projection, each categorical one through its own
    embedding, a missing value is a learned token; average pooling, a dense layer with leaky ReLU,
    linear outputs.

    Parameters
    ----------
    heads : its outputs.
    numeric : names of the inputs that are numbers, (n,) each, standardised, NaN = missing.
    categorical : name -> number of levels; inputs (n,) hold 0 … levels − 1, −1 = missing.
    hidden, layers, attention_heads : of the encoder.
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
    """How a network is trained.

    Parameters
    ----------
    epochs : maximum number of epochs.
    batch_size : images (or people) per step.
    learning_rate : learning rate of the Adam optimiser, at its highest.
    schedule : of the learning rate: constant, cosine (down to a hundredth over all epochs) or
        plateau (a fifth after half the patience without a lower validation loss).
    patience : epochs without a lower validation loss before training stops; the weights of the
        best epoch are taken.
    weight_decay : weight decay of AdamW; 0 is Adam.
    seed : random seed of folds, networks, the order of batches and augmentation.
    """

    epochs: Count = 50
    batch_size: Count = 12
    learning_rate: PositiveNumber = 5e-4
    schedule: Schedule = "constant"
    patience: Count = 8
    weight_decay: NonNegative = 0.0
    seed: int = 1


def as_mapping(spec: ImageNetwork | TableNetwork | TrainingPlan) -> dict[str, Any]:
    """Plain values that JSON can hold; networks carry ``input``: ``image`` or ``table``."""
    shallow = {name: getattr(spec, name) for name in spec.__dataclass_fields__}
    plain: dict[str, Any] = {
        name: dict(value) if isinstance(value, Mapping) else value
        for name, value in shallow.items()
    }
    if isinstance(spec, TrainingPlan):
        return plain
    plain["heads"] = [asdict(head) for head in spec.heads]
    plain["input"] = "image" if isinstance(spec, ImageNetwork) else "table"
    return plain
