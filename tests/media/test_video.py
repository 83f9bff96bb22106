from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from flowact.errors import UserError
from flowact.media.audio import Recording
from flowact.media.video import VideoWriter

from .conftest import WriteAudio, tone


def two_colours(count: int) -> np.ndarray:
    frames = np.empty((count, 480, 480, 3), np.uint8)
    frames[:, :, :240], frames[:, :, 240:] = (200, 30, 40), (20, 130, 240)
    return frames


def write(path: Path, seconds: float, recording: Recording | None) -> Path:
    with VideoWriter(path, recording) as video:
        for start in range(0, round(seconds * 25), 12):
            video.write(two_colours(min(12, round(seconds * 25) - start)))
    return path


@pytest.mark.parametrize(
    ("rate", "channels", "written_rate"),
    [(44_100, 2, 44_100), (8_000, 1, 8_000), (7_000, 1, 48_000)],
)
def test_frames_and_sound_come_back(
    write_audio: WriteAudio, tmp_path: Path, rate: int, channels: int, written_rate: int
) -> None:
    source = write_audio("in.wav", np.stack([tone(2.0, rate)] * channels), rate)
    out = write(tmp_path / "out.mp4", 2.0, Recording.open(source))
    with av.open(str(out)) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec.name, video.pix_fmt, video.average_rate) == ("h264", "yuv420p", 25)
        assert (audio.codec.name, audio.rate, audio.channels) == ("aac", written_rate, channels)
        assert video.frames == 50
        image = next(container.decode(video)).to_ndarray(format="rgb24").astype(int)
    assert np.abs(image[240, 100] - (200, 30, 40)).max() < 8
    assert np.abs(image[240, 400] - (20, 130, 240)).max() < 8
    assert Recording.open(out).seconds == pytest.approx(2.0, abs=0.15)


def test_a_recording_whose_rate_changes_becomes_a_whole_soundtrack(
    write_audio: WriteAudio, tmp_path: Path
) -> None:
    first = write_audio("1.mp3", tone(1.0, 44_100), 44_100, "libmp3lame").read_bytes()
    later = write_audio("2.mp3", tone(1.0, 22_050), 22_050, "libmp3lame").read_bytes()
    (tmp_path / "both.mp3").write_bytes(first + later)
    recording = Recording.open(tmp_path / "both.mp3")
    out = write(tmp_path / "out.mp4", recording.seconds, recording)
    heard = Recording.open(out)
    assert heard.seconds == pytest.approx(recording.seconds, abs=0.1)
    assert np.abs(heard.read()[-8000:-4000]).max() > 0.3


def test_sound_starts_with_the_picture(tmp_path: Path) -> None:
    click = np.zeros(32_000, np.float32)
    click[16_000:16_040] = 0.9
    out = write(tmp_path / "out.mp4", 2.0, Recording.from_samples(click))
    heard = int(np.argmax(np.abs(Recording.open(out).read())))
    assert heard == pytest.approx(16_020, abs=160)  # 10 ms


def test_the_index_comes_first_so_that_pages_can_start_at_once(tmp_path: Path) -> None:
    data = write(tmp_path / "out.mp4", 1.0, None).read_bytes()
    assert 0 < data.find(b"moov") < data.find(b"mdat")


def test_an_exception_leaves_nothing_and_keeps_the_older_file(tmp_path: Path) -> None:
    target = tmp_path / "out.mp4"
    target.write_bytes(b"older")
    with pytest.raises(KeyboardInterrupt), VideoWriter(target) as video:
        video.write(two_colours(12))
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]
    assert target.read_bytes() == b"older"


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path) -> None:
    script = f"""
import resource, numpy as np
from flowact.errors import UserError
from flowact.media.video import VideoWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
noise = np.random.default_rng(0).integers(0, 255, (12, 480, 480, 3), dtype=np.uint8)
try:
    with VideoWriter({str(tmp_path / "out.mp4")!r}) as video:
        for _ in range(3):
            video.write(noise)
except UserError as error:
    print(error)
"""
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "out.mp4 cannot be written: File too large." in result.stdout, result.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [("out.avi", "must end in .mp4"), ("none/out.mp4", "no folder"), ("dir.mp4", "is a folder")],
)
def test_impossible_targets_are_refused_before_anything_runs(
    tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "dir.mp4").mkdir()
    with pytest.raises(UserError, match=reason):
        VideoWriter(tmp_path / name)


@pytest.mark.parametrize(
    "frames", [np.zeros((480, 480, 3), np.uint8), np.zeros((1, 480, 480, 3), np.float32)]
)
def test_wrong_frames_are_a_mistake_of_the_caller(tmp_path: Path, frames: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"), VideoWriter(tmp_path / "out.mp4") as video:
        video.write(frames)
    assert list(tmp_path.iterdir()) == []
