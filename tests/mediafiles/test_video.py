"""Videos are read as a player shows them: times, turns, aspects, colours."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from mediafiles import MediaError
from mediafiles.screen import Screen
from mediafiles.sound import read_mono
from mediafiles.video import inspect_video, video_frames
from tests.mediafiles.sources import RATE, Clip, trim, turn, write, write_sound

EXACT = 0.005


def flash(path: Path) -> float:
    """Seconds from the first picture to the flash."""
    screen = Screen(64, 64)
    return next(
        shown.time
        for shown in video_frames(path)
        if screen.show(shown.picture, shown.aspect)[30:50].mean() > 200
    )


def beep(path: Path) -> float:
    """Seconds from the first picture to the beep."""
    sound = np.abs(read_mono(path, RATE))
    return float(np.argmax(sound > 0.2 * sound.max())) / RATE


def first_frame(path: Path, screen: Screen) -> np.ndarray:
    shown = next(video_frames(path))
    return screen.show(shown.picture, shown.aspect)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.ts", "a.flv"])
@pytest.mark.parametrize(("pictures_from", "sound_from"), [(0.0, 0.0), (0.0, 0.36), (0.2, 0.0)])
def test_flash_and_beep_come_together_whenever_the_streams_begin(
    tmp_path: Path, name: str, pictures_from: float, sound_from: float
) -> None:
    clip = Clip(pictures_from=pictures_from, sound_from=sound_from)
    path = write(tmp_path / name, clip)
    seen = flash(path)
    assert seen == pytest.approx(1.0 - pictures_from, abs=EXACT)
    assert beep(path) == pytest.approx(seen, abs=EXACT)


def test_streams_put_together_are_shown_one_after_the_other(tmp_path: Path) -> None:
    """As `cat` does it: the times of the second begin anew."""
    parts = [write(tmp_path / f"{at}.ts", Clip(size=(64, 64), at=at)) for at in (0.4, 1.0)]
    path = tmp_path / "a.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    facts = inspect_video(path)
    assert facts.seconds == pytest.approx(3.0, abs=0.05)
    assert not facts.variable_rate
    sound, screen = np.abs(read_mono(path, RATE)), Screen(64, 64)
    heard = np.flatnonzero(sound > 0.2 * sound.max()) / RATE
    bright = [s.time for s in video_frames(path) if screen.show(s.picture)[30:50].mean() > 200]
    for moment in (0.4, 2.5):
        seen = min(time for time in bright if time > moment - 0.2)
        assert seen == pytest.approx(moment, abs=0.05)
        assert heard[heard > moment - 0.2].min() == pytest.approx(seen, abs=0.05)


@pytest.mark.parametrize("hidden", [0.2, 0.52])
def test_what_an_edit_list_hides_is_not_shown(tmp_path: Path, hidden: float) -> None:
    path = trim(write(tmp_path / "a.mp4", Clip()), hidden)
    facts = inspect_video(path)
    assert facts.seconds == pytest.approx(1.5 - hidden, abs=0.041)
    assert facts.missing_seconds < 0.041
    assert flash(path) == pytest.approx(1.0 - hidden, abs=0.021)
    assert beep(path) == pytest.approx(1.0 - hidden, abs=EXACT)


@pytest.mark.parametrize(
    ("matrix", "bar"),
    [
        ((1, 0, 0, 1), "top"),
        ((0, 1, -1, 0), "right"),
        ((-1, 0, 0, -1), "bottom"),
        ((0, -1, 1, 0), "left"),
        ((1, 0, 0, -1), "bottom"),
    ],
)
def test_pictures_are_turned_and_mirrored(
    tmp_path: Path, matrix: tuple[int, int, int, int], bar: str
) -> None:
    path = turn(write(tmp_path / "a.mp4", Clip(seconds=0.2, size=(160, 80))), matrix)
    upright = bar in ("top", "bottom")
    facts = inspect_video(path)
    assert (facts.width, facts.height) == ((160, 80) if upright else (80, 160))
    assert facts.turned == (matrix != (1, 0, 0, 1))
    shown = first_frame(path, Screen(facts.width, facts.height)).astype(int)
    red = shown[..., 0] - shown[..., 1] > 100
    edges = {"top": red[4], "bottom": red[-5], "left": red[:, 4], "right": red[:, -5]}
    assert max(edges, key=lambda edge: edges[edge].mean()) == bar


def test_pixels_that_are_not_square_are_stretched(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", Clip(seconds=0.2, size=(64, 128), aspect=Fraction(2)))
    facts = inspect_video(path)
    assert (facts.width, facts.height, facts.square_pixels) == (128, 128, False)
    shown = first_frame(path, Screen(96, 96, background=7))
    assert (shown[60] != 7).all()


@pytest.mark.parametrize(("fit", "grey_rows"), [("pad", 48), ("crop", 0)])
def test_a_wide_picture_is_padded_or_cropped(tmp_path: Path, fit, grey_rows: int) -> None:
    path = write(tmp_path / "a.mp4", Clip(seconds=0.2, size=(128, 64)))
    shown = first_frame(path, Screen(96, 96, fit, background=118))
    assert int((shown == 118).all(axis=(1, 2)).sum()) == grey_rows


@pytest.mark.parametrize("full", [False, True])
def test_the_range_of_colours_is_honoured(tmp_path: Path, full: bool) -> None:
    pixels = "yuvj420p" if full else "yuv420p"
    path = write(tmp_path / "a.mp4", Clip(seconds=0.2, pixels=pixels, grey=100))
    assert first_frame(path, Screen(64, 64))[40, 32].tolist() == pytest.approx([100] * 3, abs=3)


@pytest.mark.parametrize(("curve", "signal"), [(16, 0.5081), (18, 0.7500)])
def test_high_dynamic_range_becomes_as_bright_as_other_videos(
    tmp_path: Path, curve: int, signal: float
) -> None:
    """PQ's 100 and HLG's 203 cd/m2: with reference white at 203, 73 % and 100 % of sRGB's signal."""
    clip = Clip(
        seconds=0.2,
        codec="libx265",
        pixels="yuv420p10le",
        grey=round(255 * signal),
        colours=(
            ("color_primaries", 9),
            ("color_trc", curve),
            ("colorspace", 9),
            ("color_range", 1),
        ),
    )
    path = write(tmp_path / "a.mp4", clip)
    assert inspect_video(path).wide_colour
    shown = first_frame(path, Screen(64, 64))[40, 32]
    assert shown.max() - shown.min() <= 6
    assert shown.mean() == pytest.approx(188 if curve == 16 else 253, abs=8)


@pytest.mark.parametrize(
    ("name", "codec", "sound", "fps"),
    [
        ("a.webm", "libvpx-vp9", "libopus", Fraction(24)),
        ("a.mp4", "libsvtav1", None, Fraction(30000, 1001)),
        ("a.mp4", "libx265", "aac", Fraction(60)),
        ("a.mov", "prores", "pcm_s16le", Fraction(24000, 1001)),
        ("a.mkv", "ffv1", "flac", Fraction(50)),
    ],
)
def test_rates_and_codecs_of_other_people(
    tmp_path: Path, name: str, codec: str, sound: str | None, fps: Fraction
) -> None:
    pixels = "yuv422p10le" if codec == "prores" else "yuv420p"
    path = write(tmp_path / name, Clip(codec=codec, sound=sound, fps=fps, pixels=pixels))
    facts = inspect_video(path)
    assert facts.rate == pytest.approx(float(fps), rel=0.002)
    assert not facts.variable_rate
    assert facts.has_sound == (sound is not None)
    assert facts.seconds == pytest.approx(1.5, abs=0.03)
    assert flash(path) == pytest.approx(1.0, abs=1 / float(fps))


def numbered(number: int, pixels: np.ndarray, kind: str) -> av.VideoFrame:
    frame = av.VideoFrame.from_ndarray(pixels, format=kind)
    frame.pts, frame.time_base = number, Fraction(1, 25)
    return frame


def test_transparent_parts_are_black(tmp_path: Path) -> None:
    """Whatever colour lies beneath: players show none of it."""
    with av.open(str(tmp_path / "a.mov"), "w") as container:
        stream = container.add_stream("png", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "rgba"
        pixels = np.full((64, 64, 4), (200, 100, 50, 0), np.uint8)
        pixels[:32, :, 3] = 255
        for number in range(2):
            container.mux(stream.encode(numbered(number, pixels, "rgba")))
        container.mux(stream.encode(None))
    shown = first_frame(tmp_path / "a.mov", Screen(64, 64))
    assert shown[10, 10].tolist() == [200, 100, 50]
    assert shown[50, 10].tolist() == [0, 0, 0]


def test_interlaced_frames_show_one_moment(tmp_path: Path) -> None:
    """A camera's frame whose lines alternate between two moments would be a comb."""
    comb = np.full((64, 64, 3), 40, np.uint8)
    comb[1::2] = 200
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "ultrafast", "qp": "1", "x264-params": "tff=1:interlaced=1"}
        for number in range(3):
            container.mux(stream.encode(numbered(number, comb, "rgb24")))
        container.mux(stream.encode(None))
    assert inspect_video(tmp_path / "a.mkv").interlaced
    assert np.ptp(first_frame(tmp_path / "a.mkv", Screen(64, 64)).astype(int)[..., 1]) < 30


def test_pictures_all_at_one_moment_are_no_video(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mkv", Clip(seconds=0.4, sound=None, times=lambda n: n // 9 / 1000))
    with pytest.raises(MediaError, match="shows more than a thousand pictures a second"):
        inspect_video(path)


@pytest.mark.parametrize("codes", [(1, 9, 1), (2, 2, 8), (9, 14, 10), (9, 16, 14)])
def test_colours_that_cannot_be_converted_are_told_when_a_video_is_inspected(
    tmp_path: Path, codes: tuple[int, int, int]
) -> None:
    """Logarithmic light, YCgCo, constant luminance, ICtCp."""
    names = ("color_primaries", "color_trc", "colorspace")
    colours = (*zip(names, codes, strict=True), ("color_range", 1))
    path = write(tmp_path / "a.mkv", Clip(seconds=0.2, pixels="yuv444p", colours=colours))
    with pytest.raises(MediaError, match="has colours that cannot be shown here; export it in"):
        inspect_video(path)


def copied(source: Path, target: Path, seconds: float, **options: str) -> Path:
    """The same packets with all times moved."""
    with av.open(str(source)) as read, av.open(str(target), "w", options=options) as container:
        streams = [container.add_stream_from_template(stream) for stream in read.streams]
        for packet in read.demux():
            if packet.dts is None:
                continue
            moved = round(seconds / packet.time_base)
            packet.pts, packet.dts = packet.pts + moved, packet.dts + moved
            packet.stream = streams[packet.stream.index]
            container.mux(packet)
    return target


@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.ts"])
def test_a_recording_that_kept_its_clock_begins_at_once(tmp_path: Path, name: str) -> None:
    """As cutting a piece out of a broadcast leaves it: nobody waits for two hours."""
    path = copied(write(tmp_path / "b.mp4", Clip()), tmp_path / name, 7200.0)
    assert inspect_video(path).lead < 0.05
    assert inspect_video(path).seconds == pytest.approx(1.5, abs=0.05)


def test_times_before_the_beginning_are_kept_apart(tmp_path: Path) -> None:
    """Matroska's reader gives pictures before 0 no time; their durations say when they are shown."""
    plain = write(tmp_path / "b.mp4", Clip())
    path = copied(plain, tmp_path / "a.mkv", -0.5, avoid_negative_ts="disabled")
    facts = inspect_video(path)
    assert (facts.seconds, facts.rate) == (
        pytest.approx(1.5, abs=0.05),
        pytest.approx(25, rel=0.01),
    )
    assert flash(path) == pytest.approx(1.0, abs=0.03)


def test_a_variable_rate_is_seen_and_its_times_kept(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", Clip(at=1.02, times=lambda n: n * 0.04 + 0.02 * (n % 2)))
    assert inspect_video(path).variable_rate
    assert flash(path) == pytest.approx(1.02, abs=EXACT)
    assert beep(path) == pytest.approx(1.02, abs=EXACT)


def test_a_damaged_packet_costs_only_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "a.ts", Clip())
    data = bytearray(path.read_bytes())
    data[len(data) // 3 : len(data) // 3 + 200] = b"\0" * 200
    path.write_bytes(data)
    assert flash(path) == pytest.approx(1.0, abs=EXACT)
    assert beep(path) == pytest.approx(1.0, abs=EXACT)


def test_a_file_that_breaks_off_says_by_how_much(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", Clip(seconds=2.0, sound=None))
    assert inspect_video(path).missing_seconds == 0
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    assert inspect_video(path).missing_seconds > 0.3


def test_the_cover_of_a_song_is_no_video(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        write_sound(container, container.add_stream("libopus", rate=RATE, layout="mono"), Clip())
    with pytest.raises(MediaError, match="^a.mkv has no picture in it.$"):
        inspect_video(tmp_path / "a.mkv")
