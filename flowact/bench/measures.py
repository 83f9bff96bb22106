"""What is measured of the live page, each by its own function: a visitor's actions, then numbers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np

from flowact.bench.chromium import Visitor, visiting
from flowact.bench.server import ServerProcess, is_running, rss_mb
from flowact.bench.wire import wired
from flowact.media import Recording

FIRST_FRAME: Final = "click to first frame"
VOICE: Final = "asked to first frame with voice"
ENGINE: Final = "voice engine, first sentence"
SILENCE: Final = "interrupt to silence"
PUPPET: Final = "microphone to lips"
SENTENCE: Final = "This is a short sentence, typed a moment ago."
FLAT: Final = 0.05
FLAT_MB: Final = 5
TURN_SECONDS: Final = 12
"""From one sentence to the next while memory is watched; half of it is spoken."""
_SPEAKING: Final = 4
_WARM_FRAMES: Final = 50
"""Two seconds: decoder, sound and page have settled."""
_SEAMLESS: Final = 6000
"""Milliseconds after which a worker was replaced without the picture standing still."""


@dataclass(frozen=True)
class Figure:
    """One line of the report.

    Attributes:
        what: is measured.
        bar: what it should be, in words.
        value: what it is.
        good: whether it is so.
    """

    what: str
    bar: str
    value: str
    good: bool


def first_frame(browser: Any, server: ServerProcess, times: int) -> list[Figure]:
    """Open the page and click Start, again and again, on a worker that is warm."""
    found = []
    for _ in range(times):
        with visiting(browser, server.address) as visitor:
            visitor.start()
            visitor.wait_stage(FIRST_FRAME)
            found.append(_newest(visitor, FIRST_FRAME))
        _wait_for_no_session(server)
    p50, p95 = _quantiles(found)
    value = f"{p50:.0f} / {p95:.0f} ms (median / p95 of {times})"
    return [Figure("click to first generated frame", "p95 < 500 ms", value, p95 < 500)]


def speech(browser: Any, server: ServerProcess, recording: Path, seconds: float) -> list[Figure]:
    """Let a long recording be spoken and count the frames."""
    with visiting(browser, server.address) as visitor:
        visitor.start()
        visitor.wait_painted(_WARM_FRAMES)
        visitor.upload(recording)
        visitor.wait_stage(VOICE)
        before, begun = visitor.summary(), time.monotonic()
        visitor.page.wait_for_timeout(4000)
        first = float(np.median(visitor.offsets(75)))
        visitor.page.wait_for_timeout(max(seconds - 8, 1) * 1000)
        after, taken = visitor.summary(), time.monotonic() - begun
        last = float(np.median(visitor.offsets(75)))
    painted = after["frames_painted"] - before["frames_painted"]
    missed = after["frames_missed"] - before["frames_missed"]
    fps, share = painted / taken, missed / max(painted + missed, 1)
    offset = f"{first:+.0f} ms, {last:+.0f} ms"
    good = abs(first) <= 40 and abs(last) <= 40
    return [
        Figure(
            f"frames painted over {taken:.0f} s of speech", ">= 24.5 fps", f"{fps:.2f}", fps >= 24.5
        ),
        Figure("frames missed", "<= 1 %", f"{share:.2%}", share <= 0.01),
        Figure("picture minus sound, at start and end", "within 40 ms", offset, good),
    ]


def typed(browser: Any, server: ServerProcess, times: int) -> list[Figure]:
    """Type sentences and wait for the first frame with voice."""
    waits, engines = [], []
    with visiting(browser, server.address) as visitor:
        visitor.start()
        visitor.wait_painted(_WARM_FRAMES)
        for number in range(1, times + 1):
            visitor.say(SENTENCE)
            visitor.wait_stage(VOICE, number)
            waits.append(_newest(visitor, VOICE))
            engines.append(_newest(visitor, ENGINE))
            visitor.page.wait_for_timeout(1500)
            visitor.interrupt()
            visitor.page.wait_for_timeout(1500)
    own = [wait - engine for wait, engine in zip(waits, engines, strict=True)]
    p50, worst = float(np.median(own)), max(own)
    value = (
        f"{p50:.0f} / {worst:.0f} ms (median / worst of {times}; voice {np.median(engines):.0f})"
    )
    bar = "< 1000 ms beside the voice"
    return [Figure("text typed to first frame with voice", bar, value, worst < 1000)]


def puppet(browser: Any, server: ServerProcess, seconds: float) -> list[Figure]:
    """Let a microphone speak through the avatar."""
    with visiting(browser, server.address) as visitor:
        visitor.start()
        visitor.wait_painted(_WARM_FRAMES)
        visitor.microphone("puppet")
        visitor.wait_stage(PUPPET)
        visitor.page.wait_for_timeout(seconds * 1000)
        delay = visitor.summary()["stages"][PUPPET]
        shown = visitor.text("meter")
    p50, p95 = delay["p50_ms"], delay["p95_ms"]
    good = p50 < 600 and "Your voice arrives" in shown
    value = f"{p50:.0f} / {p95:.0f} ms (median / p95)"
    return [Figure("microphone to lips", "median < 600 ms, shown", value, good)]


def interruption(browser: Any, server: ServerProcess, times: int) -> list[Figure]:
    """Interrupt a speaker and look for what is still seen of the old reply."""
    sounds, pictures = [], []
    with visiting(browser, server.address) as visitor:
        visitor.start()
        visitor.wait_painted(_WARM_FRAMES)
        for number in range(1, times + 1):
            visitor.sample()
            visitor.wait_stage(VOICE, number)
            visitor.page.wait_for_timeout(400)
            visitor.watch()
            epoch = visitor.page.evaluate("flowactSession.epoch")
            pressed = visitor.page.evaluate(
                "(() => { window.pressedAt = performance.now(); return pressedAt; })()"
            )
            visitor.interrupt()
            visitor.wait_stage(SILENCE, number)
            visitor.wait(f"paints.some((paint) => paint.epoch > {epoch})")
            sounds.append(_newest(visitor, SILENCE))
            old = [paint["at"] for paint in visitor.paints() if paint["epoch"] <= epoch]
            pictures.append(max([at - pressed for at in old], default=0.0))
    sound, picture = _quantiles(sounds)[1], _quantiles(pictures)[1]
    value = f"sound {sound:.0f} ms, picture {max(picture, 0):.0f} ms (p95 of {times})"
    good = max(sound, picture) < 400
    return [Figure("interruption to last old sound and frame", "p95 < 400 ms", value, good)]


def several(browser: Any, server: ServerProcess, seconds: float) -> list[Figure]:
    """Let two visitors in at once, one of whom speaks, and a third wait."""
    with (
        visiting(browser, server.address) as first,
        visiting(browser, server.address) as second,
        visiting(browser, server.address) as third,
    ):
        for visitor in (first, second):
            visitor.start()
            visitor.wait_painted(_WARM_FRAMES)
            visitor.watch()
        third.start()
        third.wait("document.querySelector('[data-part=status]').textContent.includes('number')")
        told = third.text("status")
        first.sample()
        begun = [visitor.summary()["frames_painted"] for visitor in (first, second)]
        first.page.wait_for_timeout(seconds * 1000)
        ended = [visitor.summary()["frames_painted"] for visitor in (first, second)]
        mixed = any(int(paint["flags"]) & _SPEAKING for paint in second.paints())
    rates = [(end - begin) / seconds for begin, end in zip(begun, ended, strict=True)]
    value = ", ".join(f"{rate:.1f} fps" for rate in rates) + (", mixed up" if mixed else "")
    return [
        Figure(
            "two visitors at once",
            ">= 20 fps each, nothing mixed",
            value,
            min(rates) >= 20 and not mixed,
        ),
        Figure("the third is told", "its place", told, "number 1" in told),
    ]


def killed_worker(browser: Any, server: ServerProcess) -> list[Figure]:
    """Kill the worker in the middle of a sentence."""
    with visiting(browser, server.address) as visitor:
        visitor.start()
        visitor.wait_painted(_WARM_FRAMES)
        visitor.sample()
        visitor.wait_stage(VOICE)
        visitor.watch()
        victim = server.kill_worker()
        killed = visitor.page.evaluate("performance.now()")
        visitor.wait("paints.length && performance.now() - paints[0].at > 1500")
        stood_still = "n && paint.at - paints[n - 1].at > 150"
        visitor.wait(
            f"performance.now() > {killed} + {_SEAMLESS} "
            f"|| paints.some((paint, n) => {stood_still} && paint.at > {killed})"
        )
        times = [paint["at"] for paint in visitor.paints()]
        gap = max(later - earlier for earlier, later in pairwise(times)) / 1000
        visitor.say(SENTENCE)
        visitor.wait_stage(VOICE, 2)
    left = "" if not is_running(victim) else ", the old worker is still there"
    value = f"the picture stood still for {gap:.1f} s{left}"
    return [
        Figure("worker killed while it speaks", "< 5 s, page usable", value, gap < 5 and not left)
    ]


def cut_network(browser: Any, server: ServerProcess, seconds: float) -> list[Figure]:
    """Cut the line, mend it, and see whether sound and picture find together again."""
    with wired(server.port) as wire, visiting(browser, wire.address) as visitor:
        visitor.start()
        visitor.wait_painted(_WARM_FRAMES)
        wire.cut()
        visitor.page.wait_for_timeout(seconds * 1000)
        painted = visitor.summary()["frames_painted"]
        mended = time.monotonic()
        wire.mend()
        visitor.wait_painted(painted + 1)
        back = time.monotonic() - mended
        visitor.wait_painted(painted + 50)
        offset = float(np.median(visitor.offsets(25)))
    value = f"back after {back:.1f} s, picture minus sound {offset:+.0f} ms"
    return [
        Figure(f"network cut for {seconds:.0f} s", "recovers in sync", value, abs(offset) <= 40)
    ]


def memory(
    browser: Any, server: ServerProcess, seconds: float, settled: float = 0.0
) -> list[Figure]:
    """Look for growth while a visitor listens and idles in turn.

    Args:
        browser: to visit with.
        server: that is visited.
        seconds: from the first look at the memory to the second.
        settled: seconds before the first.
    """
    with visiting(browser, server.address) as visitor:
        visitor.start()
        visitor.wait_painted(_WARM_FRAMES)
        _keep_busy(visitor, settled)
        begun = _sizes(visitor, server)
        _keep_busy(visitor, seconds)
        ended = _sizes(visitor, server)
        rate = visitor.summary()["frames_painted"] / (settled + seconds)
    names = "server", "worker", "browser heap"
    return [
        _growth(f"{name} memory over {seconds:.0f} s at {rate:.1f} fps", before, after)
        for name, before, after in zip(names, begun, ended, strict=True)
    ]


def _keep_busy(visitor: Visitor, seconds: float) -> None:
    """Let the avatar speak its sample sentence and then idle, again and again."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        visitor.sample()
        visitor.page.wait_for_timeout(TURN_SECONDS * 1000)


def _growth(what: str, before: float, after: float) -> Figure:
    growth = after / before - 1
    value = f"{before:.1f} MB, then {after:.1f} MB ({growth:+.1%})"
    flat = growth <= FLAT or after - before < FLAT_MB
    return Figure(what, f"flat within {FLAT:.0%} or {FLAT_MB} MB", value, flat)


def write_recording(path: Path, speech: Recording) -> Path:
    """Write a recording as 16-bit WAV, which a browser's microphone can be made to hear."""
    from flowact.media.audio import to_wave
    from flowact.serving.audio_source import to_pcm16

    path.write_bytes(to_wave(to_pcm16(speech.read())))
    return path


def _sizes(visitor: Visitor, server: ServerProcess) -> tuple[float, float, float]:
    visitor.page.evaluate("window.gc?.()")
    heap = float(visitor.page.evaluate("performance.memory.usedJSHeapSize")) / 1e6
    return rss_mb(server.pid), rss_mb(server.worker), heap


def _newest(visitor: Visitor, stage: str) -> float:
    return float(visitor.page.evaluate(f"flowactSession.figures.series['{stage}'].at(-1)"))


def _wait_for_no_session(server: ServerProcess) -> None:
    while server.health()["sessions"]:
        time.sleep(0.1)


def _quantiles(values: list[float]) -> tuple[float, float]:
    return float(np.median(values)), float(np.quantile(values, 0.95))
