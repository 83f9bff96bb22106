"""`flowact plan`: what speed to expect of a preset on a GPU or several, before anybody has rented one."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass
from typing import Final

from rich.console import Console
from rich.table import Table

from flowact.hardware.group_speed import (
    LINKS,
    GroupEstimate,
    count_groups,
    count_tiny_decode,
    predict_group,
)
from flowact.hardware.precision import Capability, plan_precision
from flowact.hardware.roofline import GPUS, UTILISATION, Gpu, Operator, seconds
from flowact.hardware.workload import Work, count_work
from flowact.presets import Preset, load_preset, preset_names
from flowact.timebase import FRAMES_PER_CHUNK

_COLUMNS: Final = (
    "GPU", "products", "memory ms", "denoise ms", "decode ms", "fps, 1 GPU", "fps, 2 GPUs",
)  # fmt: skip
_ASSUMPTIONS: Final = (
    f"Times per chunk of {FRAMES_PER_CHUNK} frames: an operator takes 4 us plus the larger of its "
    f"arithmetic and its memory traffic at {UTILISATION:.0%} of the data sheet. Two GPUs: "
    "transformer and decoder at the same time, each on its own (--devices). No weights of this size "
    "exist; nothing was measured."
)
_GROUP_COLUMNS: Final = (
    "GPU", "products", "ranks", "exchange", "link", "compute ms", "exchange ms", "fps", "fps, tiny",
    "pays",
)  # fmt: skip
_GROUP_ASSUMPTIONS: Final = (
    "Compute: memory and denoising of the first rank. Exchange: bfloat16 numbers over "
    + " or ".join(
        f"{x.name} ({x.bandwidth / 1e9:.0f} GB/s, {1e6 * x.latency:.0f} us)" for x in LINKS
    )
    + ", not overlapped. A group pays where it makes more frames than one rank and one decoder; "
    "'tiny decoder' says that this needs the tiny decoder, since the preset's takes longer."
)


@dataclass(frozen=True)
class SpeedEstimate:
    """A roofline prediction, in milliseconds per chunk of 0.48 s and frames per second.

    `fps_one_gpu` runs transformer and decoder one after the other, as the live engine does;
    `fps_two_gpus` is what running them at the same time on a device each would give.
    """

    gpu: str
    linear: str
    memory_ms: float
    denoise_ms: float
    decode_ms: float
    fps_one_gpu: float
    fps_two_gpus: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `flowact plan`."""
    parser.add_argument("--preset", default="large", help=f"{', '.join(preset_names())} or a file")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")


def run(args: argparse.Namespace) -> None:
    """Print the prediction for every known GPU, in bfloat16 and in the GPU's fast format; then for groups."""
    preset = load_preset(args.preset)
    work, tiny, shared = count_work(preset), count_tiny_decode(preset), count_groups(preset)
    gpus = [(gpu, plan_precision(Capability("cuda", compute=gpu.compute)).linear) for gpu in GPUS]
    predictions = [predict(work, gpu, linear) for gpu, fast in gpus for linear in ("native", fast)]
    groups = [
        predict_group(group, work, tiny, gpu, fast, link)
        for gpu, fast in gpus
        for group in shared
        for link in LINKS
    ]
    if args.json:
        found = {"gpus": list(map(asdict, predictions)), "groups": list(map(asdict, groups))}
        Console().print_json(json.dumps(found))
    else:
        _print_table(preset, work, predictions)
        _print_groups(groups)


def predict(work: Work, gpu: Gpu, linear: str) -> SpeedEstimate:
    """Predict the speed of counted work on a GPU.

    Args:
        work: what `count_work` returned.
        gpu: the device.
        linear: format of the transformer's matrix products, a key of `gpu.tflops`.
    """
    memory, denoise = seconds(work.memory, gpu, linear), seconds(work.denoise, gpu, linear)
    decode = seconds(work.decode, gpu)
    total, longest = memory + denoise + decode, max(memory + denoise, decode)
    return SpeedEstimate(
        gpu=gpu.name,
        linear="bf16" if linear == "native" else linear,
        memory_ms=round(1e3 * memory, 1),
        denoise_ms=round(1e3 * denoise, 1),
        decode_ms=round(1e3 * decode, 1),
        fps_one_gpu=round(FRAMES_PER_CHUNK / total, 1),
        fps_two_gpus=round(FRAMES_PER_CHUNK / longest, 1),
    )


def _print_table(preset: Preset, work: Work, predictions: list[SpeedEstimate]) -> None:
    def teraflops(operators: list[Operator]) -> str:
        return f"{sum(operator.flops for operator in operators) / 1e12:.3g}"

    console = Console()
    console.print(
        f"[bold]{preset.name}[/]: {work.parameters / 1e6:.0f} M parameters; TFLOP per chunk: "
        f"memory {teraflops(work.memory)}, denoising {teraflops(work.denoise)}, "
        f"decoding {teraflops(work.decode)}"
    )
    table = Table(title="Predicted, not measured", caption=_ASSUMPTIONS, caption_justify="left")
    for column in _COLUMNS:
        table.add_column(column, justify="left" if column in _COLUMNS[:2] else "right")
    for prediction in predictions:
        table.add_row(*map(str, asdict(prediction).values()))
    console.print(table)


def _print_groups(groups: list[GroupEstimate]) -> None:
    title = "GPUs that share the transformer frame by frame; a further one decodes"
    table = Table(title=title, caption=_GROUP_ASSUMPTIONS, caption_justify="left")
    for column in _GROUP_COLUMNS:
        table.add_column(column, justify="right" if column in _GROUP_COLUMNS[5:9] else "left")
    for group in groups:
        row = asdict(group).values()
        table.add_row(*("-" if value is None else str(value) for value in row))
    console = Console()
    console.width = max(console.width, 110)  # a narrower table cuts its numbers
    console.print(table)
