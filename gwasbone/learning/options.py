"""Options of training: networks over images, of a trait or of genotypes, and the transformer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from gwasbone.learning.field_categories import field_categories
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

_NUMBER = r"(\d+(?:\.\d+)?)"
_PERCENTAGES = re.compile(f"{_NUMBER}/{_NUMBER}/{_NUMBER}")

#: Random changes of images in training: shares of the side, or degrees (``rotate``). ``shift`` and
#: ``zoom`` are of both axes; ``_x`` is along the width, ``_y`` along the height.
AUGMENTATIONS = ("shift", "shift_x", "shift_y", "zoom", "zoom_x", "zoom_y", "rotate")


@dataclass(frozen=True)
class ImageNetworkOptions(Options):
    """Choice of the network over images.

    Parameters
    ----------
    architecture : network architecture: small, efficientnet_v2_s, efficientnet_b0 or another of
        keras.applications; where not set, that of the paper (efficientnet_v2_s, for genotypes
        efficientnet_b0) with an accelerator and small without.
    weights : initial weights: random, a weights file of keras.applications, or a model saved by
        gwasbone.
    size : longer side of the images that the network sees, in pixels; where not set, that of the
        cache, up to 672 (as in the paper), 224 for efficientnet_b0 or 96 for small.
    dropout : dropout rate before the output layer.
    mixed_precision : compute in 16-bit precision, for an accelerator.
    dense_layers : number of dense layers before the output layer.
    dense_nodes : number of units of each dense layer.
    l2 : L2 penalty on the weights of the dense and output layers.
    augment : random augmentation of the images in training: the maximum shift and zoom (fractions
        of the side; shift_x, shift_y, zoom_x and zoom_y for a single axis) and rotation (rotate,
        in degrees), such as shift=0.02,rotate=3 (in study.toml {shift = 0.02, rotate = 3}).
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
    """Choice of the network for a binary trait.

    Parameters
    ----------
    class_weights : weight classes equally in training and correct the predicted log odds for the
        true prevalence.
    """

    class_weights: bool = True


@dataclass(frozen=True, kw_only=True)
class Split(Options):
    """Split of participants into folds.

    Parameters
    ----------
    folds : number of folds; a model per fold predicts the participants that it was not trained on.
    validation_share : fraction of the participants outside a fold that is held out to decide when
        training stops.
    rotate_folds : validate each model on a whole fold instead of on a fraction of the other
        participants: the model that predicts fold i + 1 is validated on fold i, so that every
        participant also has a validation prediction.
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
    """Options of learning genotypes from images.

    Parameters
    ----------
    head : output layer: categorical (each genotype is a class) or ordinal (genotypes ordered by
        the number of copies of the allele).
    pretrain : initialise from networks pretrained to classify sex, instead of random weights.
    min_per_class : minimum number of participants with a genotype; below it the rarer homozygotes
        are merged with the heterozygotes.
    permutations : maximum number of networks per SNP that are trained on permuted labels.
    stop_at : stop the permutation test of a SNP once this many permutations have reached the AUC of
        the true genotypes, since its p-value cannot be small then.
    """

    head: GenotypeHead = "categorical"
    pretrain: bool = True
    min_per_class: Count = 30
    permutations: Annotated[int, Range(0)] = 199
    stop_at: Count = 10


@dataclass(frozen=True, kw_only=True)
class NetworkTraining(TrainingPlan, ImageNetworkOptions, Split):
    """Options of training networks on images.

    Parameters
    ----------
    backend : deep-learning backend: keras, or another that is installed.
    saliency : make saliency maps and a page that shows them.
    saliency_participants : number of participants of each class for whom saliency maps are made.
    """

    backend: str = "keras"
    saliency: bool = True
    saliency_participants: FoldCount = 200


@dataclass(frozen=True, kw_only=True)
class ImageTraining(NetworkTraining, NetworkChoice):
    """Networks that predict a trait from images, out of fold (cnn_prob); this stage needs images.

    Parameters
    ----------
    regions : body regions, such as ap_spine and hip; the predictions of several are stacked. The
        stage is skipped where empty.
    task : column to predict: the case status derived from records (case), or a column of a
        phenotype table; for a regression also several numeric columns, separated by commas.
    kind : type of the target: binary (0/1, 1/2 or words such as Yes and No), categorical (a number
        for each class) or regression (numeric).
    loss : loss of a regression: squared or absolute error.
    side_inputs : numeric columns that the network takes as inputs beside the image, such as sex
        and age.
    split : one split in place of folds, as percentages of the participants for training,
        validation and test, such as 81/9/10 of the paper; only the test part is then predicted
        by a network that has not seen it.
    """

    regions: tuple[str, ...] = ()
    task: str = "case"
    kind: TargetKind = "binary"
    loss: RegressionLoss = "squared"
    side_inputs: tuple[str, ...] = ()
    split: str | None = None

    @property
    def shares(self) -> tuple[float, float, float] | None:
        """Shares of training, validation and test of ``split``; None with folds."""
        if self.split is None:
            return None
        training, validation, test = (float(part) / 100 for part in self.split.split("/"))
        return training, validation, test

    def contradictions(self) -> list[str]:
        faults = super().contradictions()
        if self.split is not None:
            parts = _PERCENTAGES.fullmatch(self.split)
            numbers = [float(part) for part in parts.groups()] if parts else [0.0]
            if min(numbers) <= 0 or abs(sum(numbers) - 100) > 1e-6:
                faults.append(
                    f"split = {self.split} (expected percentages of training, validation and test "
                    "that add up to 100, such as 81/9/10)"
                )
            if self.rotate_folds:
                faults.append("split: there are no folds to rotate, leave rotate_folds out")
            if len(self.regions) > 1:
                faults.append(
                    "split: the predictions of several regions are stacked across folds, which one "
                    "split does not have: give one region, or no split"
                )
        if self.task in self.side_inputs:
            faults.append(f"--side-inputs {self.task}: the target cannot be an input, leave it out")
        return faults


@dataclass(frozen=True, kw_only=True)
class GenotypeTraining(NetworkTraining, GenotypeRequest):
    """Networks that learn the selected SNPs from images; this stage needs images.

    Parameters
    ----------
    regions : body regions of the selected SNPs to learn; all of them where empty.
    strata : number of quantile groups of PC1, and of PC2 within each of these (4 gives 16 groups);
        genotypes are permuted within groups, so that they keep their association with ancestry. 1
        permutes them among all participants.
    covariates : covariates of the baseline model; sex, age, weight and PC1-PC10 as far as
        available where empty.
    """

    regions: tuple[str, ...] = ()
    strata: Count = 4
    covariates: tuple[str, ...] = ()

    def contradictions(self) -> list[str]:
        faults = super().contradictions()
        if self.weights != "random" and self.pretrain:
            faults.append(
                "--weights: pretraining on sex gives the initial weights; give --no-pretrain with "
                "--weights"
            )
        return faults


@dataclass(frozen=True)
class Encoder(Options):
    """Size of the transformer; the defaults are those of Eriksson & Nakamori 2025, §2.4.

    Parameters
    ----------
    hidden : number of hidden units of the encoder (transformer).
    layers : number of encoder layers (transformer).
    attention_heads : number of attention heads (transformer); hidden must be a multiple of it.
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
    """Bone measurements adjusted for sex, age and weight.

    Parameters
    ----------
    model : model of sex, age and weight: nonlinear (a mixed model), linear, formula, deepnull
        (boosted trees) or transformer (a network that also sees questionnaire answers).
    traits : traits to adjust, as column names; all measurements where empty.
    log_traits : traits of which the natural logarithm is modelled; their values must be above 0.
    formula : right side of the model, such as "C(sex) + Age40 + poly(Weight75, 2) + (1 | person)";
        (1 | person) is a random intercept for each participant (formula).
    formulas : file of formulas, one per line, to compare by AIC and BIC on a subset of
        participants, beside the model.
    formula_participants : number of participants, drawn at random, on whom formulas are compared.
    covariates : additional predictors (deepnull).
    folds : number of folds of participants (deepnull, transformer).
    seed : random seed (deepnull, transformer).
    inputs : questionnaire answers, as a biobank's table or a table by IID and instance
        (transformer).
    input_columns : columns or fields of the inputs to use; all where empty (transformer).
    input_categories : categories of UK Biobank's fields to use as inputs, such as diet and
        activity, beside input_columns; those that the inputs lack are passed over (transformer).
    log_inputs : inputs of which the natural logarithm is taken; their values must be above 0
        (transformer).
    leave_out : columns, fields or ranges of fields to exclude from the inputs (transformer).
    backend : deep-learning backend: keras, or another that is installed (transformer).
    epochs : maximum number of epochs (transformer).
    batch_size : number of assessments per training step (transformer).
    learning_rate : peak learning rate of the Adam optimiser (transformer).
    schedule : schedule of the learning rate: constant, cosine or plateau (transformer).
    patience : number of epochs without a lower validation loss after which training stops
        (transformer).
    weight_decay : weight decay of the AdamW optimiser; 0 is plain Adam (transformer).
    networks : number of networks per fold, trained from different random seeds and averaged
        (transformer).
    tune : try the candidates of a grid on an even split of the participants and take the one of
        the smallest validation loss, in place of hidden, layers, attention_heads, dropout and
        learning_rate (transformer).
    grid : table of the candidates, tab-separated, with these five columns, which implies tune;
        twelve shipped with the package where not set (transformer).
    refit : train one network on all participants, as in the paper, which makes residuals in-sample
        (transformer).
    """

    model: ResidualModel = "nonlinear"
    traits: tuple[str, ...] = ()
    log_traits: tuple[str, ...] = ()
    formula: str | None = None
    formulas: InputPath | None = None
    formula_participants: Count = 1000
    covariates: tuple[str, ...] = ()
    folds: FoldCount = 5
    seed: int = 0
    inputs: InputPath | None = None
    input_columns: tuple[str, ...] = ()
    input_categories: tuple[str, ...] = ()
    log_inputs: tuple[str, ...] = ()
    leave_out: tuple[str, ...] = ()
    backend: str = "keras"
    epochs: Count = 100
    batch_size: Count = 64
    learning_rate: PositiveNumber = 1e-3
    schedule: Schedule = "plateau"
    patience: Count = 10
    networks: Count = 1
    tune: bool = False
    grid: InputPath | None = None
    refit: bool = False

    @property
    def tunes(self) -> bool:
        """Whether the transformer is tuned before it is fitted."""
        return self.model == "transformer" and (self.tune or self.grid is not None)

    def contradictions(self) -> list[str]:
        faults = super().contradictions()
        if self.covariates and self.model != "deepnull":
            faults.append("covariates (--covar) are for --model deepnull: leave them out")
        if (self.formula is not None) != (self.model == "formula"):
            faults.append(
                "formula: expected with model = formula and with no other: give both, or neither"
            )
        unknown = [name for name in self.input_categories if name not in field_categories()]
        if unknown:
            faults.append(
                f"input_categories = {', '.join(unknown)} (expected "
                f"{', '.join(field_categories())})"
            )
        if self.model == "transformer" and self.inputs is None:
            faults.append("no answers for the transformer: give --inputs FILE, or residuals.inputs")
        return faults
