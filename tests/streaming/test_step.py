from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from flowact.conditioning.window import AudioTimeline
from flowact.mmdit.model import FlowActTransformer
from flowact.streaming import batch
from flowact.streaming.conditions import Conditions
from flowact.streaming.memory import MemoryBank
from flowact.streaming.noise import draw_normal
from flowact.streaming.schedule import sequential
from flowact.streaming.settings import RefinementSettings, StepSettings
from flowact.streaming.state import SessionState, split_sessions, stack_sessions
from flowact.streaming.step import step
from tests.tiny_transformer import tiny_transformer

PLAIN = StepSettings()
EVERYTHING = StepSettings(
    guidance=1.5,
    guidance_embedding=2.0,
    memory_level=0.1,
    refinement=RefinementSettings(period=2, guidance=1.5),
)


@pytest.fixture(scope="module")
def model() -> FlowActTransformer:
    return tiny_transformer()


@pytest.fixture(scope="module")
def samples() -> Tensor:
    torch.manual_seed(0)
    return 0.1 * torch.randn(640 * 12 * 10)


def start(*seeds: int) -> SessionState:
    references = [
        torch.randn(1, 16, 8, 16, generator=torch.Generator().manual_seed(seed)) for seed in seeds
    ]
    return SessionState.start(torch.stack(references), seeds)


def stream(
    model: FlowActTransformer,
    state: SessionState,
    samples: Tensor,
    chunks: int,
    settings: StepSettings = PLAIN,
    known: Callable[[int], int] | None = None,
    action: str = "smile",
) -> tuple[SessionState, list[Tensor]]:
    """Run some chunks; `known` says how much sound there is before each."""
    made = []
    for chunk in range(chunks):
        timeline = AudioTimeline.empty().push(samples[: known(chunk)] if known else samples)
        count = len(state.emitted)
        conditions = Conditions.of(state, [timeline] * count, [action] * count)
        state, latents = step(model, state, conditions, settings)
        made.append(latents)
    return state, made


def tensors(state: SessionState) -> list[Tensor]:
    memory = state.memory
    return [
        state.stream, state.generators, state.emitted,
        memory.reference, memory.long_term, memory.short_term,
    ]  # fmt: skip


@pytest.mark.parametrize("settings", [PLAIN, EVERYTHING])
def test_equal_seeds_give_equal_streams_bit_for_bit(
    model: FlowActTransformer, samples: Tensor, settings: StepSettings
) -> None:
    one, first = stream(model, start(5), samples, 4, settings)
    two, second = stream(model, start(5), samples, 4, settings)
    assert all(map(torch.equal, first, second))
    assert all(map(torch.equal, tensors(one), tensors(two)))
    _, other = stream(model, start(6), samples, 1, settings)
    assert not torch.equal(first[0], other[0])


def test_a_stored_session_goes_on_as_if_nothing_had_happened(
    model: FlowActTransformer, samples: Tensor
) -> None:
    _, whole = stream(model, start(5), samples, 4, EVERYTHING)
    halfway, _ = stream(model, start(5), samples, 2, EVERYTHING)
    _, rest = stream(model, batch.select(halfway, torch.tensor([0])), samples, 2, EVERYTHING)
    assert all(map(torch.equal, whole[2:], rest))


def test_chunk_by_chunk_equals_what_the_finished_video_gives(
    model: FlowActTransformer, samples: Tensor
) -> None:
    """Every chunk anew, the last one first: memory cut out of the whole video, noise out of one piece."""
    settings = StepSettings(schedule=sequential(calls=2))
    begun = start(5)
    _, made = stream(model, begun, samples, 6, settings)
    video, generators, noise = torch.cat(made, 1), begun.generators, [begun.stream]
    for _ in range(6):
        drawn, generators = draw_normal(generators, (3, 16, 8, 16))
        noise.append(drawn)
    noise = torch.cat(noise, 1)
    for chunk in reversed(range(6)):
        first = 3 * chunk
        leading = [first - age for age in (9, 6, 3) if age <= first]
        memory = MemoryBank(
            reference=begun.memory.reference,
            long_term=video[:, leading],
            short_term=video[:, max(first - 2, 0) : first],
            ages=tuple(first - latent for latent in leading),
        )
        state = replace(
            begun, memory=memory, stream=noise[:, first : first + 9], emitted=begun.emitted + chunk
        )
        conditions = Conditions.of(state, [AudioTimeline.empty().push(samples)], ["smile"])
        assert torch.equal(step(model, state, conditions, settings)[1], made[chunk])


def test_sound_that_arrives_just_in_time_equals_sound_known_from_the_start(
    model: FlowActTransformer, samples: Tensor
) -> None:
    # A stream at chunk c hears 40 frames from its first one; a token needs 440 samples more.
    _, live = stream(model, start(5), samples, 5, known=lambda c: 640 * (12 * c + 40) + 440)
    _, whole = stream(model, start(5), samples, 5)
    for a, b in zip(live, whole, strict=True):
        torch.testing.assert_close(a, b, atol=1e-5, rtol=1e-5)


def test_sound_that_is_not_known_yet_is_not_needed(
    model: FlowActTransformer, samples: Tensor
) -> None:
    _, live = stream(model, start(5), samples, 3, known=lambda c: 640 * 12 * (c + 1))
    _, whole = stream(model, start(5), samples, 3)
    assert all(latents.isfinite().all() for latents in live)
    assert not torch.allclose(live[0], whole[0])


@pytest.mark.parametrize("settings", [PLAIN, EVERYTHING])
def test_batched_sessions_equal_single_ones(
    model: FlowActTransformer, samples: Tensor, settings: StepSettings
) -> None:
    _, both = stream(model, start(5, 6), samples, 4, settings)
    for index, seed in enumerate((5, 6)):
        _, alone = stream(model, start(seed), samples, 4, settings)
        for a, b in zip(both, alone, strict=True):
            torch.testing.assert_close(a[index : index + 1], b, atol=1e-4, rtol=1e-4)


def test_sessions_of_different_age_can_share_a_batch(
    model: FlowActTransformer, samples: Tensor
) -> None:
    old, _ = stream(model, start(5), samples, 5, EVERYTHING)
    young, _ = stream(model, start(6), samples, 4, EVERYTHING)
    together = stack_sessions([old, young])
    timelines = [AudioTimeline.empty().push(samples)] * 2
    after, latents = step(
        model, together, Conditions.of(together, timelines, ["", "wave"]), EVERYTHING
    )
    for index, (alone, action) in enumerate(((old, ""), (young, "wave"))):
        conditions = Conditions.of(alone, timelines[:1], [action])
        expected, made = step(model, alone, conditions, EVERYTHING)
        torch.testing.assert_close(latents[index : index + 1], made, atol=1e-4, rtol=1e-4)
        for a, b in zip(tensors(split_sessions(after)[index]), tensors(expected), strict=True):
            torch.testing.assert_close(a, b, atol=1e-4, rtol=1e-4)


def test_sessions_of_unlike_memory_cannot(model: FlowActTransformer, samples: Tensor) -> None:
    old, _ = stream(model, start(5), samples, 2)
    with pytest.raises(ValueError, match="cannot form a batch"):
        stack_sessions([old, start(6)])


class Broken:
    """A transformer that fails, or gives nonsense, at its second call."""

    def __init__(self, model: FlowActTransformer, error: bool) -> None:
        self.model, self.error, self.calls = model, error, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.model, name)

    def __call__(self, latents: Tensor, *rest: object) -> Tensor:
        self.calls += 1
        if self.calls == 2 and self.error:
            raise RuntimeError("out of memory")
        return latents * float("nan")


@pytest.mark.parametrize(("error", "raised"), [(True, RuntimeError), (False, FloatingPointError)])
def test_a_failed_step_leaves_the_state_untouched(
    model: FlowActTransformer, samples: Tensor, error: bool, raised: type[Exception]
) -> None:
    state = start(5)
    before = [tensor.clone() for tensor in tensors(state)]
    with pytest.raises(raised):
        stream(Broken(model, error), state, samples, 1)  # type: ignore[arg-type]
    assert all(map(torch.equal, tensors(state), before))
    _, after = stream(model, state, samples, 1)
    _, never_failed = stream(model, start(5), samples, 1)
    assert torch.equal(after[0], never_failed[0])


class Counting:
    """Counts how often each part of a transformer runs; its velocity costs nothing."""

    dtype, device = torch.float32, torch.device("cpu")

    def __init__(self, model: FlowActTransformer) -> None:
        self.model, self.calls, self.memories = model, 0, 0
        self.audio_encoder = model.audio_encoder

    def encode_audio(self, mel: Tensor, known: Tensor) -> Tensor:
        return mel.new_zeros(*known.shape, 16)

    def encode_text(self, pieces: Tensor) -> Tensor:
        return torch.zeros(*pieces.shape[:2], 2, 16)

    def encode_memory(self, memory: object) -> tuple[()]:
        self.memories += 1
        return ()

    def __call__(self, latents: Tensor, *rest: object) -> Tensor:
        self.calls += 1
        return latents


def test_one_call_and_one_reading_of_memory_per_chunk(
    model: FlowActTransformer, samples: Tensor
) -> None:
    counting = Counting(model)
    state, _ = stream(counting, start(5), samples, 1)  # type: ignore[arg-type]
    assert (counting.calls, counting.memories) == (3, 1)
    stream(counting, state, samples, 4)  # type: ignore[arg-type]
    assert (counting.calls, counting.memories) == (7, 5)


def test_nothing_grows_over_ten_thousand_chunks(model: FlowActTransformer) -> None:
    counting, state = Counting(model), start(5)
    timeline = AudioTimeline.empty().push(torch.zeros(640 * 60))
    conditions = Conditions.of(state, [timeline], ["smile"])
    sizes = set()
    for chunk in range(10_000):
        state, _ = step(counting, state, conditions, PLAIN)  # type: ignore[arg-type]
        timeline = timeline.push(torch.zeros(640 * 12)).trimmed(state.frames[0])
        if chunk >= 3:
            shapes = [tensor.shape for tensor in tensors(state)]
            sizes.add((*shapes, timeline.samples.shape, state.memory.ages))
    assert len(sizes) == 1
    assert state.frames == [120_000]


def test_a_changed_action_shows_in_the_next_chunk(
    model: FlowActTransformer, samples: Tensor
) -> None:
    state, _ = stream(model, start(5), samples, 3)
    _, smiling = stream(model, state, samples, 1, action="smile")
    _, waving = stream(model, state, samples, 1, action="wave")
    assert not torch.allclose(smiling[0], waving[0])


def test_a_restarted_session_forgets_what_it_was_about_to_say(
    model: FlowActTransformer, samples: Tensor
) -> None:
    state, _ = stream(model, start(5), samples, 3)
    again = state.restarted()
    assert again.levels == (1.0, 1.0, 1.0)
    assert again.memory is state.memory
    assert not torch.equal(again.stream, state.stream)
    counting = Counting(model)
    after, _ = stream(counting, again, samples, 1)  # type: ignore[arg-type]
    assert counting.calls == 3
    assert after.frames == [48]


def test_sequential_sampling_hears_sound_only_when_a_chunk_begins(
    model: FlowActTransformer, samples: Tensor
) -> None:
    settings = StepSettings(schedule=sequential())
    state, _ = stream(model, start(5), samples, 2, settings)
    assert state.levels == (1.0, 1.0, 1.0)


def test_changing_the_schedule_in_mid_stream_is_refused(
    model: FlowActTransformer, samples: Tensor
) -> None:
    state, _ = stream(model, start(5), samples, 1)
    with pytest.raises(ValueError, match="no row"):
        stream(model, state, samples, 1, StepSettings(schedule=sequential()))


def test_refinement_changes_the_short_term_memory_when_it_is_due(
    model: FlowActTransformer, samples: Tensor
) -> None:
    refining = StepSettings(refinement=RefinementSettings(period=3))
    state, made = stream(model, start(5), samples, 3, refining)
    plain, same = stream(model, start(5), samples, 3)
    assert all(map(torch.equal, made, same))
    assert torch.equal(plain.memory.short_term, same[2][:, 1:])
    assert not torch.allclose(state.memory.short_term, made[2][:, 1:], atol=1e-3)
    assert torch.equal(state.memory.long_term, plain.memory.long_term)


def test_refinement_asks_a_student_for_the_scale_of_its_stream(
    model: FlowActTransformer, samples: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, forward = [], model.forward

    def spy(*given: object, **named: object) -> Tensor:
        asked.append(given[5])
        return forward(*given, **named)

    monkeypatch.setattr(model, "forward", spy)
    refining = StepSettings(guidance_embedding=2.0, refinement=RefinementSettings(period=1))
    stream(model, start(5), samples, 1, refining)
    assert [scale.tolist() for scale in asked] == [[2.0]] * len(asked)


def test_refinement_to_a_low_level_hardly_changes_anything(
    model: FlowActTransformer, samples: Tensor
) -> None:
    gentle = StepSettings(refinement=RefinementSettings(period=1, level=1e-5))
    state, made = stream(model, start(5), samples, 1, gentle)
    torch.testing.assert_close(state.memory.short_term, made[0][:, 1:], atol=2e-3, rtol=0)


def test_conditions_of_the_wrong_number_are_refused(samples: Tensor) -> None:
    with pytest.raises(ValueError, match=r"\(2, 1, 1\)"):
        Conditions.of(start(5, 6), [AudioTimeline.empty()], ["wave"])


@pytest.mark.parametrize(
    "make",
    [
        lambda: StepSettings(memory_level=1.0),
        lambda: StepSettings(long_term_stride=0),
        lambda: RefinementSettings(level=0.0),
        lambda: RefinementSettings(calls=0),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match="expected"):
        make()


def test_seeds_must_match_references() -> None:
    with pytest.raises(ValueError, match="2 seeds for 1"):
        SessionState.start(torch.zeros(1, 1, 16, 8, 16), [1, 2])


def test_replacing_a_field_is_the_only_way_to_change_a_state() -> None:
    state = start(5)
    with pytest.raises(AttributeError):
        state.levels = (0.0,)  # type: ignore[misc]
    assert replace(state, levels=(0.5,)).levels == (0.5,)
