from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from flowact.commands.plan import predict
from flowact.hardware.roofline import GPUS, LAUNCH_SECONDS, Gpu, count, seconds
from flowact.hardware.workload import count_work
from flowact.mmdit.model import FlowActTransformer
from flowact.presets import Preset, load_preset

GPU = Gpu("one TFLOP/s, one TB/s", (8, 0), {"native": 1.0, "int8": 2.0}, 1.0)


@pytest.fixture(scope="module")
def small_large() -> Preset:
    """The large preset with two narrow layers, so that counting it takes no time."""
    preset = load_preset("large")
    size = preset.transformer.model_copy(update={"dim": 1024, "heads": 8, "layers": 2})
    narrow = {**preset.codec.sizes, "base_dim": 8, "decoder_base_dim": 8}
    codec = preset.codec.model_copy(update={"sizes": narrow})
    return preset.model_copy(update={"transformer": size, "codec": codec})


def test_work_and_traffic_of_a_matrix_product() -> None:
    layer = nn.Linear(100, 200, bias=False, device="meta")
    (operator,) = count(lambda: layer(torch.empty(50, 100, device="meta")))
    assert operator.flops == 2 * 50 * 100 * 200
    assert operator.numbers == 50 * 100 + 100 * 200 + 50 * 200
    assert operator.is_linear


def test_the_scores_of_attention_are_not_moved() -> None:
    query, key = torch.empty(4, 1000, 64, device="meta"), torch.empty(4, 64, 1000, device="meta")
    (operator,) = count(lambda: query @ key)
    assert operator.flops == 2 * 4 * 1000 * 64 * 1000
    assert operator.numbers == 2 * 4 * 1000 * 64
    assert not operator.is_linear


def test_the_slower_of_arithmetic_and_traffic_decides() -> None:
    busy = count(
        lambda: torch.empty(4096, 4096, device="meta") @ torch.empty(4096, 4096, device="meta")
    )
    lean = count(
        lambda: torch.empty(1, 4096, device="meta") @ torch.empty(4096, 4096, device="meta")
    )
    assert seconds(busy, GPU, utilisation=1) == pytest.approx(2 * 4096**3 / 1e12 + LAUNCH_SECONDS)
    assert seconds(lean, GPU, utilisation=1) == pytest.approx(
        2 * (4096**2 + 2 * 4096) / 1e12 + LAUNCH_SECONDS
    )
    assert seconds(busy, GPU, utilisation=0.5) > 1.9 * seconds(busy, GPU, utilisation=1)
    assert seconds(busy, GPU, "int8") == pytest.approx(seconds(busy, GPU) / 2, rel=1e-3)


def test_the_memory_costs_its_attention_and_nothing_else(small_large: Preset) -> None:
    size = small_large.transformer
    with torch.device("meta"):
        model = FlowActTransformer(**size.model_dump())
        latents = torch.empty(1, 9, size.latent_channels, size.latent_height, size.latent_width)
        audio = torch.empty(1, 40, size.audio_dim)
        text = torch.empty(1, 3, size.text_tokens, size.text_dim)
        with FlopCounterMode(display=False) as without_memory, torch.no_grad():
            model(latents, torch.empty(1, 9), audio, text)
    work = count_work(small_large)
    stream, memory = 9 * 225 + 40 + 3 * size.text_tokens, 6 * 225 + 8
    attention = 4 * stream * memory * size.heads * size.head_dim * size.layers
    counted = sum(operator.flops for operator in work.denoise)
    assert counted == without_memory.get_total_flops() + attention
    assert work.parameters == sum(weight.numel() for weight in model.parameters())


def test_a_faster_format_and_a_second_gpu_help(small_large: Preset) -> None:
    work = count_work(small_large)
    slow, fast = predict(work, GPUS[0], "native"), predict(work, GPUS[0], "int8")
    assert fast.denoise_ms < slow.denoise_ms
    assert fast.decode_ms == slow.decode_ms
    assert slow.fps_one_gpu < slow.fps_two_gpus
