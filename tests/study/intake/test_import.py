"""`import` reads everything, builds nothing, and tells in time what a lab would find out too late."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import yaml

from mediafiles.sound import read_mono
from study.cli import main
from study.design import builder, media, stimuli
from study.design.config import load, parse
from study.encoding.clip_format import RATES, ClipFormat, best_rate, judder
from study.errors import StudyError
from study.intake import differences, inspection
from tests.mediafiles.sources import Clip, trim, turn, write
from tests.mediafiles.test_sound import wav

EXACT = 0.005


def study_of(
    folder: Path, clips: dict[str, Clip], name: str = "a.mp4", items=("1", "2"), **changes
):
    """A folder with a video per system and item, and no driving sound; returns its configuration."""
    rows = ["system,item,file,licence"]
    made: dict[Clip, bytes] = {}
    for system, clip in clips.items():
        (folder / system).mkdir(exist_ok=True)
        for item in items:
            path = folder / system / f"{item}-{name}"
            path.write_bytes(
                made.get(clip) or made.setdefault(clip, write(path, clip).read_bytes())
            )
            rows.append(f"{system},{item},{system}/{item}-{name},CC0")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    raw = {
        "name": "lab",
        "title": {"en": "Which?"},
        "seed": 1,
        "candidate": next(iter(clips)),
        "trials": {"training": 0, "catch": {"shifted": 0, "identical": 0, "repeated": 0}},
        "stimuli": {"preset": "ultrafast"},
    }
    raw |= changes
    (folder / "study.yaml").write_text(yaml.safe_dump(raw))
    return parse(raw, "study.yaml")


def found(folder: Path, config) -> inspection.Inspection:
    return inspection.inspect(config, stimuli.read(folder / "manifest.csv"))


def refusal(folder: Path, config) -> str:
    with pytest.raises(StudyError) as caught:
        found(folder, config)
    assert "\n" not in str(caught.value)
    return str(caught.value)


SHORT = Clip(seconds=0.4, at=0.1, size=(64, 64))


def test_alike_videos_are_told_nothing(tmp_path):
    config = study_of(tmp_path, {"ours": SHORT, "other": SHORT})
    seen = found(tmp_path, config)
    assert list(differences.sentences(seen)) == []
    assert (seen.form.width, seen.form.height, seen.form.fps) == (64, 64, 25)
    lines = differences.table(seen).splitlines()
    assert lines[0].split() == [
        "system",
        "videos",
        "size",
        "frames/s",
        "seconds",
        "sound",
        "stored",
    ]
    assert lines[1].split()[:5] == ["ours", "2", "64x64", "25", "0.40"]
    assert lines[-1] == "Clips will have 64x64 pixels and 25 frames a second (pad)."


CASES = [
    ("framing", Clip(seconds=0.4, at=0.1, size=(128, 64)), "set stimuli.fit: crop"),
    ("size", Clip(seconds=0.4, at=0.1, size=(32, 32)), "are enlarged"),
    ("rate", Clip(seconds=0.4, at=0.1, size=(64, 64), fps=Fraction(24)), "moves less evenly"),
    ("stretched", Clip(seconds=0.4, at=0.1, size=(64, 128), aspect=Fraction(2)), "square pixels"),
    ("length", Clip(seconds=0.6, at=0.1, size=(64, 64)), "0.40 s of each are shown"),
    ("sound", Clip(seconds=0.4, at=9.0, size=(64, 64)), "name one driving sound"),
    ("variable rate", Clip(seconds=0.4, at=0.1, size=(64, 64), times=lambda n: n * 0.04 + 0.02 * (n % 2)), "steady"),
]  # fmt: skip


@pytest.mark.parametrize(("word", "clip", "cure"), CASES, ids=[case[0] for case in CASES])
def test_each_difference_is_named_with_its_cure(tmp_path, word, clip, cure):
    seen = found(tmp_path, study_of(tmp_path, {"ours": SHORT, "third": SHORT, "other": clip}))
    said = next(s for s in differences.sentences(seen) if s.startswith(f"{word}: "))
    assert cure in said
    assert "'other'" in said or word in ("length", "sound")


def test_turned_videos_are_turned_and_told(tmp_path):
    config = study_of(tmp_path, {"ours": SHORT, "other": SHORT}, items=("1",))
    turn(tmp_path / "other" / "1-a.mp4", (0, -1, 1, 0))
    (said,) = differences.sentences(found(tmp_path, config))
    assert said.startswith("turned: videos of 'other' are turned upright")


@pytest.mark.parametrize(
    ("rates", "chosen"),
    [
        ([25, 25], 25), ([30000 / 1001, 30], 30), ([24], 24), ([60000 / 1001], 60), ([15], 30),
        ([25, 50], 50), ([30, 60], 60), ([24, 25, 30], 60), ([24000 / 1001], 24), ([12.5], 25),
    ],
)  # fmt: skip
def test_the_rate_is_chosen_for_the_material(rates, chosen):
    facts = [FACTS._replace(rate=rate) for rate in rates]
    assert best_rate(facts) == chosen
    assert judder(24, 24) == 0
    assert judder(24, 25) > 0.03
    assert set(RATES) == {24, 25, 30, 48, 50, 60}


@pytest.mark.parametrize(
    ("rates", "chosen"), [([25], 50), ([24], 48), ([30, 30], 60), ([24, 25], 60)]
)
def test_a_variable_rate_gets_a_high_one_that_suits_the_others(rates, chosen):
    facts = [FACTS._replace(rate=rate) for rate in rates]
    facts[0].variable_rate = True
    assert best_rate(facts) == chosen


class FACTS:
    """A video's facts as far as the rate asks for them."""

    def __init__(self, rate: float) -> None:
        self.rate, self.variable_rate = rate, False

    _replace = classmethod(lambda cls, rate: cls(rate))


@pytest.mark.parametrize("kind", ["missing", "silent", "short", "damaged"])
def test_driving_sounds_are_read_like_videos(tmp_path, kind):
    config = study_of(tmp_path, {"ours": SHORT, "other": SHORT}, items=("1",))
    tone = (0.3 * np.sin(np.arange(6400) / 5)).astype("f4")
    sounds = {"silent": 0 * tone, "short": tone[:3200], "damaged": tone, "missing": tone}
    (tmp_path / "in.wav").write_bytes(wav(sounds[kind]))
    if kind == "damaged":
        (tmp_path / "in.wav").write_bytes(b"RIFFnothing")
    elif kind == "missing":
        (tmp_path / "in.wav").unlink()
    rows = (tmp_path / "manifest.csv").read_text().replace("licence", "licence,audio", 1)
    (tmp_path / "manifest.csv").write_text(rows.replace("CC0", "CC0,in.wav"))
    said = {
        "missing": "'in.wav' does not exist",
        "silent": "in.wav: is silent, so nothing would be heard in item '1'",
        "short": "in.wav: lasts 0.20 s, but the videos of item '1' are shown for 0.40 s",
        "damaged": "in.wav: is not audio that can be read",
    }[kind]
    assert said in refusal(tmp_path, config)


def test_what_no_build_can_mend_is_refused_here(tmp_path):
    mute = Clip(seconds=0.4, at=0.1, size=(64, 64), sound=None)
    config = study_of(tmp_path, {"ours": SHORT, "other": mute}, items=("1",))
    assert "other/1-a.mp4: has no sound; name the driving sound" in refusal(tmp_path, config)
    other = config.model_copy(update={"candidate": "nobody"})
    assert "candidate 'nobody' is not in the manifest" in refusal(tmp_path, other)
    raw = config.model_dump(mode="json", exclude_none=True) | {
        "dimensions": [{"id": "realism"}, {"id": "overall"}],
    }
    worded = parse(raw, "study.yaml")
    assert "'realism' has no text in 'en'" in refusal(tmp_path, worded)


FLASH = Clip(seconds=0.9, at=0.6, size=(64, 64))


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.ts"])
@pytest.mark.parametrize("case", ["in sync", "sound late", "pictures late", "trimmed"])
def test_flash_and_beep_stay_together_through_the_study(tmp_path, name, case):
    if case == "trimmed" and name != "a.mp4":
        pytest.skip("edit lists are of mp4")
    starts = {"sound late": {"sound_from": 0.36}, "pictures late": {"pictures_from": 0.2}}
    clip = replace(FLASH, **starts.get(case, {}))
    config = study_of(tmp_path, {"ours": clip, "other": clip}, name, items=("1",))
    if case == "trimmed":
        for system in ("ours", "other"):
            trim(tmp_path / system / "1-a.mp4", 0.2)
    index = builder.build(config, stimuli.read(tmp_path / "manifest.csv"), tmp_path / "built")
    form = ClipFormat(64, 64, 25)
    for row in index.stimuli:
        path = tmp_path / "built" / row.file
        frames = [f[30:60].mean() for f in media.frames_at(path, form, row.frames)]
        flash = next(n for n, grey in enumerate(frames) if grey > 200) / 25
        sound = np.abs(read_mono(path, 48_000))
        beep = float(np.argmax(sound > 0.2 * sound.max())) / 48_000
        shown = FLASH.at - (0.2 if case in ("pictures late", "trimmed") else 0.0)
        assert flash == pytest.approx(shown, abs=EXACT)
        assert beep == pytest.approx(shown, abs=EXACT)


PQ = (("color_primaries", 9), ("color_trc", 16), ("colorspace", 9), ("color_range", 1))


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.ts"])
def test_pictures_that_begin_late_stay_with_the_driving_sound(tmp_path, name):
    """A player shows the flash when the driving sound beeps."""
    late = replace(FLASH, pictures_from=0.2)
    config = study_of(tmp_path, {"ours": FLASH, "other": late}, name, items=("1",))
    beep = np.zeros(14_400, np.float32)
    beep[9_600:11_200] = 0.5
    (tmp_path / "in.wav").write_bytes(wav(beep))
    rows = (tmp_path / "manifest.csv").read_text().replace("licence", "licence,audio", 1)
    (tmp_path / "manifest.csv").write_text(rows.replace("CC0", "CC0,in.wav"))
    index = builder.build(config, stimuli.read(tmp_path / "manifest.csv"), tmp_path / "built")
    for row in index.stimuli:
        path = tmp_path / "built" / row.file
        frames = [
            f[30:60].mean() for f in media.frames_at(path, ClipFormat(64, 64, 25), row.frames)
        ]
        assert next(n for n, grey in enumerate(frames) if grey > 200) == 15
        sound = np.abs(read_mono(path, 48_000))
        assert np.argmax(sound > 0.2 * sound.max()) / 48_000 == pytest.approx(FLASH.at, abs=EXACT)


ODD = {
    "h265": ("a.mp4", Clip(codec="libx265", fps=Fraction(24))),
    "hdr": ("a.mp4", Clip(codec="libx265", pixels="yuv420p10le", colours=PQ)),
    "turned": ("a.mp4", Clip(size=(96, 64))),
    "ntsc": ("a.mp4", Clip(fps=Fraction(30000, 1001))),
    "sixty": ("a.mp4", Clip(fps=Fraction(60))),
    "variable": ("a.mkv", Clip(times=lambda n: n * 0.04 + 0.02 * (n % 2))),
    "surround": ("a.mov", Clip(layout="5.1")),
    "vp9": ("a.webm", Clip(codec="libvpx-vp9", sound="libopus")),
    "av1": ("a.mp4", Clip(codec="libsvtav1")),
    "stream": ("a.ts", Clip(sound_from=0.3)),
    "old": ("a.mkv", Clip(codec="mpeg4", sound="libmp3lame")),
    "mute": ("a.mp4", Clip(sound=None)),
}  # fmt: skip


def test_the_guide_with_twelve_odd_videos_of_three_systems(tmp_path, capsys):
    """Import, build, audit and open, to the letter, with defaults: each system has its own oddities."""

    def run(*words) -> int:
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        return int(stopped.value.code)

    folder = tmp_path / "mystudy"
    assert run("init", folder) == 0
    (folder / "in.wav").write_bytes(wav((0.3 * np.sin(np.arange(24_000) / 5)).astype("f4")))
    rows = ["system;item;file;audio;licence"]
    for number, (name, (ending, clip)) in enumerate(ODD.items()):
        system, item = ("ours", "other", "third")[number % 3], number // 3 + 1
        path = write(folder / f"{name}-{ending}", replace(clip, seconds=1.0, at=0.6))
        if name == "turned":
            turn(path, (0, -1, 1, 0))
        rows.append(f"{system};{item};{path.name};in.wav;CC0")
    (folder / "manifest.csv").write_text("\ufeff" + "\n".join(rows) + "\n;;;;\n")
    for step in ("import", "build", "audit", "open"):
        assert run(step, folder) == 0, capsys.readouterr()
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    assert load(folder / "study.yaml").candidate == "ours"
    for word in ("framing", "rate", "turned", "wide colour", "variable rate"):
        assert f"study: warning: {word}: " in printed.err, word
