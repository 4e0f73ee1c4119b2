"""Bones of the regions that a DXA scanner takes, drawn for one participant.

Not a model of anatomy: shapes that differ between people the way a network must cope with (sex,
height, posture, position in the frame), whose brightness is the person's bone density.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gwasbone.simulate.phantom_canvas import Bone, Canvas, NoiseBank, Point

#: Region -> rows and columns of the scanner's pictures.
PICTURES = {
    "ap_spine": (780, 716),
    "lateral_spine": (1768, 808),
    "left_hip": (600, 680),
    "right_hip": (600, 680),
    "left_knee": (848, 640),
    "right_knee": (848, 640),
    "whole_body_soft": (791, 272),
    "whole_body_skeleton": (791, 272),
}

#: Share of the grey level that one standard deviation of bone density makes.
BRIGHTNESS_PER_SD = 0.10
#: Coarse texture of bone at 40 years, and what each decade adds.
TEXTURE_AT_40, TEXTURE_PER_DECADE = 0.04, 0.03

_LEVEL = 105.0


@dataclass(frozen=True)
class LocalEffect:
    """What copies of an allele do to a place in the images of a region.

    Parameters
    ----------
    variant : name of the column of dosages.
    region : key of :data:`PICTURES` without the side: ``hip`` and ``knee`` are both sides.
    at : (x, y) on the drawn anatomy, in units of the image's height, x towards the body's
        middle on hips and knees; radius : of the bell curve, in the same units.
    per_copy : share of the grey level that each copy adds.
    """

    variant: str
    region: str
    at: Point
    radius: float
    per_copy: float


@dataclass(frozen=True)
class Body:
    """A participant as the renderer needs to know them.

    Parameters
    ----------
    male : sex. age : years. height_cm, weight_kg.
    density : region without side (``ap_spine``, ``hip``, ``knee``, ``lateral_spine``,
        ``whole_body``) -> bone density in standard deviations from the mean of all people.
    dosage : variant -> copies of the effect allele.
    """

    male: bool
    age: float
    height_cm: float
    weight_kg: float
    density: Mapping[str, float]
    dosage: Mapping[str, float] = field(default_factory=dict)


def draw(
    region: str,
    body: Body,
    effects: Sequence[LocalEffect],
    *,
    scale: float,
    noise: NoiseBank,
    rng: np.random.Generator,
) -> np.ndarray:
    """One image, (rows, columns) uint8; ``scale`` shrinks the scanner's size."""
    rows, columns = (max(8, round(side * scale)) for side in PICTURES[region])
    canvas = Canvas(rows, columns)
    site = region.removeprefix("left_").removeprefix("right_")
    site = "whole_body" if site.startswith("whole_body") else site
    level = _LEVEL * max(0.2, 1 + BRIGHTNESS_PER_SD * body.density[site])
    pose = _Pose.draw(rng, body)
    _DRAWN[site](canvas, body, pose, level, soft=region == "whole_body_soft")
    for effect in effects:
        if effect.region == site:
            canvas.brighten(
                pose.place(effect.at), effect.radius, effect.per_copy * body.dosage[effect.variant]
            )
    decades = (body.age - 40) / 10
    canvas.texture(noise, rng, max(0.01, TEXTURE_AT_40 + TEXTURE_PER_DECADE * decades))
    if region == "ap_spine":
        _white_strips(canvas, rng)
    pixels = canvas.pixels()
    # hips and knees are drawn as left ones, the body's middle to the left of the picture
    return np.ascontiguousarray(pixels[:, ::-1]) if region.startswith("right_") else pixels


@dataclass(frozen=True)
class _Pose:
    """How somebody lies: shift and size of the drawing, and a lean to one side."""

    shift: Point
    size: float
    lean: float
    build: float

    @classmethod
    def draw(cls, rng: np.random.Generator, body: Body) -> _Pose:
        mean_cm = 176 if body.male else 162
        tall = 1 + 0.5 * (body.height_cm / mean_cm - 1)
        return cls(
            shift=(float(rng.normal(0, 0.012)), float(rng.normal(0, 0.012))),
            size=float(tall * rng.normal(1.0, 0.02)),
            lean=float(rng.normal(0, 0.03)),
            build=float(np.clip(body.weight_kg / (24 * (body.height_cm / 100) ** 2), 0.7, 1.6)),
        )

    def place(self, at: Point) -> Point:
        """Where a point of the standard drawing lies; turned and sized about (0, 0.5)."""
        x, y = at[0], at[1] - 0.5
        x, y = x + self.lean * y, y - self.lean * x
        return self.size * x + self.shift[0], 0.5 + self.size * y + self.shift[1]


def _spine(canvas: Canvas, body: Body, pose: _Pose, level: float, *, soft: bool) -> None:
    """Five lumbar vertebrae from the front, last ribs above, iliac crests below."""
    wide = 0.125 if body.male else 0.105
    canvas.box((0, 0.5), (0.34 * pose.build, 0.7), Bone(14 * pose.build, rim=0, soft=0.1))
    for side in (-1, 1):
        canvas.limb(
            pose.place((side * 0.12, 0.02)), pose.place((side * 0.44, 0.16)),
            (0.022, 0.016), Bone(0.32 * level, rim=8),
        )  # fmt: skip
        canvas.ellipse(
            pose.place((side * (0.40 if body.male else 0.43), 1.02)), (0.18, 0.17),
            Bone(0.5 * level, rim=30),
        )  # fmt: skip
    for i in range(-1, 6):
        y, grown = 0.10 + 0.185 * i, wide * (1 + 0.05 * i)
        for side in (-1, 1):
            canvas.limb(
                pose.place((side * grown, y)), pose.place((side * grown * 1.6, y - 0.01)),
                (0.02, 0.014), Bone(0.35 * level, rim=10),
            )  # fmt: skip
        canvas.box(
            pose.place((0, y)), (pose.size * grown, 0.074 * pose.size),
            Bone(level, rim=45, rim_width=0.01), angle=pose.lean, round_=0.02,
        )  # fmt: skip
        for side in (-1, 1):
            canvas.ellipse(
                pose.place((side * 0.55 * grown, y - 0.015)), (0.022, 0.032), Bone(1.2 * level)
            )
        canvas.limb(
            pose.place((0, y + 0.01)), pose.place((0, y + 0.075)), (0.008, 0.013),
            Bone(1.3 * level, rim=30),
        )  # fmt: skip


def _hip(canvas: Canvas, body: Body, pose: _Pose, level: float, *, soft: bool) -> None:
    """A left femur: the head in its socket towards the left of the image."""
    neck = 1.0 if body.male else 0.9
    canvas.box((0.05, 0.5), (0.45 * pose.build, 0.7), Bone(12 * pose.build, rim=0, soft=0.12))
    canvas.limb(
        pose.place((-0.28, -0.05)), pose.place((-0.31, 0.36)), (0.10, 0.06),
        Bone(0.62 * level, rim=60),
    )  # fmt: skip
    canvas.ellipse(pose.place((-0.30, 0.52)), (0.13, 0.16), Bone(0.45 * level, rim=30), angle=0.4)
    canvas.ellipse(pose.place((-0.36, 0.53)), (0.05, 0.065), Bone(4, rim=0), angle=0.4)
    canvas.limb(
        pose.place((0.25, 0.62)), pose.place((0.20, 1.1)), (0.105 * neck, 0.092 * neck),
        Bone(0.72 * level, rim=75, rim_width=0.03),
    )  # fmt: skip
    canvas.limb(
        pose.place((-0.08, 0.27)), pose.place((0.25, 0.55)), (0.115 * neck, 0.14 * neck),
        Bone(0.85 * level, rim=25, rim_width=0.015),
    )  # fmt: skip
    canvas.ellipse(
        pose.place((0.335, 0.42)), (0.085 * neck, 0.14 * neck), Bone(0.7 * level, rim=30), angle=0.2
    )
    canvas.ellipse(
        pose.place((-0.12, 0.24)), (0.135 * neck, 0.135 * neck), Bone(1.05 * level, rim=25)
    )


def _knee(canvas: Canvas, body: Body, pose: _Pose, level: float, *, soft: bool) -> None:
    """A left knee from the front: femur, patella, tibia, and the fibula outside."""
    wide = 1.0 if body.male else 0.9
    canvas.limb((0, -0.1), (0, 1.1), (0.30 * pose.build, 0.22 * pose.build), Bone(16, rim=0))
    canvas.limb(
        pose.place((0, -0.1)), pose.place((0, 0.34)), (0.085 * wide, 0.12 * wide),
        Bone(0.65 * level, rim=60, rim_width=0.018),
    )  # fmt: skip
    for side in (-1, 1):
        canvas.ellipse(
            pose.place((side * 0.085 * wide, 0.42)), (0.10 * wide, 0.115), Bone(0.9 * level)
        )
    canvas.ellipse(pose.place((0.0, 0.36)), (0.068 * wide, 0.085), Bone(1.25 * level, rim=15))
    canvas.box(
        pose.place((0, 0.595)), (0.18 * wide, 0.045), Bone(0.95 * level, rim=50), round_=0.025
    )
    canvas.limb(
        pose.place((0, 0.63)), pose.place((0.01, 1.1)), (0.145 * wide, 0.075 * wide),
        Bone(0.68 * level, rim=55, rim_width=0.018),
    )  # fmt: skip
    canvas.limb(
        pose.place((0.19 * wide, 0.68)), pose.place((0.155 * wide, 1.1)), (0.038, 0.026),
        Bone(0.5 * level, rim=40),
    )  # fmt: skip


def _lateral_spine(canvas: Canvas, body: Body, pose: _Pose, level: float, *, soft: bool) -> None:
    """Vertebrae from the side along an S, and the shade of the chest in front of them."""
    tall = 0.026 if body.male else 0.024
    canvas.ellipse((0.06, 0.35), (0.26 * pose.build, 0.45), Bone(28, rim=0, soft=0.08))
    stoop = 0.012 * max(0.0, (body.age - 40) / 10)
    for i in range(15):
        y = 0.04 + 0.066 * i
        bend = (0.05 + stoop) * np.sin(np.pi * (y - 0.05) / 0.62)
        slope = -(0.05 + stoop) * np.pi / 0.62 * np.cos(np.pi * (y - 0.05) / 0.62)
        at = pose.place((-0.02 - bend, y))
        deep = 0.028 + 0.0012 * i
        canvas.box(
            at, (deep, tall), Bone(level, rim=40, rim_width=0.005), angle=-slope, round_=0.006
        )
        canvas.ellipse(
            (at[0] - 1.7 * deep, at[1] + 0.01), (0.017, 0.022), Bone(1.2 * level, rim=15)
        )


def _whole_body(canvas: Canvas, body: Body, pose: _Pose, level: float, *, soft: bool) -> None:
    """The whole skeleton within the outline of the body, which is all that the soft view shows."""
    build = pose.build
    shoulder, hip = (0.135, 0.065) if body.male else (0.115, 0.08)
    flesh = Bone(150 if soft else 26, rim=0, soft=0.012)
    place = pose.place
    _outline(canvas, place, build, shoulder, hip, flesh)
    if soft:
        for side in (-1, 1):
            canvas.ellipse(place((side * 0.04, 0.24)), (0.022, 0.055), Bone(60, rim=0))
        return
    look = Bone(0.75 * level, rim=25, rim_width=0.004, soft=0.003)
    canvas.ellipse(place((0, 0.065)), (0.038, 0.05), Bone(1.3 * level, rim=40, rim_width=0.006))
    canvas.limb(place((0, 0.12)), place((0, 0.44)), (0.011, 0.018), Bone(level, rim=20))
    for i in range(8):
        for side in (-1, 1):
            y = 0.18 + 0.018 * i
            ends = place((side * (0.05 + 0.004 * i), y + 0.012)), place((side * 0.01, y))
            canvas.limb(*ends, (0.0035, 0.0035), Bone(0.4 * level, rim=0, soft=0.003))
    for side in (-1, 1):
        canvas.limb(
            place((side * 0.02, 0.15)), place((side * shoulder, 0.155)), (0.006, 0.006), look
        )
        canvas.ellipse(place((side * hip * 0.8, 0.43)), (0.034, 0.04), look, angle=side * 0.5)
        elbow, wrist = (side * (shoulder + 0.02), 0.33), (side * (shoulder + 0.035), 0.46)
        canvas.limb(place((side * shoulder, 0.17)), place(elbow), (0.010, 0.008), look)
        canvas.limb(place(elbow), place(wrist), (0.009, 0.006), look)
        knee, ankle = (side * 0.05, 0.70), (side * 0.05, 0.93)
        canvas.limb(place((side * (hip + 0.02), 0.475)), place(knee), (0.013, 0.013), look)
        canvas.ellipse(place(knee), (0.019, 0.018), look)
        canvas.limb(place(knee), place(ankle), (0.012, 0.009), look)


def _outline(
    canvas: Canvas,
    at: Callable[[Point], Point],
    build: float,
    shoulder: float,
    hip: float,
    flesh: Bone,
) -> None:
    """Trunk, limbs and head as flesh, which is no bone and takes no texture of bone."""
    canvas.ellipse(at((0, 0.065)), (0.045, 0.06), flesh)
    canvas.limb(at((0, 0.20)), at((0, 0.44)), (0.105 * build, (hip + 0.03) * build), flesh)
    for side in (-1, 1):
        canvas.limb(
            at((side * shoulder, 0.18)), at((side * (shoulder + 0.035), 0.50)),
            (0.03 * build, 0.016), flesh,
        )  # fmt: skip
        canvas.limb(
            at((side * (hip - 0.01), 0.47)), at((side * 0.05, 0.93)),
            (0.058 * build, 0.025), flesh,
        )  # fmt: skip
    canvas.bone[:] = 0


def _white_strips(canvas: Canvas, rng: np.random.Generator) -> None:
    """Saturated steps along both side edges, as the scanner leaves them."""
    for edge in (0, -1):
        y = 0
        while y < canvas.rows:
            tall = int(canvas.rows * rng.uniform(0.1, 0.25))
            wide = int(canvas.columns * rng.uniform(0.0, 0.05))
            part = slice(0, wide) if edge == 0 else slice(canvas.columns - wide, None)
            canvas.grey[y : y + tall, part] = 255
            y += tall


_DRAWN = {
    "ap_spine": _spine,
    "hip": _hip,
    "knee": _knee,
    "lateral_spine": _lateral_spine,
    "whole_body": _whole_body,
}
