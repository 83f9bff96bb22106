"""Prepares the stimuli, or refuses: after it, nothing but the picture differs between two sides.

Everything is written into a temporary folder that replaces the old one only when all clips are there.
"""

from __future__ import annotations

import itertools
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from mediafiles.video import VideoFacts
from study import canonical
from study.design import media
from study.design.config import StudyConfig
from study.design.sections import LONGEST, Stimuli
from study.design.stimuli import Manifest, ManifestEntry
from study.encoding.clip_format import ClipFormat, best_rate, best_size
from study.encoding.equal_sizes import equalise
from study.encoding.loudness import Audio, gain_to, integrated_loudness
from study.errors import StudyError
from study.progress import Progress, no_progress

LEAST_LEAD = 0.05  # seconds; less is what encoders put before sound and pictures
MOST_DIFFERENT = 0.25  # seconds by which the videos of an item may last longer than the shortest

Transform = Callable[[Iterator[media.Frame], int], Iterator[media.Frame]]


@dataclass(frozen=True)
class Stimulus:
    """One built clip. `file` is the name inside the stimuli folder: the hash of its bytes."""

    system: str
    item: str
    variant: str
    file: str
    sha256: str
    bytes: int
    frames: int
    duration_ms: int
    loudness: float
    source_sha256: str
    sound_sha256: str = ""
    licence: str = ""


@dataclass(frozen=True)
class Index:
    """What was built and from what; `hash()` is stored with every vote."""

    settings_hash: str
    shared_audio: dict[str, bool]
    stimuli: tuple[Stimulus, ...]

    def hash(self) -> str:
        """SHA-256 over all clips and settings; also of an index that an earlier version made, with fewer facts."""
        rows = [{k: v for k, v in asdict(row).items() if v != ""} for row in self.stimuli]
        return canonical.digest(asdict(self) | {"stimuli": rows})

    def plain(self) -> tuple[Stimulus, ...]:
        """The clips that are compared (not the catch and training variants)."""
        return tuple(stimulus for stimulus in self.stimuli if stimulus.variant == "plain")


def settings_hash(config: StudyConfig) -> str:
    """Hash of the parts of the configuration that decide how clips are built."""
    parts = (config.stimuli.model_dump(), config.trials.catch.model_dump(), config.trials.training)
    return canonical.digest([*parts, config.seed, config.candidate, config.anchor])


@dataclass(frozen=True)
class BuildPlan:
    """The form of all clips, how many frames those of each item have, and after how long each video's pictures begin.

    A driving sound begins when a player would begin; a video's own sound is cut or padded to begin with its pictures.
    """

    form: ClipFormat
    lengths: dict[str, int]
    leads: dict[Path, float]


def plan(
    config: StudyConfig, manifest: Manifest, videos: Mapping[ManifestEntry, VideoFacts]
) -> BuildPlan:
    """Choose the form and the lengths; raises StudyError for videos that cannot be compared."""
    settings, facts = config.stimuli, list(videos.values())
    width, height = best_size(facts)
    form = ClipFormat(
        settings.width or width,
        settings.height or height,
        settings.fps or best_rate(facts),
        settings.fit,
        settings.crf,
        settings.preset,
        settings.audio_rate,
    )
    leads = {
        entry.file: video.lead if entry.audio is not None and video.lead > LEAST_LEAD else 0.0
        for entry, video in videos.items()
    }
    seconds = {entry: video.seconds + leads[entry.file] for entry, video in videos.items()}
    lengths = {
        item: _length(
            settings, form.fps, {e.file: seconds[e] for e in manifest.of_item(item)}, item
        )
        for item in manifest.items
    }
    return BuildPlan(form, lengths, leads)


def build(
    config: StudyConfig, manifest: Manifest, folder: Path, progress: Progress = no_progress
) -> Index:
    """Build every clip into `folder`; raises StudyError and leaves `folder` as it was on any problem."""
    refuse_unknown_systems(config, manifest)
    made = plan(config, manifest, {entry: media.probe(entry.file) for entry in manifest.entries})
    with replacing(folder) as work:
        index = _build_into(work, config, manifest, made, progress)
        (work / "index.json").write_text(json.dumps(asdict(index), indent=1), encoding="utf-8")
    return index


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """A fresh folder that takes the place of `folder` at the end, or leaves no trace after an error.

    Raises StudyError for a disk that is full or cannot be written.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
    except OSError as error:
        raise StudyError(f"{folder}: cannot be written ({error.strerror})") from None
    try:
        yield work
        _replace(work, folder)
    except OSError as error:
        reason = error.strerror or error
        raise StudyError(f"{folder}: cannot be written ({reason}); nothing was changed") from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def read_index(folder: Path) -> Index:
    """Read what `build` wrote; raises StudyError when it is missing or not an index."""
    path = folder / "index.json"
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        stimuli = tuple(Stimulus(**row) for row in raw["stimuli"])
        return Index(raw["settings_hash"], raw["shared_audio"], stimuli)
    except FileNotFoundError:
        raise StudyError(f"{path}: the stimuli have not been built; run `study build`") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{path}: not an index of stimuli ({error}); build again") from None


def shifted(frames_late: int) -> Transform:
    """Move the picture against the shared sound by whole frames (negative: picture early).

    The picture and not the sound is moved, so that the fault is there whichever side is heard.
    """

    def transform(frames: Iterator[media.Frame], count: int) -> Iterator[media.Frame]:
        if frames_late < 0:
            frames = itertools.islice(frames, -frames_late, None)
        held: media.Frame | None = None
        emitted = 0
        for frame in frames:
            repeats = 1 + (frames_late if held is None and frames_late > 0 else 0)
            held = frame
            for _ in range(min(repeats, count - emitted)):
                emitted += 1
                yield frame
        for _ in range(count - emitted):
            yield held if held is not None else frame

    return transform


def jerky(hold: int) -> Transform:
    """Show only every `hold`-th frame."""

    def transform(frames: Iterator[media.Frame], count: int) -> Iterator[media.Frame]:
        del count
        kept: media.Frame | None = None
        for number, frame in enumerate(frames):
            kept = frame if kept is None or number % hold == 0 else kept
            yield kept

    return transform


def frozen(frames: Iterator[media.Frame], count: int) -> Iterator[media.Frame]:
    """The first frame alone, while the sound goes on: nobody who looks can miss it."""
    return itertools.repeat(next(frames), count)


def variants(config: StudyConfig, fps: int) -> dict[str, Transform]:
    """The clips beside the plain one: for catch trials and for training."""
    late = max(1, round(config.trials.catch.shift_ms * fps / 1000))
    half_second = fps // 2
    made: dict[str, Transform] = {}
    if config.trials.catch.shifted:
        made |= {"early": shifted(-late), "late": shifted(late)}
    if config.trials.catch.frozen:
        made |= {"frozen": frozen}
    if config.trials.training:
        made |= {"training_late": shifted(half_second), "training_jerky": jerky(half_second)}
    return made


def catch_system(config: StudyConfig) -> str:
    """The system whose clips are spoilt for catch trials: the best one that is known."""
    return config.trials.catch.system or config.anchor or config.candidate


def catch_items(config: StudyConfig, items: tuple[str, ...]) -> tuple[str, ...]:
    """The items for which spoilt clips are made, chosen by the study's seed."""
    order = np.random.default_rng(config.seed).permutation(len(items))
    return tuple(items[i] for i in sorted(order[: config.trials.catch.items]))


def _build_into(
    work: Path, config: StudyConfig, manifest: Manifest, made: BuildPlan, progress: Progress
) -> Index:
    stimuli: list[Stimulus] = []
    shared: dict[str, bool] = {}
    for number, item in enumerate(manifest.items):
        progress(number, len(manifest.items), item)
        entries = manifest.of_item(item)
        shared[item] = entries[0].audio is not None
        stimuli += _build_item(work, config, entries, made, manifest.items)
    progress(len(manifest.items), len(manifest.items), "")
    return Index(settings_hash(config), shared, tuple(stimuli))


def _build_item(
    work: Path,
    config: StudyConfig,
    entries: tuple[ManifestEntry, ...],
    made: BuildPlan,
    items: tuple[str, ...],
) -> list[Stimulus]:
    """Encode all clips of one item, then make their frames equally long."""
    form, count = made.form, made.lengths[entries[0].item]
    drafts: list[tuple[ManifestEntry, str, Path, float]] = []
    audio = _level_audio(config.stimuli, entries, count / form.fps)
    spoil = entries[0].item in catch_items(config, items)
    for entry in entries:
        plain: dict[str, Transform | None] = {"plain": None}
        extra = variants(config, form.fps) if spoil and entry.system == catch_system(config) else {}
        for variant, transform in (plain | extra).items():
            path = work / f"draft-{len(drafts)}.mp4"
            start = config.stimuli.start - made.leads[entry.file]
            frames = media.frames_at(entry.file, form, count, start)
            if transform is not None:
                frames = transform(frames, count)
            media.write_clip(path, frames, audio[entry.system], form)
            loudness = integrated_loudness(audio[entry.system], form.audio_rate)
            drafts.append((entry, variant, path, loudness))
    paths = [path for _, _, path, _ in drafts]
    finished = [path.with_name(f"equal-{path.name}") for path in paths]
    equalise(paths, finished)
    for path in paths:
        path.unlink()
    return [
        _finish(path, entry, variant, count, form.fps, loudness)
        for path, (entry, variant, _, loudness) in zip(finished, drafts, strict=True)
    ]


def _finish(
    path: Path, entry: ManifestEntry, variant: str, count: int, fps: int, loudness: float
) -> Stimulus:
    """Name a clip by the hash of its bytes."""
    sha256 = canonical.file_digest(path)
    name = f"{sha256[:32]}.mp4"
    size = path.stat().st_size
    path.replace(path.with_name(name))
    return Stimulus(
        system=entry.system,
        item=entry.item,
        variant=variant,
        file=name,
        sha256=sha256,
        bytes=size,
        frames=count,
        duration_ms=round(1000 * count / fps),
        loudness=round(loudness, 2) if np.isfinite(loudness) else -99.0,
        source_sha256=canonical.file_digest(entry.file),
        sound_sha256=canonical.file_digest(entry.audio) if entry.audio else "",
        licence=entry.licence,
    )


def _level_audio(
    settings: Stimuli, entries: tuple[ManifestEntry, ...], seconds: float
) -> dict[str, Audio]:
    """One sound per system at equal loudness; literally one track where the driving audio is common."""
    rate, start = settings.audio_rate, settings.start
    if entries[0].audio is not None:
        track = media.read_audio(entries[0].audio, rate, seconds, start)
        track = track * gain_to(track, rate, settings.loudness, settings.peak)
        return {entry.system: track for entry in entries}
    tracks = {entry.system: media.read_audio(entry.file, rate, seconds, start) for entry in entries}
    tracks = {
        system: track * gain_to(track, rate, settings.loudness, settings.peak)
        for system, track in tracks.items()
    }
    reached = {system: integrated_loudness(track, rate) for system, track in tracks.items()}
    quietest = min(reached.values())
    return {
        system: track * 10 ** ((quietest - reached[system]) / 20)
        if np.isfinite(quietest)
        else track
        for system, track in tracks.items()
    }


def _length(settings: Stimuli, fps: int, seconds: Mapping[Path, float], item: str) -> int:
    """Frames to show of an item; refuses videos that do not hold them, or that last differently long."""
    shortest, longest = min(seconds, key=seconds.__getitem__), max(seconds, key=seconds.__getitem__)
    low, high = seconds[shortest], seconds[longest]
    if settings.window is not None:
        start, wanted = settings.window
        if start + wanted - low > 1.001 / fps:
            raise StudyError(
                f"{shortest}: lasts {low:.2f} s, but stimuli.window asks for {start:g} to {start + wanted:g} s; "
                "shorten it"
            )
        return max(2, round(wanted * fps))
    cure = f"set stimuli.window: [0, {min(low, LONGEST):.2f}] to show that part of all, or cut them"
    if high - low > MOST_DIFFERENT:
        raise StudyError(
            f"item {item!r}: {shortest} lasts {low:.2f} s and {longest} {high:.2f} s; {cure}"
        )
    if low > LONGEST:
        raise StudyError(
            f"item {item!r}: {shortest} lasts {low:.2f} s, at most {LONGEST:g}; {cure}"
        )
    return round(low * fps)


def refuse_unknown_systems(config: StudyConfig, manifest: Manifest) -> None:
    """Raise StudyError for a system that the configuration names and the manifest lacks."""
    for name, system in (
        ("candidate", config.candidate),
        ("anchor", config.anchor),
        ("trials.catch.system", config.trials.catch.system),
    ):
        if system is not None and system not in manifest.systems:
            raise StudyError(
                f"{manifest.source}: {name} {system!r} is not in the manifest, "
                f"expected one of {', '.join(manifest.systems)}"
            )


def _replace(work: Path, folder: Path) -> None:
    """Put the finished folder in place of the old one."""
    old = folder.with_name(f".old-{folder.name}")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.replace(old)
    work.chmod(0o755)  # mkdtemp made it private
    work.replace(folder)
    shutil.rmtree(old, ignore_errors=True)
