"""``gwasbone predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gwasbone.cli.flags import option_flags
from gwasbone.cli.options import out_option
from gwasbone.learning.options import ImageTraining
from gwasbone.options import with_given


@click.command(
    epilog="\b\nExample:\n  gwasbone train --images images --table people.tsv --out bone\n"
    "  gwasbone predict --models bone.models --images new_images --out new"
)
@click.option("--models", metavar="FOLDER", help="PREFIX.models of gwasbone train.")
@click.option("--images", metavar="FOLDER", help="Cache made by gwasbone images.")
@click.option("--table", "tables", multiple=True, metavar="FILE",
              help="Tables of people (IID) with the side inputs that the networks were trained "
              "with.  [default: those of the study]")  # fmt: skip
@option_flags(ImageTraining, only=("backend",))
@click.option("--force", is_flag=True, help="Overwrite existing output.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Apply trained networks to the images of a cache.

    Participants of the training get the prediction of the fold that held them out; everybody else
    gets the mean over folds, each standardised by the participants it held out. Writes
    PREFIX.predicted.tsv: IID, in_training, and for each region cnn_prob_REGION (mean log odds over
    folds, as a probability), cnn_logit_std_REGION and pictures_REGION; of other targets than 0/1
    the predicted numbers or probabilities of classes. Networks with side inputs need them in
    --table. Each model's file is checked against the hash that its training recorded. The stacked
    score of several regions needs the participants it was fitted to, so new ones have none.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.cli.train_options import study_images
    from gwasbone.steps.predict import OUTPUTS, predict_people
    from gwasbone.study.files import of_study, training_models

    config = current_study()
    base = ImageTraining() if config is None else config.training
    backend = with_given(base, options, ["backend"]).backend
    with command_context(options, config, outputs=OUTPUTS) as context:
        models = options["models"] or of_study(
            config, training_models, "models", flag="--models FOLDER", key="training.regions"
        )
        images = study_images(options, config)
        tables = context.people_tables(options["tables"])
        context.say(predict_people(backend, Path(models), images, context.out, tables))
