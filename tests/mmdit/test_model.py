"""What the transformer promises about memory, checked against one masked pass over all tokens."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from flowact.mmdit.memory import (
    LONG_TERM,
    REFERENCE,
    SHORT_TERM,
    KeyValue,
    MemoryInput,
    RoundedKeyValue,
)
from flowact.mmdit.model import LOWEST_LEVEL, Block, FlowActTransformer, Tokens
from flowact.mmdit.quantised import round_to
from tests.tiny_transformer import tiny_transformer

LENGTH = 6


@pytest.fixture(scope="module")
def model() -> FlowActTransformer:
    return tiny_transformer()


@pytest.fixture
def memory() -> MemoryInput:
    torch.manual_seed(2)
    return MemoryInput(
        latents=torch.randn(2, 4, 16, 8, 16),
        roles=torch.tensor([REFERENCE, LONG_TERM, SHORT_TERM, SHORT_TERM]),
        times=torch.tensor([[-16, -3, -2, -1]]),
        levels=torch.rand(2, 4),
        audio=torch.randn(2, 8, 16),
    )


def stream_inputs(seed: int = 3) -> dict[str, Tensor]:
    torch.manual_seed(seed)
    return {
        "latents": torch.randn(2, LENGTH, 16, 8, 16),
        "levels": 0.1 + 0.9 * torch.rand(2, LENGTH),
        "audio": torch.randn(2, 4 * (LENGTH + 1), 16),
        "text": torch.randn(2, 2, 2, 16),
    }


@torch.no_grad()
def masked_pass(
    model: FlowActTransformer, memory: MemoryInput, stream: dict[str, Tensor]
) -> tuple[Tensor, list[KeyValue]]:
    """The same network as one pass over memory and stream, with a mask instead of a cache.

    Returns the velocity and the memory's keys and values in every block.
    """
    condition = model.level_embedding(memory.levels) + model.role_embedding(memory.roles)
    kept = {
        "video": model._video(memory.latents, condition, memory.times),
        "audio": model._audio(memory.audio, condition[:, -2:], memory.times[:, -2:]),
    }
    unknown = model.blink_embedding.weight[-1]
    levels = model.level_embedding(stream["levels"]) + unknown
    times = torch.arange(LENGTH + 1)[None]
    moving = {
        "video": model._video(stream["latents"], levels, times[:, :LENGTH]),
        "audio": model._audio(stream["audio"], torch.cat((levels, levels[:, -1:]), 1), times),
        "text": model._text(stream["text"], levels[:, ::3]),
    }
    caches = []
    for block in model.blocks:
        kept, moving, cache = masked_block(block, kept, moving)
        caches.append(cache)
    shift, scale = model.out_modulation(levels).split(1, dim=2)
    x = torch.nn.functional.layer_norm(moving["video"].x, (32,), eps=1e-6) * (1 + scale) + shift
    clean = model.grid.unpatchify(model.video_out(x))
    return (stream["latents"] - clean) / stream["levels"][..., None, None, None], caches


def masked_block(
    block: Block, kept: dict[str, Tokens], moving: dict[str, Tokens]
) -> tuple[dict[str, Tokens], dict[str, Tokens], KeyValue]:
    parts = [*kept.items(), *moving.items()]
    projected = [block.streams[name].project(tokens) for name, tokens in parts]
    query, key, value = (torch.cat(each, 2) for each in zip(*projected, strict=True))
    lengths = [each[0].shape[2] for each in projected]
    remembered = sum(lengths[: len(kept)])
    allowed = torch.ones(query.shape[2], key.shape[2], dtype=torch.bool)
    allowed[:remembered, remembered:] = False
    found = torch.nn.functional.scaled_dot_product_attention(query, key, value, allowed)
    updated = [
        block.streams[name].update(tokens, own) if hasattr(block.streams[name], "out") else tokens
        for (name, tokens), own in zip(parts, found.split(lengths, 2), strict=True)
    ]
    new = [dict(zip(old, each, strict=True)) for old, each in (
        (kept, updated[: len(kept)]), (moving, updated[len(kept) :]))]  # fmt: skip
    return new[0], new[1], KeyValue(key[:, :, :remembered], value[:, :, :remembered])


@torch.no_grad()
def test_cached_memory_equals_one_masked_pass(
    model: FlowActTransformer, memory: MemoryInput
) -> None:
    stream = stream_inputs()
    expected, _ = masked_pass(model, memory, stream)
    actual = model(**stream, memory=model.encode_memory(memory))
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_the_stream_does_not_change_memory_activations(
    model: FlowActTransformer, memory: MemoryInput
) -> None:
    _, first = masked_pass(model, memory, stream_inputs(seed=3))
    _, second = masked_pass(model, memory, stream_inputs(seed=4))
    for a, b, cached in zip(first, second, model.encode_memory(memory), strict=True):
        assert torch.equal(a.key, b.key)
        assert torch.equal(a.value, b.value)
        torch.testing.assert_close(cached.key, a.key, atol=1e-5, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("field", ["latents", "levels", "audio", "roles", "times"])
def test_everything_in_memory_reaches_the_stream(
    model: FlowActTransformer, memory: MemoryInput, field: str
) -> None:
    stream = stream_inputs()
    changed = replace(memory, **{field: getattr(memory, field).flip(1 if field != "roles" else 0)})
    before = model(**stream, memory=model.encode_memory(memory))
    after = model(**stream, memory=model.encode_memory(changed))
    assert (before - after).abs().max() > 1e-4


@torch.no_grad()
@pytest.mark.parametrize("field", ["latents", "levels", "audio", "text"])
def test_every_condition_reaches_the_velocity(model: FlowActTransformer, field: str) -> None:
    stream = stream_inputs()
    before = model(**stream)
    after = model(**{**stream, field: stream[field].flip(1)})
    assert (before - after).abs().max() > 1e-4


@torch.no_grad()
def test_guidance_scale_is_optional_and_heard(model: FlowActTransformer) -> None:
    stream = stream_inputs()
    low, high = (model(**stream, guidance=torch.full((2,), scale)) for scale in (1.0, 4.0))
    assert (low - high).abs().max() > 1e-4


@torch.no_grad()
def test_a_new_model_predicts_nothing_and_learns_from_there() -> None:
    fresh = FlowActTransformer(dim=32, audio_dim=16, text_dim=16, heads=2, head_dim=16, layers=2)
    stream = stream_inputs()
    estimate = stream["latents"] - stream["levels"][..., None, None, None] * fresh(**stream)
    torch.testing.assert_close(estimate, torch.zeros_like(estimate), atol=1e-5, rtol=0)


@torch.no_grad()
def test_the_velocity_stays_bounded_when_there_is_no_noise(model: FlowActTransformer) -> None:
    stream = stream_inputs() | {"levels": torch.zeros(2, LENGTH)}
    assert model(**stream).abs().max() < 50 / LOWEST_LEVEL


@torch.no_grad()
def test_batched_sessions_do_not_mix(model: FlowActTransformer, memory: MemoryInput) -> None:
    stream = stream_inputs()
    both = model(**stream, memory=model.encode_memory(memory))
    alone = replace(
        memory, latents=memory.latents[1:], levels=memory.levels[1:], audio=memory.audio[1:]
    )
    second = model(
        **{name: value[1:] for name, value in stream.items()}, memory=model.encode_memory(alone)
    )
    torch.testing.assert_close(both[1:], second, atol=1e-5, rtol=1e-4)


@torch.no_grad()
def test_it_runs_in_bfloat16(memory: MemoryInput) -> None:
    full = tiny_transformer()
    half = tiny_transformer().to(torch.bfloat16)
    stream = stream_inputs()
    heard = {name: stream[name].bfloat16() for name in ("audio", "text")}
    cache = half.encode_memory(replace(memory, audio=memory.audio.bfloat16()))
    expected = full(**stream, memory=full.encode_memory(memory))
    actual = half(**{**stream, **heard}, memory=cache).float()
    assert (actual - expected).norm() < 0.05 * expected.norm()


def test_checkpoints_restore_sizes_and_weights(model: FlowActTransformer, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path)
    restored = FlowActTransformer.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        assert torch.equal(restored(**stream_inputs()), model(**stream_inputs()))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"levels": torch.rand(2, 5)}, "levels"),
        ({"audio": torch.randn(2, 20, 16)}, "at least 24"),
        ({"audio": torch.randn(2, 26, 16)}, "multiple of 4"),
        ({"text": torch.randn(2, 3, 2, 16)}, "3 chunks"),
    ],
)
def test_wrong_shapes_are_named(
    model: FlowActTransformer, change: dict[str, Tensor], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        model(**{**stream_inputs(), **change})


def test_the_default_stays_small() -> None:
    with torch.device("meta"):
        default = FlowActTransformer()
    assert sum(p.numel() for p in default.parameters()) <= 20_000_000


@torch.inference_mode()
def test_memory_in_eight_bits_is_what_was_rounded(memory: MemoryInput) -> None:
    model = tiny_transformer()
    exact = model.encode_memory(memory)
    model.memory_format = "fp8"
    cache = model.encode_memory(memory)
    defined = []
    for rounded, kept in zip(cache, exact, strict=True):
        assert isinstance(rounded, RoundedKeyValue)
        assert rounded.key.dtype == rounded.value.dtype == torch.float8_e4m3fn
        key, value = (round_to(part, "fp8", (-1,)) for part in kept)
        assert torch.equal(rounded.key.float(), key[0].float())
        assert torch.equal(rounded.value_scale, value[1])
        defined.append(KeyValue(key[0].float() * key[1], value[0].float() * value[1]))
    inputs = stream_inputs()
    made = model(**inputs, memory=cache)
    assert torch.equal(made, model(**inputs, memory=tuple(defined)))
    plain = model(**inputs, memory=exact)
    assert 0 < float((made - plain).norm() / plain.norm()) < 0.05
