"""A tiny study: three systems, four items, clips of one second, and a clock that tests move."""

from pathlib import Path
from typing import Any

import numpy as np
from fastapi import FastAPI
from fastapi.testclient import TestClient

from study.checks.simulated_participant import SimulatedParticipant
from study.design import builder, media
from study.design.config import StudyConfig, parse
from study.design.sections import Stimuli
from study.encoding.clip_format import ClipFormat
from study.server import api
from study.voting import lifecycle
from study.voting.context import StudyContext

SYSTEMS = ("oursystem", "secondbest", "thirdplace")
ITEMS = ("portrait1", "portrait2", "portrait3", "portrait4")
SMALL = Stimuli(width=64, height=64, fps=10, crf=30, preset="ultrafast")
FORM = ClipFormat(64, 64, 10, crf=30, preset="ultrafast")


TO_ANSWER = 1.0  # seconds between the end of both clips and the vote; faster ones fail


class Clock:
    """Seconds since 1970, moved by hand."""

    def __init__(self) -> None:
        self.now = 1_750_000_000.0

    def __call__(self) -> float:
        return self.now

    def pass_time(self, seconds: float) -> None:
        self.now += seconds


def configuration(**changes: object) -> StudyConfig:
    raw = {
        "name": "tiny",
        "title": {"en": "Which one?", "zh": "哪一个？"},
        "seed": 5,
        "candidate": "oursystem",
        "trials": {
            "per_participant": 6,
            "training": 1,
            "catch": {"items": 2, "identical": 1, "shifted": 1},
        },
        "stimuli": SMALL.model_dump(),
        "limits": {"calls_per_minute": 100_000, "enrolments_per_hour": 10_000},
        "analysis": {"resamples": 200},
    }
    return parse(raw | changes, "test")


def make_sources(folder: Path, seconds: float = 1.0) -> Path:
    """Write a video per system and item, one sound per item, and the manifest; returns the manifest."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = ["system,item,file,reference,audio,licence"]
    for number, item in enumerate(ITEMS):
        tone = tone_of(seconds, 220 + 60 * number)
        write_video(folder / f"{item}.mp4", seconds, number, tone)
        for shade, system in enumerate(SYSTEMS):
            write_video(folder / f"{system}-{item}.mp4", seconds, 20 + 60 * shade + number, tone)
            rows.append(f"{system},{item},{system}-{item}.mp4,,{item}.mp4,CC0-1.0")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return folder / "manifest.csv"


def tone_of(seconds: float, hertz: float) -> np.ndarray:
    times = np.arange(round(48_000 * seconds)) / 48_000
    return (0.2 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)[None]


def write_video(path: Path, seconds: float, shade: int, sound: np.ndarray) -> None:
    frames = round(seconds * FORM.fps)
    pictures = (picture(shade, index, frames) for index in range(frames))
    media.write_clip(path, pictures, sound, FORM)


def picture(shade: int, index: int, frames: int) -> np.ndarray:
    """A grey that tells the system, with a bar that tells the time."""
    image = np.full((64, 64, 3), shade, np.uint8)
    image[8:16, : round(64 * (index + 1) / frames)] = 250
    return image


def open_at(
    built: Path, directory: Path, clock: Clock, url: str = "", **changes: object
) -> StudyContext:
    """Open the tiny study with its own database; the clips are shared."""
    config = configuration(database=url or f"sqlite:///{directory}/study.db", **changes)
    index = builder.read_index(built / "stimuli")
    return lifecycle.open_study(built, config, index, clock)


def api_client(context: StudyContext) -> TestClient:
    """The routes alone, without pages: quick to make."""
    app = FastAPI()
    api.install_refusals(app.add_exception_handler)
    app.include_router(api.router(context))
    return TestClient(app)


def someone(
    client: TestClient, context: StudyContext, answer: str = "left"
) -> SimulatedParticipant:
    """A participant who gives one and the same answer, or with "varied" takes turns."""
    pass_time = context.clock.pass_time  # type: ignore[attr-defined]

    def choose(pair: dict[str, Any], _dimension: str) -> str:
        return ("left", "same", "right")[pair["position"] % 3] if answer == "varied" else answer

    return SimulatedParticipant(
        client, context, choose, lambda seconds: pass_time(seconds + TO_ANSWER)
    )


def take_part(
    client: TestClient, context: StudyContext, answer: str = "left"
) -> SimulatedParticipant:
    """A participant who went the whole way."""
    person = someone(client, context, answer)
    person.admit()
    for _ in person.trials():
        pass
    return person
