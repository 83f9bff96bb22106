"""The measurements of `flowact eval` that need a checkpoint to speak, section by section."""

import argparse
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TypeVar

from rich.console import Console
from rich.progress import track

from flowact import assets
from flowact.errors import UserError
from flowact.evaluation.judges.alignment import PhoneAligner
from flowact.evaluation.judges.readers import MouthReader, SyncNet, load_readers
from flowact.evaluation.measures import unseen_identities
from flowact.evaluation.measures.drift import Drift, measure_drift, people_apart
from flowact.evaluation.measures.lips import lip_report
from flowact.evaluation.measures.measurements import generated, rendered
from flowact.evaluation.measures.motion import border_changes, motion_report
from flowact.evaluation.measures.reconstruction import own_tokenizer, tokenizer_report
from flowact.evaluation.recordings import fetch, real_subjects
from flowact.evaluation.report.plots import contact_sheet, plot_drift
from flowact.evaluation.report.report import plain
from flowact.evaluation.subjects import Subject, held_out, speaking_clips
from flowact.hardware.load_pipeline import load_pipeline
from flowact.pipeline import FlowActPipeline
from flowact.portrait import load_reference

T = TypeVar("T")
Section = dict[str, Any]
SHEET_ROWS: Final = 6


def evaluate(args: argparse.Namespace) -> dict[str, Section]:
    """All measurements of the arguments, by section; pictures go to the report folder."""
    readers = load_readers()
    voices = None if args.recordings is None else _recordings(args)
    pipeline = load_pipeline(
        args.checkpoint, args.threads, args.preset, args.devices, linear=args.linear
    ).pipeline
    report: dict[str, Section] = {}
    if args.data is not None:
        report |= _on_clips(args, pipeline, *readers)
    if voices is not None:
        report["real_voices"] = _on_recordings(args, voices, pipeline, *readers)
    return report


def portraits(args: argparse.Namespace) -> dict[str, Section]:
    """What becomes of the pictures of a folder, each beside the drawn characters."""
    reader, _ = load_readers()
    pictures = unseen_identities.pictures_in(args.portraits)
    cast = [assets.character(name).portrait for name in assets.drawn_character_names()]
    pipeline = load_pipeline(
        args.checkpoint, args.threads, args.preset, args.devices, linear=args.linear
    ).pipeline
    known, found = (
        list(_shown(unseen_identities.measure(pipeline, reader, paths), what, len(paths)))
        for paths, what in ((cast, "known people"), (pictures, "other pictures"))
    )
    contact_sheet([stranger.take for stranger in found], args.out / "portraits.jpg")
    return unseen_identities.compared(found, known)


def _recordings(args: argparse.Namespace) -> Iterator[Subject]:
    """Real voices and what aligns them; what is missing is said before anything else is measured."""
    fetch(args.recordings)
    people = [assets.character(name) for name in assets.drawn_character_names()]
    portraits = [load_reference(person.portrait) for person in people]
    return real_subjects(args.recordings, PhoneAligner(), portraits, args.clips)


def _on_clips(
    args: argparse.Namespace, pipeline: FlowActPipeline, reader: MouthReader, sync: SyncNet
) -> dict[str, Section]:
    paths = held_out(args.data, args.clips)
    subjects = speaking_clips(paths)
    truth = list(_shown(rendered(reader, subjects), "reading rendered clips", len(subjects)))
    made = list(_shown(generated(pipeline, reader, subjects), "saying clips", len(subjects)))
    contact_sheet(made[:SHEET_ROWS], args.out / "contact_sheet.jpg")
    report: dict[str, Section] = {
        "tokenizer": _tokenizer(args, pipeline, paths),
        "rendered_lips": dict(lip_report(truth, sync)),
        "lip_sync": dict(lip_report(made, sync)),
        "motion": dict(motion_report(made, truth)),
    }
    if args.minutes:
        drift = measure_drift(pipeline, reader, subjects, args.minutes, args.sessions)
        portraits = [subject.reference for subject in subjects]
        apart = people_apart(own_tokenizer(pipeline), portraits)
        report["drift"] = _drift(drift, apart, args.out)
    return report


def _tokenizer(args: argparse.Namespace, pipeline: FlowActPipeline, paths: list[Path]) -> Section:
    """Decoded as the pipeline decodes; latents are fitted through the weights as they were trained."""
    tokenizer = own_tokenizer(pipeline)
    trained = FlowActPipeline.from_pretrained(args.checkpoint, dtype=tokenizer.dtype)
    shown = _shown(paths, "fitting latents", len(paths))
    return dict(tokenizer_report(tokenizer, own_tokenizer(trained), shown, args.encode_steps))


def _on_recordings(
    args: argparse.Namespace,
    voices: Iterator[Subject],
    pipeline: FlowActPipeline,
    reader: MouthReader,
    sync: SyncNet,
) -> Section:
    takes = list(_shown(generated(pipeline, reader, voices), "saying recordings", args.clips))
    if not takes:
        raise UserError(f"none of the recordings in {args.recordings} could be aligned.")
    contact_sheet(takes[:SHEET_ROWS], args.out / "contact_sheet_real_voices.jpg")
    return {**lip_report(takes, sync), **border_changes([take.change for take in takes])}


def _shown(things: Iterable[T], what: str, total: int | None) -> Iterator[T]:
    """The same things, with a progress bar."""
    yield from track(things, what, total, console=Console(stderr=True), transient=True)


def _drift(drift: Drift, apart: dict[str, float], out: Path) -> Section:
    """How the end compares with the beginning, and every minute; curves are written."""
    plot_drift(drift, out / "drift.png")
    curves = {name: values.tolist() for name, values in asdict(drift).items()}
    (out / "drift.json").write_text(json.dumps(plain(curves)) + "\n")
    minutes: Section = {f"{name}_by_minute": means for name, means in drift.by_minute().items()}
    lags = [drift.lip_sync(m).lag_frames for m in range(len(minutes["lips_by_minute"]))]
    minutes["lag_frames_by_minute"] = lags
    departures: Section = {}
    for name, shares in drift.departures(apart).items():
        departures |= {f"{name}_departure": shares[-1], f"{name}_departure_at_most": max(shares)}
    others: Section = {f"{name}_of_others": distance for name, distance in apart.items()}
    ranges: Section = {f"{name}_range": drift.growth_range(name) for name in ("identity", "colour")}
    trends: Section = {f"{name}_trend": list(drift.trend(name)) for name in drift.growth()}
    return drift.growth() | departures | others | ranges | trends | minutes
