"""A script becomes sound, face and pose that belong together."""

import numpy as np
import pytest

from flowact.datagen.performance.behaviours import BEHAVIOURS, OPENS_MOUTH
from flowact.datagen.performance.performance import (
    TRAINING_VOICES,
    Performance,
    Script,
    Segment,
    perform,
    quiet_frames,
    random_script,
    rest_performance,
)
from flowact.datagen.voice.sentences import HELD_OUT_SHARE, is_held_out, random_sentence
from flowact.datagen.voice.speech import HELD_OUT_VOICE
from flowact.motion.arkit import CURVE, columns
from flowact.motion.joints import JOINTS, joint
from flowact.timebase import FPS, FRAMES_PER_LATENT, SAMPLES_PER_FRAME

VOICE = "espeak:en-us"
OPENING = [CURVE[n] for n in ("jawOpen", "mouthLowerDownLeft", "mouthUpperUpLeft", "mouthFunnel")]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(scope="module")
def talk() -> Performance:
    segments = (
        Segment("listening", seconds=1.2),
        Segment("speaking", "Peter bought my mother some purple plums."),
        Segment("idling", seconds=1.5),
        Segment("smiling", "What a lovely day."),
    )
    return perform(Script(segments, 8.0, VOICE), 3)


def test_everything_has_one_entry_per_frame(talk: Performance) -> None:
    frames = len(talk.behaviour)
    assert frames == 8 * FPS
    assert frames % FRAMES_PER_LATENT == 0
    assert talk.audio.shape == (frames * SAMPLES_PER_FRAME,)
    assert talk.curves.shape == (frames, 52)
    assert talk.pose.shape == (frames, len(JOINTS), 3)
    assert talk.audio.dtype == talk.curves.dtype == talk.pose.dtype == np.float32
    assert 0 <= talk.curves.min() <= talk.curves.max() <= 1


def test_the_same_seed_repeats_and_another_does_not(talk: Performance) -> None:
    script = Script((Segment("speaking", "Maybe."), Segment("thinking")), 2.0, VOICE)
    first, second, other = (perform(script, seed) for seed in (1, 1, 2))
    for name in ("audio", "curves", "pose", "behaviour"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name
    assert not np.array_equal(first.audio, other.audio)
    assert not np.array_equal(first.pose, other.pose)


def test_silence_has_a_shut_mouth(talk: Performance) -> None:
    silent = quiet_frames(talk.phonemes, len(talk.behaviour))
    assert 40 < silent.sum() < 160
    assert not talk.curves[silent][:, OPENING].any()


def test_speech_opens_the_mouth_and_lips_meet(talk: Performance) -> None:
    shut = [p for p in talk.phonemes if p.label in ("p", "b", "m")]
    assert len(shut) >= 8
    for phoneme in shut:
        frame = int((phoneme.start + 0.42 * (phoneme.end - phoneme.start)) * FPS)
        assert talk.curves[frame, OPENING].max() < 0.01, phoneme
    assert talk.curves[:, CURVE["jawOpen"]].max() > 0.3


def test_labels_follow_the_script(talk: Performance) -> None:
    order = talk.behaviour[np.flatnonzero(np.diff(talk.behaviour, prepend=255))]
    named = [BEHAVIOURS[i] for i in order]
    assert named[:4] == ["listening", "speaking", "idling", "smiling"]
    speaking = np.flatnonzero(talk.behaviour == BEHAVIOURS.index("speaking"))
    assert talk.phonemes[0].start * FPS >= speaking[0]


def test_the_eyes_stay_on_the_viewer_while_the_head_moves(talk: Performance) -> None:
    world = sum(talk.pose[:, joint(name)] for name in ("spine", "neck", "head", "eye_left"))
    assert np.degrees(np.abs(world[:, 0]).mean()) < 1.5
    assert np.degrees(np.abs(world[:, 1]).mean()) < 2.0
    assert np.degrees(talk.pose[:, joint("head"), 1].std()) > 0.3


def test_the_head_stays_near_the_centre(talk: Performance) -> None:
    head = np.degrees(np.abs(talk.pose[:, joint("neck")] + talk.pose[:, joint("head")]))
    assert (head.max(axis=0) <= (14.01, 20.01, 12.01)).all()
    assert (head.mean(axis=0) < 7).all()


@pytest.mark.parametrize("name", BEHAVIOURS)
def test_every_behaviour_can_be_performed_in_silence(name: str) -> None:
    acted = perform(Script((Segment(name, seconds=3.0),), 2.0, VOICE), 4)
    assert (acted.behaviour == BEHAVIOURS.index(name)).all()
    assert acted.curves[:, OPENING].any() == (name in OPENS_MOUTH)
    assert np.isfinite(acted.pose).all()
    assert np.abs(np.diff(acted.pose, axis=0)).max() < 0.6


def test_the_rest_is_a_shut_slightly_smiling_mouth() -> None:
    curves, pose = rest_performance(0.15)
    assert curves[list(columns("mouthSmile"))] == pytest.approx(0.15)
    assert np.count_nonzero(curves) == 2
    assert not pose[joint("head")].any()


def test_random_scripts_keep_the_held_out_voice_and_sentences_apart() -> None:
    for seed in range(40):
        for split, held_out in (("train", False), ("heldout", True)):
            script = random_script(rng(seed), 8.0, split)
            assert (script.voice == HELD_OUT_VOICE) == held_out
            assert all(is_held_out(s.text) == held_out for s in script.segments if s.text)
    assert HELD_OUT_VOICE not in TRAINING_VOICES


def test_random_scripts_mostly_talk_and_show_every_behaviour() -> None:
    scripts = [random_script(rng(seed), 8.0) for seed in range(300)]
    spoken = sum(len(s.text) * 0.065 for x in scripts for s in x.segments if s.text)
    silent = sum(s.seconds for x in scripts for s in x.segments if not s.text)
    assert 0.6 < spoken / (spoken + silent) < 0.85
    assert {s.behaviour for x in scripts for s in x.segments} == set(BEHAVIOURS)


def test_sentences_are_many_and_a_tenth_is_held_out() -> None:
    sentences = {random_sentence(rng(seed)) for seed in range(500)}
    assert len(sentences) > 450
    assert not any(map(is_held_out, sentences))
    drawn = [f"sentence number {n}" for n in range(4000)]
    assert np.mean([is_held_out(s) for s in drawn]) == pytest.approx(HELD_OUT_SHARE, abs=0.02)
    assert is_held_out("Hello There.") == is_held_out("hello there.")
