"""The sample study is made by the real network from rendered clips, and its baselines really differ."""

import shutil
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flowact.datagen.clip import FLOW_GRID, LANDMARKS, Clip, encode_jpeg, pack_frames
from study import sample
from study.design import audit_record, builder, flowact_adapter
from study.design.config import load
from study.design.jaw_loop import Mouth, jaw_loop, loudness
from study.errors import StudyError

ASSETS = Path(__file__).parents[2] / "assets"
FRAMES = 24  # two chunks: the second is the first that can look back
PORTRAITS = ("mira", "omar")
MIRAS_MOUTH = (240, 225)  # pixels; the clips say 230


def sentence() -> np.ndarray:
    with wave.open(str(ASSETS / "speech" / "welcome.wav")) as sound:
        assert sound.getframerate() == flowact_adapter.SOUND_RATE
        return np.frombuffer(sound.readframes(sound.getnframes()), np.int16)


def clip_of(name: str, frames: int = FRAMES) -> Clip:
    """A shipped portrait that brightens while it says the start of the shipped sentence."""
    portrait = np.asarray(Image.open(ASSETS / "characters" / name / "portrait.png").convert("RGB"))
    pictures = [np.minimum(255, portrait.astype(int) + n).astype(np.uint8) for n in range(frames)]
    data, offsets = pack_frames(pictures)
    landmarks = np.full((frames, len(LANDMARKS), 2), 200.0, np.float16)
    landmarks[:, LANDMARKS.index("mouth_left")] = (220, 230)
    landmarks[:, LANDMARKS.index("mouth_right")] = (260, 230)
    flow = np.zeros((frames, FLOW_GRID, FLOW_GRID, 2), np.float16)
    visible = np.zeros((frames, FLOW_GRID, FLOW_GRID), np.uint8)
    return Clip(
        frames=data,
        frame_offsets=offsets,
        reference=encode_jpeg(portrait),
        audio=sentence()[: frames * 640],
        curves=np.zeros((frames, 52), np.float16),
        pose=np.zeros((frames, 3, 3), np.float16),
        opening=np.zeros(frames, np.float16),
        landmarks=landmarks,
        flow_whole=flow,
        flow_face=flow,
        visible_whole=visible,
        visible_face=visible,
        behaviour=np.zeros(frames, np.uint8),
        phonemes=(),
        meta={},
    )


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clips")
    for name in PORTRAITS:
        clip_of(name).save(folder / f"{name}.npz")
    return folder


@pytest.fixture(scope="module")
def shown(clips, tmp_path_factory):
    """What every system shows for one excerpt."""
    excerpt = flowact_adapter.excerpt(clips / "mira.npz", FRAMES)
    voice = tmp_path_factory.mktemp("voice") / "voice.wav"
    sample._write_wav(voice, excerpt.voice)
    return {name: play(excerpt, voice) for name, play in flowact_adapter.systems().items()}


def test_every_system_shows_the_whole_voice_and_no_two_the_same(shown):
    assert set(shown) == {"model", "no_memory", "one_step", "jaw_loop", "rendered"}
    for pictures in shown.values():
        assert pictures.shape == (FRAMES, 480, 480, 3)
        assert pictures.dtype == np.uint8
    names = sorted(shown)
    for one in names:
        for other in names[names.index(one) + 1 :]:
            assert np.abs(shown[one].astype(int) - shown[other]).max() > 8, (one, other)


def test_without_memory_only_the_start_is_the_models(shown):
    """A session begins with nothing to remember, so the first chunk is the same; later ones are not."""
    assert np.array_equal(shown["model"][:12], shown["no_memory"][:12])
    assert not np.array_equal(shown["model"][12:24], shown["no_memory"][12:24])


def test_the_jaw_drops_where_the_portrait_has_its_mouth(clips):
    """Not where the clip's landmarks say that it is while the person moves."""
    mouth = flowact_adapter.excerpt(clips / "mira.npz", FRAMES).mouth
    assert (mouth.x, mouth.y) == pytest.approx(MIRAS_MOUTH, abs=2)
    assert 22 < mouth.half < 26


def test_the_jaw_follows_the_voice():
    portrait = np.random.default_rng(0).integers(0, 255, (96, 96, 3)).astype(np.uint8)
    voice = np.concatenate([np.zeros(640 * 4), np.full(640 * 4, 9000)]).astype(np.int16)
    level = loudness(voice, 8)
    assert level[0] == 0
    assert level[-2] == pytest.approx(1, abs=0.01)
    quiet, loud = jaw_loop(portrait, np.array([0.0, 1.0]), Mouth(48, 48, 12), fps=10**6)
    assert np.array_equal(quiet, portrait)
    assert np.array_equal(loud[:48], portrait[:48]) or np.abs(loud[:48] - portrait[:48]).max() <= 1
    assert loud[52, 48].max() < 110  # the dark of the open mouth
    assert not np.array_equal(loud[60:], portrait[60:])


def test_one_command_makes_the_study_and_replaces_an_older_one(clips, tmp_path):
    folder = tmp_path / "study"
    index = sample.make(folder, clips, items=2, frames=FRAMES)
    assert {path.name for path in folder.iterdir()} == sample.PARTS
    assert {row.system for row in index.stimuli} == {
        "model", "no_memory", "one_step", "jaw_loop", "rendered",
    }  # fmt: skip
    audit_record.require_passed(load(folder / "study.yaml"), index, folder / "audit.json")
    (folder / "audit.json").unlink()
    (clips_of_one := tmp_path / "clips").mkdir()
    shutil.copy(clips / "mira.npz", clips_of_one)
    with pytest.raises(StudyError, match=r"holds 1 rendered clips \(\.npz\), expected 2"):
        sample.make(folder, clips_of_one, items=2, frames=FRAMES)
    assert builder.read_index(folder / "stimuli").hash() == index.hash()
    (folder / "study.db").touch()
    with pytest.raises(StudyError, match=r"holds study\.db, which is no part of a sample"):
        sample.make(folder, clips, items=2, frames=FRAMES)


def test_what_is_no_rendered_clip_is_one_sentence(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"text")
    with pytest.raises(StudyError, match=r"x\.npz: not a rendered clip"):
        flowact_adapter.excerpt(tmp_path / "x.npz", FRAMES)
    clip_of("mira", 8).save(tmp_path / "short.npz")
    with pytest.raises(StudyError, match=r"short\.npz: has 8 frames, expected at least 24"):
        flowact_adapter.excerpt(tmp_path / "short.npz", FRAMES)
