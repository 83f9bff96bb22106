"""What is predicted for GPUs that share a transformer."""

from dataclasses import replace

import pytest

from flowact.hardware.group_speed import (
    GROUPS,
    LINKS,
    Link,
    count_groups,
    count_tiny_decode,
    predict_group,
)
from flowact.hardware.roofline import GPUS
from flowact.hardware.workload import count_work
from flowact.parallel.frames import divide
from flowact.presets import Preset, load_preset

CELLS = 225


@pytest.fixture(scope="module")
def narrow() -> Preset:
    """The large preset with two narrow layers, so that counting it takes no time."""
    preset = load_preset("large")
    size = preset.transformer.model_copy(update={"dim": 1024, "heads": 8, "layers": 2})
    sizes = {**preset.codec.sizes, "base_dim": 8, "decoder_base_dim": 8}
    codec = preset.codec.model_copy(update={"sizes": sizes})
    return preset.model_copy(update={"transformer": size, "codec": codec})


@pytest.fixture(scope="module")
def groups(narrow):
    return {(group.ranks, group.exchange): group for group in count_groups(narrow)}


def test_keys_and_values_of_all_other_ranks_are_received_in_every_layer(narrow, groups) -> None:
    size = narrow.transformer
    velocity = size.latent_channels * size.patch_size**2
    for ranks in (2, 3, 4):
        memory, stream = (max(divide(latents, ranks)) for latents in (6, 9))
        pairs = 2 * size.heads * size.head_dim * CELLS * (memory + stream) * size.layers
        received = (ranks - 1) * (pairs + stream * CELLS * velocity)
        assert sum(groups[ranks, "gather"].received) == received


def test_heads_cost_less_than_keys_among_four_and_must_divide(narrow, groups) -> None:
    assert sum(groups[4, "ulysses"].received) < sum(groups[4, "gather"].received)
    odd = narrow.transformer.model_copy(update={"heads": 6})
    found = [
        (g.ranks, g.exchange) for g in count_groups(narrow.model_copy(update={"transformer": odd}))
    ]
    assert found == [(ranks, exchange) for ranks, exchange in GROUPS if exchange == "gather"]


def test_a_rank_computes_its_share_of_the_video(narrow, groups) -> None:
    work = count_work(narrow)
    alone = sum(one.flops for one in work.memory + work.denoise)
    flops = {ranks: sum(one.flops for one in groups[ranks, "gather"].operators) for ranks in (2, 3)}
    assert alone / 3 < flops[3] < flops[2] < alone * 5 / 8


def test_a_group_pays_where_it_makes_more_frames(narrow, groups) -> None:
    """Not over a wire that takes longer than the work, and not where the decoder takes longer."""
    work, tiny = count_work(narrow), count_tiny_decode(narrow)[:1]
    quick, slow = LINKS[0], Link("a slow wire", 1e6, 1.0)
    instant = replace(work, decode=work.decode[:1])
    endless = replace(work, decode=1000 * work.decode)

    def verdict(alone, link):
        return predict_group(groups[2, "gather"], alone, tiny, GPUS[0], "int8", link).pays

    assert verdict(instant, quick) == "yes"
    assert verdict(endless, quick) == "tiny decoder"
    assert verdict(instant, slow) == verdict(endless, slow) == "no"
    without = predict_group(groups[2, "gather"], endless, None, GPUS[0], "int8", quick)
    assert (without.fps_tiny, without.pays) == (None, "no")


def test_only_latents_of_wan_have_a_tiny_decoder() -> None:
    assert count_tiny_decode(load_preset("default")) is None
