"""Contrast, colour blindness, and numbers in words."""

import itertools

import numpy as np
import pytest

from gwasbone.plots import theme

# Machado, Oliveira and Fernandes 2009, severity 1.0, on linear RGB.
SIGHT = {
    "trichromat": np.eye(3),
    "protanope": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranope": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanope": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


def _linear(colour):
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def _contrast_on_white(colour):
    return 1.05 / (_linear(colour) @ [0.2126, 0.7152, 0.0722] + 0.05)


def _lab(linear):
    to_xyz = np.array(
        [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    )
    t = to_xyz @ np.clip(linear, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize(
    "colour",
    sorted(
        {
            *theme.GROUP_COLOURS,
            *theme.CHROMOSOME_COLOURS,
            *theme.MIRROR_COLOURS,
            theme.ACCENT,
            theme.MAIN,
            theme.HIGHLIGHT,
        }
    ),
)
def test_marks_stand_out_on_white(colour):
    assert _contrast_on_white(colour) >= 3


@pytest.mark.parametrize("colour", [theme.INK, theme.MUTED_INK, theme.ACCENT])
def test_text_stands_out_on_white(colour):
    assert _contrast_on_white(colour) >= 4.5


@pytest.mark.parametrize("sight", SIGHT)
@pytest.mark.parametrize(
    "palette",
    [
        theme.GROUP_COLOURS,
        theme.CHROMOSOME_COLOURS,
        theme.MIRROR_COLOURS,
        (*theme.CHROMOSOME_COLOURS, theme.ACCENT, theme.HIGHLIGHT),
        (*theme.MIRROR_COLOURS, theme.ACCENT),
    ],
)
def test_colours_stay_apart_for_every_eye(sight, palette):
    seen = [_lab(np.array(SIGHT[sight]) @ _linear(colour)) for colour in palette]
    # A difference of about 2.3 is just noticeable.
    assert min(np.linalg.norm(a - b) for a, b in itertools.combinations(seen, 2)) > 10


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (0.034567, "0.0346"),
        (-0.5, "−0.5"),
        (1234.5, "1,234"),
        (120, "120"),
        (1.2e-7, "1.2 × 10⁻⁷"),
        (-3e-9, "−3 × 10⁻⁹"),
        (float("nan"), "NA"),
        (float("inf"), "∞"),
    ],
)
def test_numbers_in_words(number, text):
    assert theme.format_number(number) == text


@pytest.mark.parametrize(("p", "text"), [(5e-8, "5 × 10⁻⁸"), (1e-5, "10⁻⁵"), (0.05, "0.05")])
def test_significance_in_words(p, text):
    assert theme.format_p(p) == text


def test_levels_too_close_for_two_names_share_one_place():
    plot = theme.new_figure(x_label="x", y_label="y", x_range=(0, 1), y_range=(0, 400))
    theme.draw_levels(plot, {7.3: "high", 5.0: "low"}, colours=["red", "blue"], px_per_unit=1)
    assert plot.right[0].major_label_overrides == {7.3: "high\nlow"}
