"""``gwasbone predict``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from gwasbone.cli.flags import option_flags
from gwasbone.cli.options import out_option, table_limit_option
from gwasbone.learning.options import ImageTraining
from gwasbone.options import with_given


@click.command(
    epilog="\b\nExample:\n  gwasbone train --images images --table people.tsv --out bone\n"
    "  gwasbone predict --models bone.models --images new_images --out new"
)
@click.option("--models", metavar="FOLDER", help="Folder PREFIX.models written by gwasbone train.")
@click.option(
    "--images",
    metavar="FOLDER",
    help="Folder of the image cache made by gwasbone images.  [default: that of the study]",
)
@click.option("--table", "tables", multiple=True, metavar="FILE",
              help="Table of participants (IID) with the side inputs of the networks; the option "
              "can be repeated.  [default: those of the study]")  # fmt: skip
@option_flags(ImageTraining, only=("backend",))
@table_limit_option
@click.option("--force", is_flag=True, help="Overwrite existing output.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@out_option("gwasbone")
def command(**options: Any) -> None:
    """Apply trained networks to the images of a cache.

    Participants of the training set get the prediction of the model that did not see them; new
    participants get the mean over the models of all folds, each standardised by the participants
    that it did not see. Writes PREFIX.predicted.tsv with IID, in_training and for each region
    cnn_prob_REGION (mean log odds over folds, as a probability), cnn_logit_std_REGION and
    pictures_REGION (number of images); for targets other than 0/1, the predicted values or class
    probabilities. Networks with side inputs need them in --table. The file of each model is
    checked against the hash recorded in training. The stacked score of several regions is defined
    for participants of the training set only.
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
