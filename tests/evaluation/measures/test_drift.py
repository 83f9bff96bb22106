"""A session is watched over minutes, second by second."""

from dataclasses import replace

import numpy as np
import pytest

from flowact.evaluation.judges.readers import MouthReader
from flowact.evaluation.measures.drift import Drift, IdentityWatch, measure_drift, people_apart
from flowact.evaluation.measures.reconstruction import own_tokenizer
from flowact.evaluation.report.plots import plot_drift
from flowact.evaluation.subjects import Subject
from flowact.timebase import FPS
from tests.tiny_assets import picture
from tests.tiny_pipeline import speech, tiny_pipeline


def drift(seconds: int) -> Drift:
    time = np.arange(seconds) + 0.96
    flat = np.ones(seconds)
    mouth = np.sin(np.arange(seconds * FPS) / 3)
    late = np.concatenate([mouth[: 60 * FPS], np.roll(mouth, 2)[60 * FPS :]])
    rows = (1 + (time >= 60), flat, 1 / (1 + (time >= 120)), flat, flat, late, mouth)
    return Drift(time, *(row[None] for row in rows))


def test_minutes_are_told_apart_and_a_short_rest_is_left_out() -> None:
    found = drift(200)
    assert found.by_minute()["identity"] == [1, 2, 2]
    assert found.by_minute()["sharpness"] == [1, 1, 0.5]
    growth = found.growth()
    assert growth.pop("lips") == pytest.approx(1)
    assert growth == {"identity": 2, "colour": 1, "sharpness": 0.5, "motion": 1, "memory": 1}
    assert len(drift(150).by_minute()["colour"]) == 3


def test_a_long_session_is_compared_over_a_sixth_of_it() -> None:
    long = drift(18 * 60)
    assert [long.end_minutes, drift(200).end_minutes] == [3, 1]
    assert long.by_minute()["identity"][:4] == [1, 2, 2, 2]
    assert long.growth()["identity"] == pytest.approx(2 / np.mean([1, 2, 2]))
    low, high = long.growth_range("identity")
    assert 1 < low < long.growth()["identity"] < high < 2


def test_a_departure_is_a_share_of_what_separates_two_people() -> None:
    departures = drift(200).departures({"identity": 40.0, "colour": 10.0})
    assert departures == {
        "identity": [0, 1 / 40, 1 / 40],
        "colour": [0, 0, 0],
        "sharpness": [0, 0, 0.5],
    }


def test_chance_is_told_from_growth() -> None:
    found = drift(130)
    assert found.growth_range("identity") == (2, 2)
    rng = np.random.default_rng(0)
    restless = replace(found, colour=rng.exponential(1, (1, 130)))
    low, high = restless.growth_range("colour")
    assert low < restless.growth()["colour"] < high
    assert high - low > 0.2


def test_a_trend_is_told_from_minutes_that_differ() -> None:
    time = np.arange(1200) + 0.5
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.05, 20).repeat(60)
    flat, mouth = np.ones((1, 1200)), np.zeros((1, 1200 * FPS))
    rows = dict.fromkeys(("identity", "colour", "sharpness", "motion", "memory"), flat)
    found = Drift(
        **{**rows, "identity": (1 + noise)[None], "colour": (1 + 0.4 * time / 1200 + noise)[None]},
        seconds=time,
        opening=mouth,
        expected=mouth,
    )
    _, low, high = found.trend("identity")
    assert low < 0 < high
    middle, low, high = found.trend("colour")
    assert 0.2 < low < middle < high < 0.5
    assert found.trend("sharpness")[0] == 0
    assert np.isnan(drift(130).trend("colour")).all()


def test_sessions_are_averaged_and_leave_less_to_chance() -> None:
    rng = np.random.default_rng(0)
    many = [replace(drift(130), colour=rng.exponential(1, (1, 130))) for _ in range(8)]
    joined = Drift.joined(many)
    assert joined.by_minute()["colour"][0] == pytest.approx(
        np.mean([session.by_minute()["colour"][0] for session in many])
    )
    assert joined.lip_sync(1).lag_frames == 2

    def width(found: Drift) -> float:
        low, high = found.growth_range("colour")
        return high - low

    assert width(joined) < 0.7 * np.mean([width(session) for session in many])


def test_lips_are_followed_minute_by_minute() -> None:
    found = drift(130)
    assert [found.lip_sync(minute).lag_frames for minute in (0, 1)] == [0, 2]
    assert found.lip_sync(0).correlation == pytest.approx(1)


def test_curves_become_a_picture(tmp_path) -> None:
    plot_drift(drift(130), tmp_path / "drift.png")
    assert (tmp_path / "drift.png").read_bytes().startswith(b"\x89PNG")


def test_another_person_is_further_away_than_the_same_one() -> None:
    portrait = picture()
    watch = IdentityWatch(own_tokenizer(tiny_pipeline()), portrait)
    same, colour, sharp = watch.look(portrait)
    other, other_colour, _ = watch.look(portrait[::-1, :, ::-1].copy())
    assert same == pytest.approx(0, abs=1e-5)
    assert colour == 0
    assert other > 1e-4
    assert other_colour > 20
    apart = people_apart(own_tokenizer(tiny_pipeline()), [portrait, portrait[::-1, :, ::-1].copy()])
    assert apart == pytest.approx({"identity": other, "colour": other_colour}, rel=1e-3)
    assert watch.look(np.kron(portrait[::8, ::8], np.ones((8, 8, 1))).astype(np.uint8))[2] != sharp


def test_sessions_are_watched_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowact.evaluation.measures.drift.MINUTE", 6)
    sound = speech(3.0).read()
    silent, opening = np.zeros(75, bool), np.zeros(75, np.float32)
    people = [
        Subject(name, portrait, sound, opening, silent, ())
        for name, portrait in (("a", picture()), ("b", picture()[:, ::-1].copy()))
    ]
    reader = MouthReader().eval()
    pipeline, seen = tiny_pipeline(), []
    stream = pipeline.stream
    monkeypatch.setattr(
        pipeline, "stream", lambda who, *a, **kw: seen.append(who) or stream(who, *a, **kw)
    )
    found = measure_drift(pipeline, reader, people, 0.5, sessions=2)
    assert all(np.array_equal(who, p.reference) for who, p in zip(seen, people, strict=True))
    assert found.seconds == pytest.approx([0.96, 1.96, 2.96])
    assert found.motion.shape == (2, 3)
    assert (found.motion > 0).all()
    assert (found.memory > 50).all()
    assert found.opening.shape == found.expected.shape == (2, 75)
    with pytest.raises(ValueError, match="at least 0.5"):
        measure_drift(tiny_pipeline(), reader, people, 0.2)
