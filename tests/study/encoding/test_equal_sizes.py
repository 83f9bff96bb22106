"""Clips of one item have the same bytes but for the coded pictures and sounds, and show what they showed."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from study.design import media
from study.encoding.clip_format import ClipFormat
from study.encoding.equal_sizes import equalise
from study.encoding.filler import longer_picture, longer_sound
from study.errors import StudyError

FORM = ClipFormat(64, 64, 25, preset="ultrafast")
SECONDS = 0.6


def clip(path: Path, seed: int, softness: int, own_sound: bool = True, seconds=SECONDS) -> Path:
    """Noise, more or less soft, with a noise of its own or the same for all."""
    dice = np.random.default_rng(seed)
    small = dice.integers(
        0, 255, (round(seconds * 25), 64 // softness, 64 // softness, 3), np.uint8
    )
    pictures = small.repeat(softness, 1).repeat(softness, 2)
    sound = np.random.default_rng(seed if own_sound else 0).normal(0, 0.1, round(seconds * 48_000))
    media.write_clip(path, iter(pictures), sound.astype(np.float32)[None], FORM)
    return path


def equal(folder: Path, drafts: list[Path]) -> list[Path]:
    finished = [folder / f"equal-{path.name}" for path in drafts]
    equalise(drafts, finished)
    return finished


def outside(path: Path) -> list[tuple[str, bytes]]:
    return [(kind, body) for kind, body in media.boxes(path.read_bytes()) if kind != "mdat"]


def decoded(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with av.open(str(path)) as container:
        pictures = np.stack([f.to_ndarray(format="rgb24") for f in container.decode(video=0)])
    with av.open(str(path)) as container:
        return pictures, np.concatenate([f.to_ndarray() for f in container.decode(audio=0)], 1)


def test_only_coded_bytes_differ_and_nothing_that_is_seen_or_heard_changes(tmp_path):
    drafts = [clip(tmp_path / f"{n}.mp4", n, softness) for n, softness in enumerate((1, 4, 16))]
    assert len({draft.stat().st_size for draft in drafts}) == 3
    finished = equal(tmp_path, drafts)
    assert len({path.stat().st_size for path in finished}) == 1
    assert outside(finished[0]) == outside(finished[1]) == outside(finished[2])
    for draft, path in zip(drafts, finished, strict=True):
        for before, after in zip(decoded(draft), decoded(path), strict=True):
            assert np.array_equal(before, after)


def test_clips_of_unlike_length_are_refused(tmp_path):
    drafts = [clip(tmp_path / "a.mp4", 1, 1), clip(tmp_path / "b.mp4", 2, 1, seconds=0.5)]
    with pytest.raises(StudyError, match="unlike each other"):
        equal(tmp_path, drafts)


@pytest.mark.parametrize("more", [*range(6, 40), 300, 1000])
def test_a_picture_grows_by_any_number_of_bytes(more):
    grown = longer_picture(b"\0\0\0\1\x65", 5 + more)
    assert len(grown) == 5 + more
    length = int.from_bytes(grown[5:9], "big")
    assert (length, grown[9] & 31, grown[-1]) == (more - 4, 12, 0x80)


def test_a_picture_cannot_grow_by_less_than_a_unit_and_no_sound_can_shrink():
    with pytest.raises(ValueError, match="at least 6"):
        longer_picture(b"abc", 8)
    with pytest.raises(ValueError, match="cannot shorten"):
        longer_sound(b"abc", 2)
    with pytest.raises(ValueError, match="no end"):
        longer_sound(b"\0\0\0", 9)


@pytest.mark.parametrize("more", [*range(1, 20), 268, 269, 270, 271, 272, 700])
def test_a_sound_grows_by_any_number_of_bytes_and_sounds_the_same(tmp_path, more):
    path = clip(tmp_path / "a.mp4", 3, 1, seconds=0.2)
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        packets = [bytes(packet) for packet in container.demux(stream) if packet.size]
        head = stream.codec_context.extradata

    def heard(coded: list[bytes]) -> np.ndarray:
        decoder = av.CodecContext.create("aac", "r")
        decoder.extradata = head
        frames = [f for data in coded for f in decoder.decode(av.Packet(data))]
        return np.concatenate([frame.to_ndarray() for frame in frames], 1)

    grown = [longer_sound(data, len(data) + more) for data in packets]
    assert [len(data) for data in grown] == [len(data) + more for data in packets]
    assert np.array_equal(heard(packets), heard(grown))
