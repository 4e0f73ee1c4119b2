"""Pictures per second of training, epochs after the first (which compiles).

`small` at 96, EfficientNet-B0 at 224 and EfficientNetV2-S at 672 pixels, batches of 12, grey noise
in a memory map as the cache of images has it. The engine under Keras is ``KERAS_BACKEND``; no
peer. The EfficientNets need minutes without an accelerator: they run with
``GWASBONE_BENCH_LARGE=1``, and with ``GWASBONE_BENCH_MIXED=1`` in mixed precision.

*Input* is how many pictures a second the pipeline gives when nothing trains; it works while the
network does, so the network waits for pictures only where input is slower than training.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

BATCH = 12
#: Architecture, side in pixels, steps of an epoch.
NETWORKS = [("small", 96, 40), ("efficientnet_b0", 224, 3), ("efficientnet_v2_s", 672, 1)]


@pytest.mark.parametrize(("architecture", "side", "steps"), NETWORKS)
def test_training(architecture: str, side: int, steps: int, tmp_path: Path, benchmark: Any) -> None:
    """``Model.fit`` of the Keras backend, pictures read as it trains; validation excluded."""
    from gwasbone.learning.backend import load_backend
    from gwasbone.learning.networks import Head, ImageNetwork, TrainingPlan, as_mapping

    if architecture != "small" and os.environ.get("GWASBONE_BENCH_LARGE") != "1":
        pytest.skip("minutes without an accelerator: GWASBONE_BENCH_LARGE=1 runs it")
    n = BATCH * (steps + 1)
    rng = np.random.default_rng(1)
    path = tmp_path / "pictures.npy"
    np.save(path, rng.integers(0, 256, (n, side, side, 1), dtype=np.uint8))
    inputs = {"image": np.load(path, mmap_mode="r")}
    case = (np.arange(n) % 2).astype(float)
    network = ImageNetwork(
        heads=(Head("case", "binary"),), architecture=architecture, height=side, width=side,
        mixed_precision=os.environ.get("GWASBONE_BENCH_MIXED") == "1",
    )  # fmt: skip
    model = load_backend("keras").build(as_mapping(network), seed=1)
    rows = np.arange(n)
    plan = as_mapping(TrainingPlan(epochs=3 if steps > 1 else 2, batch_size=BATCH, patience=3))

    def fit() -> list[Any]:
        return list(
            model.fit(inputs, {"case": case}, rows=rows[BATCH:], validation_rows=rows[:BATCH],
                      plan=plan)
        )  # fmt: skip

    epochs = benchmark.pedantic(fit, rounds=1)
    rate = BATCH * steps / min(epoch["seconds"] for epoch in epochs[1:])
    about = model.describe()
    where = f"{about['engine']} on {about['device']}"
    input_rate = _input_rate(inputs, case[:, None], rows[BATCH:])
    benchmark.extra_info.update(
        pictures_per_second=rate, input_pictures_per_second=input_rate, engine=where
    )
    print(
        f"\n{architecture} ({about['n_parameters']:,} parameters), {side} × {side}, batches of "
        f"{BATCH}, {where}: {rate:.3g} pictures/s; input {input_rate:.3g} pictures/s, busy "
        f"{rate / input_rate:.2%} of the time"
    )


def _input_rate(inputs: dict[str, Any], target: Any, rows: Any) -> float:
    """Pictures per second that the pipeline gives one thread: read, cut into batches."""
    from dl_backend.batches import Batches

    batches = Batches(inputs, rows, BATCH, targets={"case": target})
    started, times = time.perf_counter(), 0
    while (seconds := time.perf_counter() - started) < 0.5:
        for i in range(len(batches)):
            batches[i]
        times += 1
    return len(rows) * times / seconds
