"""Only headphones let anybody hear which noise holds the tone, and who does not hear it does not get in."""

import io
import wave

import numpy as np
import pytest

from study.analysis import bundle, latex_tables
from study.analysis.dataset import read
from study.analysis.report import report
from study.analysis.verify import verify
from study.server import exports, headphones
from study.voting import lifecycle
from tests.study.tiny import api_client, open_at, someone, take_part


@pytest.fixture
def strict(built, tmp_path, clock):
    context = open_at(built, tmp_path, clock, sound_check={"headphones": True})
    yield context
    context.store.close()


def band(sound: np.ndarray) -> tuple[float, float]:
    """Energy of one channel in the band of the tone, and in one as broad above it."""
    power = np.abs(np.fft.rfft(sound)) ** 2
    hertz = np.fft.rfftfreq(len(sound), 1 / headphones.RATE)
    return tuple(float(power[np.abs(hertz / f - 1) <= 0.05].sum()) for f in (600.0, 800.0))


def test_the_tone_is_in_neither_channel_and_gone_where_they_mix():
    with wave.open(io.BytesIO(headphones.rounds("231", np.random.default_rng(0)))) as sound:
        assert (sound.getnchannels(), sound.getframerate()) == (2, headphones.RATE)
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2").reshape(-1, 2) / 32768
    for number, noise in enumerate(np.split(samples, 9)):
        left, right = noise.T
        for channel in (left, right):
            assert 0.3 < band(channel)[0] / (band(channel)[1] * 600 / 800) < 3
        in_the_air, elsewhere = band(left + right)
        if number in (1, 5, 6):  # the second, third and first of the three rounds
            assert in_the_air < 0.02 * elsewhere
        else:
            assert np.array_equal(left, right)


def answered(person, answer: str) -> str:
    person.post("sound", {"participant": person.token})
    device = {"width": 1, "height": 1, "pixel_ratio": 1, "touch": False, "can_play": True}
    body = {"participant": person.token, "answer": answer, "device": device}
    return person.post("check", body)["state"]


def arrived(context):
    """Somebody who has typed the digits."""
    person = someone(api_client(context), context)
    person.token = person.post("enter", {"locale": "en"})["participant"]
    body = {"participant": person.token, "version": "1", "locale": "en"}
    person.post("consent", body)
    person.post("sound", {"participant": person.token})
    assert answered(person, person.heard()) == "listening"
    return person


@pytest.mark.parametrize(("mistakes", "state"), [(0, "voting"), (1, "voting"), (2, "listening")])
def test_five_of_six_rounds_are_enough(strict, mistakes, state):
    person = arrived(strict)
    person.post("next", {"participant": person.token}, expect=409)
    person.post("sound", {"participant": person.token})
    said = person.heard()
    wrong = "".join(str(1 + int(digit) % 3) for digit in said[:mistakes])
    assert answered(person, wrong + said[mistakes:]) == state


def test_a_second_failure_or_half_an_answer_ends_it(strict):
    person = arrived(strict)
    person.post("sound", {"participant": person.token})
    assert answered(person, person.heard()[:5]) == "listening"
    assert answered(person, "") == "screened"


def test_a_study_with_the_check_verifies_and_says_so(strict, tmp_path):
    take_part(api_client(strict), strict)
    lifecycle.set_state(strict.store, "closed", strict.clock())
    dataset = exports.sealed_data(strict)
    (tmp_path / "b.zip").write_bytes(bundle.pack(dataset))
    assert [outcome for outcome in verify(tmp_path / "b.zip") if outcome.problem] == []
    assert "headphone check" in latex_tables.methods(read(strict), report(dataset))
