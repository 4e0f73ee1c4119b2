"""Options of training: networks over images, of a trait or of genotypes, and the transformer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from gwasbone.learning.networks import Schedule, TrainingPlan
from gwasbone.options import (
    Count,
    DropoutRate,
    FoldCount,
    InputFile,
    InputPath,
    NonNegative,
    Options,
    PositiveNumber,
    Range,
)
from gwasbone.phenotypes.options import ResidualModel

GenotypeHead = Literal["categorical", "ordinal"]
TargetKind = Literal["binary", "categorical", "regression"]
RegressionLoss = Literal["squared", "absolute"]

#: Random changes of images in training: shares of the side, or degrees (``rotate``). ``shift`` and
#: ``zoom`` are of both axes; ``_x`` is along the width, ``_y`` along the height.
AUGMENTATIONS = ("shift", "shift_x", "shift_y", "zoom", "zoom_x", "zoom_y", "rotate")


@dataclass(frozen=True)
class ImageNetworkOptions(Options):
    """Which network is trained; its size follows from the pictures.

    Parameters
    ----------
    architecture : network architecture: small, efficientnet_v2_s, efficientnet_b0 or another of
        keras.applications; by default the paper's (efficientnet_v2_s, of genotypes
        efficientnet_b0) with an accelerator, small without.
    weights : initial weights: random, a weights file of keras.applications, or a model that was
        saved here.
    size : longer side of the images that the network sees, in pixels; by default the cache's, at
        most 672 (the paper's), 224 for efficientnet_b0, 96 for small.
    dropout : dropout rate before the output layer.
    mixed_precision : compute in 16 bits, for an accelerator.
    dense_layers : number of dense layers before the output layer.
    dense_nodes : width of the dense layers.
    l2 : L2 penalty on the weights of the dense and output layers.
    augment : random changes of the images in training: the largest shift and zoom (shares of the
        side; shift_x, shift_y, zoom_x and zoom_y of one axis) and rotate (degrees), such as
        shift=0.02,rotate=3 (in study.toml {shift = 0.02, rotate = 3}).
    """

    architecture: str | None = None
    weights: Annotated[str, InputFile(words=("random",))] = "random"
    size: Annotated[int, Range(12)] | None = None
    dropout: DropoutRate = 0.2
    mixed_precision: bool = False
    dense_layers: Annotated[int, Range(0)] = 0
    dense_nodes: Count = 128
    l2: NonNegative = 0.0
    augment: Mapping[str, float] = field(default_factory=dict)

    def contradictions(self) -> list[str]:
        faults = super().contradictions()
        wrong = [
            f"{name}={value:g}"
            for name, value in self.augment.items()
            if name not in AUGMENTATIONS or not 0 <= value < float("inf")
        ]
        if wrong:
            faults.append(
                f"augment: expected numbers from 0 for {', '.join(AUGMENTATIONS)}, got "
                f"{', '.join(wrong)}"
            )
        for both in ("shift", "zoom"):
            if both in self.augment and {f"{both}_x", f"{both}_y"} & set(self.augment):
                faults.append(f"augment: expected {both}, or {both}_x and {both}_y, got both")
        return faults


@dataclass(frozen=True)
class NetworkChoice(ImageNetworkOptions):
    """Which network is trained on a 0/1 trait.

    Parameters
    ----------
    class_weights : weight classes equally in training and correct the predicted log odds for the
        true prevalence.
    """

    class_weights: bool = True


@dataclass(frozen=True, kw_only=True)
class Split(Options):
    """How people are split.

    Parameters
    ----------
    folds : number of models; each predicts the people it never saw.
    validation_share : share of the people of the other folds that decides when training stops.
    rotate_folds : let a whole fold decide when training stops, each in turn: the model that
        predicts fold i + 1 is validated on fold i, and everybody has a validation prediction too.
    """

    folds: FoldCount = 5
    validation_share: Annotated[float, Range(0, 0.5, open_low=True)] = 0.1
    rotate_folds: bool = False

    def contradictions(self) -> list[str]:
        faults = super().contradictions()
        if self.rotate_folds and self.folds < 3:
            faults.append(f"folds = {self.folds} (expected at least 3 with rotate_folds)")
        return faults


@dataclass(frozen=True, kw_only=True)
class GenotypeRequest(Split):
    """How genotypes are learned, beside the network and its training.

    Parameters
    ----------
    head : categorical (each genotype a class) or ordinal (ordered by copies of the allele).
    pretrain : initialise from networks pretrained to classify sex, instead of random weights.
    min_per_class : minimum number of people with a genotype; below it the rarer homozygotes join
        the heterozygotes.
    permutations : maximum number of networks per SNP that are trained on shuffled labels.
    stop_at : a SNP's permutations end when so many reach its AUC.
    """

    head: GenotypeHead = "categorical"
    pretrain: bool = True
    min_per_class: Count = 30
    permutations: Annotated[int, Range(0)] = 199
    stop_at: Count = 10


@dataclass(frozen=True, kw_only=True)
class NetworkTraining(TrainingPlan, ImageNetworkOptions, Split):
    """How networks over images are trained.

    Parameters
    ----------
    backend : deep-learning backend: keras, or another that is installed.
    saliency : make saliency maps and their page.
    saliency_people : number of people of each class whose saliency maps are made.
    """

    backend: str = "keras"
    saliency: bool = True
    saliency_people: FoldCount = 200


@dataclass(frozen=True, kw_only=True)
class ImageTraining(NetworkTraining, NetworkChoice):
    """Networks that predict a trait from images, out of fold: cnn_prob; needs images.

    Parameters
    ----------
    regions : such as ap_spine and hip; several are stacked. The section is left out where empty.
    task : the column to predict: case of the records, or a column of a phenotype table; several
        columns of numbers, separated by commas, with kind = regression.
    kind : kind of the target: binary (0/1, 1/2 or words such as Yes and No), categorical (a
        number for each class), or regression (numbers).
    loss : loss of a regression, the squared or the absolute error.
    side_inputs : columns of numbers that the network sees beside the image, such as sex and age.
    """

    regions: tuple[str, ...] = ()
    task: str = "case"
    kind: TargetKind = "binary"
    loss: RegressionLoss = "squared"
    side_inputs: tuple[str, ...] = ()

    def contradictions(self) -> list[str]:
        faults = super().contradictions()
        if self.task in self.side_inputs:
            faults.append(f"--side-inputs {self.task}: the target cannot be an input, leave it out")
        return faults


@dataclass(frozen=True, kw_only=True)
class GenotypeTraining(NetworkTraining, GenotypeRequest):
    """Networks that learn the selected SNPs from images; needs images.

    Parameters
    ----------
    regions : of the selected SNPs' regions, those to learn; all where empty.
    strata : labels are shuffled within so many parts of PC1, each in as many of PC2.
    covariates : covariates of the baseline; sex, age, weight and PC1-PC10 as far as there are
        where empty.
    """

    regions: tuple[str, ...] = ()
    strata: Count = 4
    covariates: tuple[str, ...] = ()

    def contradictions(self) -> list[str]:
        faults = super().contradictions()
        if self.weights != "random" and self.pretrain:
            faults.append("--weights: give --no-pretrain with it, or no weights: sex gives them")
        return faults


@dataclass(frozen=True)
class Encoder(Options):
    """Size of the transformer; the defaults are those of Eriksson & Nakamori 2025, §2.4.

    Parameters
    ----------
    hidden : width of the encoder (transformer).
    layers : layers of the encoder (transformer).
    attention_heads : attention heads (transformer); hidden is a multiple of it.
    dropout : dropout rate of the encoder (transformer).
    """

    hidden: Count = 128
    layers: Count = 4
    attention_heads: Count = 8
    dropout: DropoutRate = 0.1

    def contradictions(self) -> list[str]:
        faults = super().contradictions()
        if self.hidden % self.attention_heads:
            faults.append(
                f"hidden = {self.hidden} (expected a multiple of attention_heads = "
                f"{self.attention_heads})"
            )
        return faults


@dataclass(frozen=True, kw_only=True)
class ResidualOptions(TrainingPlan, Encoder):
    """Bone measurements with sex, age and weight taken out.

    Parameters
    ----------
    model : how they are taken out: nonlinear (a mixed model), linear, deepnull (boosted trees) or
        transformer (a network over the answers of a questionnaire).
    traits : columns; every measurement where empty.
    covariates : more predictors (deepnull).
    folds : folds of people (deepnull, transformer).
    seed : random seed (deepnull, transformer).
    inputs : answers of a questionnaire, as a biobank's table or by IID and instance (transformer).
    input_columns : columns or fields of inputs; all where empty (transformer).
    leave_out : columns, fields or ranges of fields not to be inputs (transformer).
    backend : deep-learning backend: keras, or another that is installed (transformer).
    epochs : maximum number of epochs (transformer).
    batch_size : assessments per step (transformer).
    learning_rate : learning rate of the Adam optimiser, at its highest (transformer).
    schedule : of the learning rate: constant, cosine, or plateau (transformer).
    patience : epochs without a lower validation loss before training stops (transformer).
    weight_decay : weight decay of AdamW; 0 is Adam (transformer).
    networks : networks per fold, from different random starts; predictions are their mean
        (transformer).
    refit : one network of everybody, as in the paper: residuals are in sample (transformer).
    """

    model: ResidualModel = "nonlinear"
    traits: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    folds: FoldCount = 5
    seed: int = 0
    inputs: InputPath | None = None
    input_columns: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    backend: str = "keras"
    epochs: Count = 100
    batch_size: Count = 64
    learning_rate: PositiveNumber = 1e-3
    schedule: Schedule = "plateau"
    patience: Count = 10
    networks: Count = 1
    refit: bool = False

    def contradictions(self) -> list[str]:
        faults = super().contradictions()
        if self.covariates and self.model != "deepnull":
            faults.append("covariates (--covar) are for --model deepnull: leave them out")
        if self.model == "transformer" and self.inputs is None:
            faults.append("no answers for the transformer: give --inputs FILE, or residuals.inputs")
        return faults
