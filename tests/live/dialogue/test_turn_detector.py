from pathlib import Path

import numpy as np
import silero_vad
import torch

from flowact.live.dialogue import silero
from flowact.live.dialogue.silero import WINDOW, VoiceState, voice_probability
from flowact.live.dialogue.turn_detector import RELEASE_SECONDS, TurnDetector
from flowact.media import Recording

SPOKEN = Path(__file__).parents[3] / "assets" / "speech" / "welcome.wav"
PACKET = 640


def noise(seconds: float, level: float, seed: int = 0) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (level * generator.standard_normal(round(seconds * 16_000))).astype(np.float32)


def changes(detector: TurnDetector, samples: np.ndarray) -> list[tuple[str, float]]:
    found = []
    for packet in range(len(samples) // PACKET):
        heard = detector.hear(samples[packet * PACKET : (packet + 1) * PACKET])
        if heard.speech_started or heard.speech_ended:
            found.append(("began" if heard.speech_started else "ended", packet * 0.04))
    return found


def test_a_turn_has_one_beginning_and_one_end():
    talk = Recording.open(SPOKEN).read()[: 3 * 16_000]
    sound = np.concatenate([noise(2, 1e-3), talk, noise(2, 1e-3, 1)])
    (began, at), (ended, until) = changes(TurnDetector(), sound)
    assert (began, ended) == ("began", "ended")
    assert 2.0 <= at < 2.7
    assert 4.5 < until < 5.3 + RELEASE_SECONDS


def test_what_is_loud_but_no_voice_is_not_taken_for_one():
    hum = 0.3 * np.sin(np.arange(5 * 16_000) * 2 * np.pi * 100 / 16_000).astype(np.float32)
    for sound in (noise(5, 0.05), hum, np.zeros(32_000, np.float32)):
        assert changes(TurnDetector(), sound) == []


def test_our_network_computes_what_the_packages_own_does(monkeypatch):
    """The wheel holds two trainings of one network: ours is given the weights of the other."""
    theirs, state = silero_vad.load_silero_vad(), VoiceState.start()
    held = theirs.state_dict()
    layers = {
        "stft_conv.weight": "stft.forward_basis_buffer",
        **{
            f"conv{n + 1}.{part}": f"encoder.{n}.reparam_conv.{part}"
            for n in range(4)
            for part in ("weight", "bias")
        },
        **{
            f"lstm_cell.{part}": f"decoder.rnn.{part}"
            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        },
        **{f"final_conv.{part}": f"decoder.decoder.2.{part}" for part in ("weight", "bias")},
    }
    weights = {ours: held[f"_model.{name}"].numpy() for ours, name in layers.items()}
    monkeypatch.setattr(silero, "_weights", lambda: weights)
    sound = Recording.open(SPOKEN).read()
    for start in range(0, 40 * WINDOW, WINDOW):
        window = sound[start : start + WINDOW]
        ours, state = voice_probability(window, state)
        assert abs(ours - theirs(torch.from_numpy(window.copy()), 16_000).item()) < 1e-4
