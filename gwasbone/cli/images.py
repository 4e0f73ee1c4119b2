"""``gwasbone images``."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gwasbone.cli.flags import option_flags
from gwasbone.cli.options import small_counts_option, table_options
from gwasbone.images.options import ImageOptions
from gwasbone.options import part_of, with_given

if TYPE_CHECKING:
    from gwasbone.images.settings import ImageSettings
    from gwasbone.study.config import StudyConfig


@click.command(
    epilog="\b\nExamples:\n  gwasbone images --dicom scans --out images\n"
    "  gwasbone images --dicom 'bulk/*_20158_*.zip' --people cohort.tsv --out images\n"
    "  gwasbone images --dicom scans --size 224 --out images224"
)
@click.option(
    "--dicom", multiple=True, metavar="PATH",
    help="Folder, file or glob of DICOM files or zip archives; the option can be repeated.",
)  # fmt: skip
@click.argument("more", nargs=-1, metavar="[PATH]...")
@click.option("--out", metavar="FOLDER",
              help="Folder of the image cache.  [default: gwasbone.images, inside a study]",
              )  # fmt: skip
@click.option(
    "--people",
    metavar="TABLE",
    help="Table of the expected participants (IID), to report those without images and images of "
    "others.",
)
@click.option("--id", "id_rule", type=click.Choice(["iid", "fid_iid"]),
              help="Columns that identify a participant in --people: IID alone, or FID and IID.  "
              "[default: iid]")  # fmt: skip
@click.option(
    "--labels",
    metavar="TABLE",
    help="Table with the column file and any of person, visit, region, side and view, "
    "which take precedence over the DICOM header.",
)
@option_flags(ImageOptions)
@click.option("--preset", type=click.Choice(["cnn", "age"]), default="cnn", show_default=True,
              help="Preparation of the images: cnn (cropped and inverted squares) or age "
              "(uncropped, right sides mirrored, as in Le Goallec et al. 2021).",
              )  # fmt: skip
@table_options
@small_counts_option
@click.option("--threads", type=click.IntRange(1), help="Number of cores to use.  [default: all]")
@click.option("--force", is_flag=True, help="Rebuild the image cache from the start.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def command(**options: Any) -> None:
    """Convert DICOM files of bone scans to standard arrays in a cache on disk.

    Region and side are read from the header, participant and visit from the header or from UK
    Biobank's file names. Files without a usable image are listed with their reasons in
    refusals.tsv. A second run with more files extends the cache; nothing is decoded twice.
    contact_sheet.html shows a sample of each array.
    """
    from gwasbone.cli.context import command_context, current_study
    from gwasbone.errors import InputError, UsageError
    from gwasbone.images.cache_writer import refuse_foreign_files
    from gwasbone.images.counts import REFUSALS
    from gwasbone.progress import counted_progress
    from gwasbone.ranges import is_url
    from gwasbone.steps.images import OUTPUTS, make_images

    config = current_study()
    if config is not None and options["out"] is None:
        options["out"] = "gwasbone.images"
    if options["out"] is None:
        raise UsageError("no folder for the cache: give --out FOLDER")
    # pictures that flags name are not mixed with the study's
    dicom = [*options["dicom"], *options["more"]]
    if not dicom and config is not None:
        dicom = list(config.resolved(config.images).dicom)
    if not dicom:
        raise UsageError("no images: give --dicom PATH, or images.dicom in study.toml")
    chosen, settings = _settings(options, config)
    in_effect = {"dicom": dicom} | vars(chosen)
    if is_url(options["out"]):
        raise UsageError("--out: expected a folder of this machine for the cache, got a URL")
    out = Path(options["out"])
    _refuse_images_within(out, dicom)
    refuse_foreign_files(out, OUTPUTS)
    with (
        # the cache grows, and its tables and page are those of the whole cache
        command_context(
            options, config, outputs=OUTPUTS, in_effect=in_effect, folder=True, force=True
        ) as context,
        counted_progress() as progress,
    ):
        try:
            report, cache, counts = make_images(
                dicom,
                out,
                settings,
                tables=context.out,
                labels=options["labels"],
                people=options["people"],
                id_rule=context.id_rule,
                reading=context.reading,
                workers=options["threads"] or _cores(),
                max_bytes=chosen.max_bytes,
                force=options["force"],
                progress=progress,
            )
        except InputError:
            # why no file gives a picture is a result
            if (context.out / REFUSALS).exists():
                context.staging.commit()
            raise
        _say(report, cache, counts, context, out)


def _refuse_images_within(out: Path, dicom: Iterable[str]) -> None:
    """Raise where images would not be looked for, since they lie in the cache's own folder."""
    from gwasbone.errors import InputError

    for place in dicom:
        if os.path.exists(place) and Path(place).resolve().is_relative_to(out.resolve()):
            raise InputError(
                f"--out {out}: expected a folder for the cache that holds no images, but "
                f"--dicom {place} lies in it: choose another, such as {out / 'cache'}"
            )


def _say(report: Any, cache: Any, counts: Any, context: Any, out: Path) -> None:
    from gwasbone.images.counts import REFUSALS, REPEATED, WITHOUT_PERSON
    from gwasbone.steps.images import PAGE

    context.say(
        f"{report.n_read:,} files read, {report.n_known:,} known; the cache has "
        f"{len(cache.index):,} images of {cache.index['person'].nunique():,} participants: "
        f"{out / PAGE}"
    )
    remarks = {
        f"files refused: {out / REFUSALS}": len(cache.refusals),
        f"repeated images of a visit: {out / REPEATED}": counts.n_repeated,
        "participants without an image": counts.n_without_picture,
        f"images of participants not in the table: {out / WITHOUT_PERSON}": counts.n_without_person,
    }
    for what, count in remarks.items():
        if count:
            context.say(f"{count:,} {what}")


def _settings(
    options: dict[str, Any], config: StudyConfig | None
) -> tuple[ImageOptions, ImageSettings]:
    """The options of flags, else of the study, and the settings that they make.

    The study's are not those of the preset age.
    """
    from dataclasses import replace

    from gwasbone.errors import UsageError
    from gwasbone.images.settings import ImageSettings

    if options["preset"] == "age":
        if options["size"] is not None:
            raise UsageError("--size goes with --preset cnn; the sizes of age follow the images")
        settings = ImageSettings.biological_age()
        given = options | {"mirror": options["mirror"] or settings.mirror}
        chosen = with_given(ImageOptions(), given)
    else:
        base = ImageOptions() if config is None else part_of(ImageOptions, config.images)
        chosen = with_given(base, options)
        settings = ImageSettings.sized(chosen.size, scale=chosen.scale)
    return chosen, replace(settings, **chosen.of_levels)


def _cores() -> int:
    import os

    return len(os.sched_getaffinity(0))
