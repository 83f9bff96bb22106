from __future__ import annotations

import inspect
import re
import threading
from contextlib import closing
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from flowact.errors import UserError
from flowact.media import Recording
from flowact.pipeline import FlowActPipeline, StageTimes
from tests.tiny_assets import write_assets, write_wave
from tests.tiny_pipeline import speech


def images(
    pipeline: FlowActPipeline, picture: NDArray[np.uint8], audio: Recording, **options: object
) -> NDArray[np.uint8]:
    return np.stack([frame.image for frame in pipeline.stream(picture, audio, **options)])


def test_frames_come_in_order_with_their_times(
    pipeline: FlowActPipeline, picture: NDArray[np.uint8]
) -> None:
    frames = list(pipeline.stream(picture, speech(1.1)))
    assert [frame.index for frame in frames] == list(range(28))  # 27.5 frames long
    assert [frame.time_s for frame in frames] == [index / 25 for index in range(28)]
    assert all(frame.image.shape == (480, 480, 3) for frame in frames)
    assert all(frame.image.dtype == np.uint8 for frame in frames)


def test_running_at_the_same_time_changes_not_one_bit(
    pipeline: FlowActPipeline, picture: NDArray[np.uint8]
) -> None:
    together = images(pipeline, picture, speech(1.6), concurrent=True)
    in_turn = images(pipeline, picture, speech(1.6), concurrent=False)
    np.testing.assert_array_equal(together, in_turn)
    assert together[0].std() > 1


def test_what_goes_in_shows_in_what_comes_out(
    pipeline: FlowActPipeline, picture: NDArray[np.uint8]
) -> None:
    first = images(pipeline, picture, speech(0.6))
    np.testing.assert_array_equal(first, images(pipeline, picture, speech(0.6)))
    assert (first != images(pipeline, picture, speech(0.6), seed=1)).any()
    assert (first != images(pipeline, picture, speech(0.6, seed=1))).any()
    assert (first != images(pipeline, picture, speech(0.6), action="smile")).any()
    assert (first != images(pipeline, picture[:, ::-1].copy(), speech(0.6))).any()


def test_later_sound_cannot_change_what_has_been_shown(
    pipeline: FlowActPipeline, picture: NDArray[np.uint8]
) -> None:
    """A chunk hears the 1.44 s of its stream and a little more, and nothing after that."""
    sound = speech(4.8).read()
    changed = sound.copy()
    changed[16_000 * 3 :] *= 0.1
    one, other = (
        images(pipeline, picture, Recording.from_samples(samples)) for samples in (sound, changed)
    )
    np.testing.assert_array_equal(one[:24], other[:24])
    assert (one[72:] != other[72:]).any()


def test_an_unknown_action_is_taken_for_the_nearest(
    pipeline: FlowActPipeline, picture: NDArray[np.uint8]
) -> None:
    unknown = images(pipeline, picture, speech(0.3), action="please smile!")
    np.testing.assert_array_equal(unknown, images(pipeline, picture, speech(0.3), action="smile"))


@pytest.mark.parametrize("concurrent", [True, False])
def test_a_session_ends_when_its_reader_leaves(
    pipeline: FlowActPipeline, picture: NDArray[np.uint8], concurrent: bool
) -> None:
    before = threading.active_count()
    with closing(pipeline.stream(picture, speech(60), concurrent=concurrent)) as frames:
        next(frames)
    assert threading.active_count() == before


def test_every_stage_is_timed(pipeline: FlowActPipeline, picture: NDArray[np.uint8]) -> None:
    times = StageTimes()
    images(pipeline, picture, speech(1.0), times=times)
    assert sorted(times.stages) == ["decode", "denoise", "listen", "look"]
    assert [len(times.seconds(name)) for name in ("look", "denoise", "decode")] == [1, 3, 7]


def test_a_wrong_reference_is_a_mistake_of_the_caller(pipeline: FlowActPipeline) -> None:
    with pytest.raises(ValueError, match=r"got uint8 \[100, 100, 3\]"):
        next(pipeline.stream(np.zeros((100, 100, 3), np.uint8), speech(0.5)))


def test_generate_writes_picture_and_sound(
    pipeline: FlowActPipeline, picture: NDArray[np.uint8], tmp_path: Path
) -> None:
    seen: list[int] = []
    out = pipeline.generate(
        speech(1.0), tmp_path / "a.mp4", reference=picture, on_frame=lambda f: seen.append(f.index)
    )
    with av.open(str(out)) as container:
        assert container.streams.video[0].frames == 25
        assert container.streams.audio[0].codec.name == "aac"
    assert seen == list(range(25))


def test_generate_wants_one_person(pipeline: FlowActPipeline, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="character or a reference"):
        pipeline.generate(speech(0.5), tmp_path / "a.mp4")
    with pytest.raises(UserError, match="no character 'nobody'"):
        pipeline.generate(speech(0.5), tmp_path / "a.mp4", character="nobody")
    assert list(tmp_path.iterdir()) == []


def test_a_failure_on_the_way_leaves_no_file(
    pipeline: FlowActPipeline,
    picture: NDArray[np.uint8],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = threading.active_count()
    decode, runs = pipeline.tokenizer.decode_uint8, []

    def fail_at_the_third(*arguments: object) -> object:
        runs.append(1)
        if len(runs) == 8:
            raise RuntimeError("out of memory")
        return decode(*arguments)

    monkeypatch.setattr(pipeline.tokenizer, "decode_uint8", fail_at_the_third)
    with pytest.raises(RuntimeError, match="out of memory"):
        pipeline.generate(speech(3.0), tmp_path / "a.mp4", reference=picture)
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == before


def test_a_call_gives_all_frames_of_a_stream(
    pipeline: FlowActPipeline, picture: NDArray[np.uint8]
) -> None:
    frames = pipeline(speech(0.6), reference=picture, seed=3).frames
    streamed = [frame.image for frame in pipeline.stream(picture, speech(0.6), seed=3)]
    np.testing.assert_array_equal(frames, np.stack(streamed))


def test_the_example_in_the_docstring_runs(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("FLOWACT_ASSETS", str(write_assets(tmp_path / "assets")))
    monkeypatch.chdir(tmp_path)
    write_wave(tmp_path / "hello.wav", speech(0.4).read())
    (example,) = re.findall(r"```python\n(.*?)```", inspect.getdoc(FlowActPipeline), re.DOTALL)
    found: dict = {}
    exec(compile(example, "FlowActPipeline", "exec"), found)
    assert found["frames"].shape == (10, 480, 480, 3)
    assert (tmp_path / "hello.mp4").stat().st_size > 0
