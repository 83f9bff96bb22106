"""`flowact eval --judge`: pictures that speak and hands that are shown, seen by judges that nobody here trained."""

import argparse
import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track

from flowact import assets
from flowact.evaluation.judges.landmarks.panel import Panel
from flowact.evaluation.measures import hand_gestures
from flowact.evaluation.measures.calibration import calibrate
from flowact.evaluation.measures.portrait_landmarks import compare_landmarks
from flowact.evaluation.measures.reconstruction import own_tokenizer
from flowact.evaluation.measures.sight import Frame, Sight, watch
from flowact.evaluation.measures.talking_portraits import Row, compare, scheduled_blinks, worst
from flowact.evaluation.photographs import harder, people, portraits_in, reduced
from flowact.evaluation.recordings import reading
from flowact.evaluation.report.sheets import SheetRow, hand_sheet, portrait_sheet
from flowact.evaluation.report.targets import PORTRAIT_BARS
from flowact.hardware.load_pipeline import load_pipeline
from flowact.media import Recording
from flowact.pipeline import FlowActPipeline
from flowact.portrait import load_reference
from flowact.timebase import SAMPLE_RATE
from flowact.tokenizer.tokenizer import Tokenizer

Section = dict[str, Any]
SEED = 0
"""Of every session, so that all blink at the same times."""


def judge(args: argparse.Namespace) -> dict[str, Section]:
    """Measure every picture and the hands; sheets go to the report folder.

    Args:
        args: `judge`, a folder for what is downloaded; `calibrate`, `pictures`, `harder`, `audio`, `seconds`, `anchor`,
            `checkpoint`, `threads`, `without` and `out`.
    """
    anchor = assets.character(args.anchor) if args.anchor else assets.default_character()
    panel = Panel.load(args.judge)
    if args.calibrate:
        return _calibration(args, panel)
    pictures, recording = _pictures(args), _recording(args)
    for path in pictures.values():
        load_reference(path)  # what cannot be used is said before anything is generated
    pipeline = load_pipeline(
        args.checkpoint, args.threads, args.preset, args.devices, linear=args.linear
    ).pipeline
    draw_less(own_tokenizer(pipeline), args.without)
    rows = _portraits(pipeline, panel, {anchor.name: anchor.portrait} | pictures, recording, args)
    return {
        "pictures": rows,
        "all_pictures": summary([row for name, row in rows.items() if name != anchor.name]),
        "hands": dict(_hands(pipeline, panel, args)),
    }


def draw_less(tokenizer: Tokenizer, steps: Sequence[str]) -> None:
    """Let a tokenizer draw none of some `DRAWN_STEPS` from now on: what each brings is seen without it."""
    tokenizer.register_to_config(**dict.fromkeys(steps, 0.0))
    tokenizer.face.decoder.detail = tokenizer.config.detail


def _calibration(args: argparse.Namespace, panel: Panel) -> dict[str, Section]:
    """What the judges say of photographs, and how far our own landmarks are from theirs."""
    persons = people(args.judge)
    pictures = [picture for person in persons for picture in person.all_pictures()]
    shown = _shown(pictures, "landmarks", len(pictures))
    return {
        **calibrate(_shown(persons, "photographs", len(persons)), panel),
        "portrait_landmarks": compare_landmarks(shown, panel.faces),
    }


def summary(rows: list[Row]) -> Section:
    """Means over pictures, how many there are, and the share of those that pass every bar."""
    means: Section = {name: _mean([row[name] for row in rows]) for name in PORTRAIT_BARS}
    good = [all(bar.met(row[name]) for name, bar in PORTRAIT_BARS.items()) for row in rows]
    return means | {"pictures": len(rows), "good": sum(good) / max(len(good), 1)}


def _mean(values: list[float]) -> float:
    """Mean of what is a number; not a number without any."""
    known = [value for value in values if not math.isnan(value)]
    return sum(known) / len(known) if known else math.nan


def _pictures(args: argparse.Namespace) -> dict[str, Path]:
    if args.pictures is not None:
        return portraits_in(args.pictures)
    if args.harder:
        return harder(args.judge)
    return {person.name: person.portrait for person in people(args.judge)}


def _recording(args: argparse.Namespace) -> Recording:
    """The first seconds of what is to be said."""
    if args.audio is None:
        return Recording.from_samples(reading(args.judge, args.seconds))
    samples = Recording.open(args.audio).read()[: round(args.seconds * SAMPLE_RATE)]
    return Recording.from_samples(samples)


def _portraits(
    pipeline: FlowActPipeline,
    panel: Panel,
    pictures: dict[str, Path],
    recording: Recording,
    args: argparse.Namespace,
) -> dict[str, Row]:
    """One row a picture, the anchor's first."""
    falls = scheduled_blinks(SEED, recording.video_frames)
    anchor: Sight | None = None
    rows, shown = {}, []
    for name, path in _shown(list(pictures.items()), "pictures speak"):
        seen = watch(_frames(pipeline, path, recording), reduced(path), panel)
        anchor = seen if anchor is None else anchor
        rows[name] = compare(seen, anchor, falls)
        shown.append(SheetRow(name, load_reference(path), rows[name], worst(seen, anchor, falls)))
    portrait_sheet(shown, args.out / "portraits.jpg")
    return rows


def _frames(pipeline: FlowActPipeline, path: Path, recording: Recording) -> Iterator[Frame]:
    with closing(pipeline.stream(load_reference(path), recording, seed=SEED)) as frames:
        for frame in frames:
            yield frame.image


def _hands(
    pipeline: FlowActPipeline, panel: Panel, args: argparse.Namespace
) -> dict[str, dict[str, float]]:
    names = assets.drawn_character_names()
    made = hand_gestures.gestures(pipeline, panel.hands, names, SEED)
    found = list(_shown(made, "hands", len(names) * len(hand_gestures.GESTURES)))
    hand_sheet(found, args.out / "hands.jpg")
    return hand_gestures.summary(found)


def _shown(things: Any, what: str, total: int | None = None) -> Iterator[Any]:
    """The same things, with a progress bar."""
    yield from track(things, what, total, console=Console(stderr=True), transient=True)
