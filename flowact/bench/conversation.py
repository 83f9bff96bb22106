"""How long a viewer waits for an answer: a real page and server, and services whose delays are stated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from flowact.bench.chromium import chromium, visiting
from flowact.bench.measures import Figure
from flowact.bench.server import ServerProcess, serving
from flowact.bench.speech_services import ANSWER, ServiceScript, speech_services
from flowact.media import Recording
from flowact.media.audio import to_wave
from flowact.serving.audio_source import to_pcm16
from flowact.timebase import SAMPLE_RATE

WAIT: Final = "end of speech to first voiced frame"
BAR_MS: Final = 1600
SPEECH_SECONDS: Final = 2.2
SILENCE_SECONDS: Final = 9.0
LONG_ANSWER: Final = " ".join([ANSWER] * 17)
"""200 words and a few more."""
_WARM_FRAMES: Final = 50


def conversation(folder: Path, speech: Recording, flags: list[str], turns: int) -> Iterator[Figure]:
    """Converse over the microphone, with short answers and with long ones.

    Args:
        folder: for the recording that the browser's microphone hears.
        speech: whose first seconds are what the viewer says.
        flags: options of `flowact live`.
        turns: of each kind.
    """
    script = ServiceScript()
    microphone = _turns(folder / "turns.wav", speech)
    with (
        speech_services(script) as base,
        serving(*flags, environment={"FLOWACT_OPENAI_BASE_URL": base}) as server,
        chromium(microphone) as browser,
    ):
        short = _waits(browser, server, turns)
        script.answer = LONG_ANSWER
        long = _waits(browser, server, turns)
    delays = (
        f"services {script.transcription_s * 1e3:.0f} + {script.chat_s * 1e3:.0f} ms "
        f"+ {script.word_s * 1e3:.0f} a word"
    )
    for words, waits in ((len(ANSWER.split()), short), (len(LONG_ANSWER.split()), long)):
        p50, worst = float(np.median(waits)), max(waits)
        yield Figure(
            f"{WAIT}, answer of {words} words, {delays}",
            f"median < {BAR_MS} ms",
            f"{p50:.0f} / {worst:.0f} ms (median / worst of {len(waits)})",
            p50 < BAR_MS,
        )


def _waits(browser: Any, server: ServerProcess, turns: int) -> list[float]:
    with visiting(browser, server.address) as visitor:
        visitor.start()
        visitor.wait_painted(_WARM_FRAMES)
        visitor.microphone("conversation")
        visitor.wait_stage(WAIT, turns)
        found: list[float] = visitor.page.evaluate(f"flowactSession.figures.series['{WAIT}']")
    return found[:turns]


def _turns(path: Path, speech: Recording) -> Path:
    """Write what the microphone hears over and over: a turn, and the silence in which it is answered."""
    said = speech.read()[: round(SPEECH_SECONDS * SAMPLE_RATE)]
    silence = np.zeros(round(SILENCE_SECONDS * SAMPLE_RATE), np.float32)
    path.write_bytes(to_wave(to_pcm16(np.concatenate([said, silence]))))
    return path
