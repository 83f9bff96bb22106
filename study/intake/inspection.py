"""Reading every file of a manifest once, and refusing what no build could mend."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mediafiles.pictures import read_picture
from mediafiles.sound import read_mono
from mediafiles.video import VideoFacts
from study.design import builder, media, translations
from study.design.config import StudyConfig
from study.design.sections import LONGEST
from study.design.stimuli import Manifest, ManifestEntry
from study.encoding.clip_format import ClipFormat
from study.encoding.loudness import integrated_loudness
from study.errors import StudyError
from study.progress import Progress, no_progress

ENOUGH = 480  # a reference picture is looked at, and not shown


@dataclass(frozen=True)
class Inspected:
    """One video. `level` is its own sound in LUFS, -inf without one."""

    entry: ManifestEntry
    video: VideoFacts
    level: float


@dataclass(frozen=True)
class Inspection:
    """A manifest whose files were all read.

    Attributes:
        rows: one a video.
        form: into which they will be brought.
        frames: of the clips of each item.
    """

    rows: tuple[Inspected, ...]
    form: ClipFormat
    frames: dict[str, int]

    def of_system(self, system: str) -> list[Inspected]:
        """The videos of one system."""
        return [row for row in self.rows if row.entry.system == system]


def inspect(
    config: StudyConfig, manifest: Manifest, progress: Progress = no_progress
) -> Inspection:
    """Read all files; raises StudyError for what cannot be built, naming file, reason and cure."""
    refuse_names(config, manifest)
    rows = []
    for number, entry in enumerate(manifest.entries):
        progress(number, len(manifest.entries), entry.file.name)
        rows.append(_inspected(entry, config))
    progress(len(rows), len(rows), "")
    plan = builder.plan(config, manifest, {row.entry: row.video for row in rows})
    for item in manifest.items:
        entry = manifest.of_item(item)[0]
        _check_inputs(entry, config, plan.form, plan.lengths[item])
    return Inspection(tuple(rows), plan.form, plan.lengths)


def refuse_names(config: StudyConfig, manifest: Manifest) -> None:
    """Check candidate, anchor and texts, for which no file need be read."""
    builder.refuse_unknown_systems(config, manifest)
    translations.page_texts(config)


def _inspected(entry: ManifestEntry, config: StudyConfig) -> Inspected:
    video, level = media.probe(entry.file), -np.inf
    if entry.audio is None and not video.has_sound:
        raise StudyError(
            f"{entry.file}: has no sound; name the driving sound in the column audio of the manifest"
        )
    if video.has_sound:
        rate = config.stimuli.audio_rate
        start, seconds = config.stimuli.window or (0.0, min(video.seconds, LONGEST))
        try:
            level = integrated_loudness(media.read_audio(entry.file, rate, seconds, start), rate)
        except StudyError:
            if entry.audio is None:
                raise
    return Inspected(entry, video, level)


def _check_inputs(entry: ManifestEntry, config: StudyConfig, form: ClipFormat, frames: int) -> None:
    """Look at the reference picture and listen to the driving sound of an item."""
    if entry.reference is not None:
        with media.study_errors():
            read_picture(entry.reference, ENOUGH)
    if entry.audio is None:
        return
    start, seconds = config.stimuli.start, frames / form.fps
    refuse_sound(entry.audio, entry.item, start, start + seconds, 1 / form.fps)


def refuse_sound(path: Path, item: str, start: float, end: float, frame: float) -> None:
    """Raise StudyError for a driving sound that is silent from `start` to `end`, or lasts less."""
    rate = 16_000
    with media.study_errors():
        sound = read_mono(path, rate, most=end)
    lasts = len(sound) / rate
    if lasts < end - frame - 0.001:
        raise StudyError(
            f"{path}: lasts {lasts:.2f} s, but the videos of item {item!r} are shown for {end:.2f} s; give the "
            f"whole sound, or set stimuli.window: [0, {lasts:.2f}]"
        )
    heard = sound[None, round(start * rate) : round(end * rate)]
    if not np.isfinite(integrated_loudness(heard, rate)):
        raise StudyError(
            f"{path}: is silent, so nothing would be heard in item {item!r}; give the sound that drove the videos"
        )


def seconds_of(rows: Sequence[Inspected]) -> tuple[float, float]:
    """The shortest and the longest video."""
    lengths = [row.video.seconds for row in rows]
    return min(lengths), max(lengths)
