"""`study audit`: shows before opening that the two sides of a pair differ in nothing but the picture.

It looks at the files, then serves the study to a simulated participant and reads every byte of every reply.
"""

from __future__ import annotations

import hashlib
import itertools
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import av
import numpy as np
from fastapi.testclient import TestClient

from study import canonical
from study.checks import side_channels
from study.checks.side_channels import Fetch
from study.checks.simulated_participant import HttpReply, SimulatedParticipant
from study.design import builder, media
from study.design.audit_record import Check
from study.design.builder import Index, Stimulus
from study.design.config import StudyConfig
from study.design.stimuli import Manifest
from study.encoding.loudness import integrated_loudness
from study.server.app import create_app
from study.voting import lifecycle

NEEDED = ("", "page/options")
LOUDNESS_TOLERANCE = 0.5  # LU
START = 1_700_000_000.0  # the rehearsal's clock; any moment does


@dataclass(frozen=True)
class Transcript:
    """What one simulated participant received, and repeated fetches of every compared clip."""

    replies: list[tuple[str, HttpReply]]
    fetches: list[Fetch]


@dataclass(frozen=True)
class Structure:
    """Everything about a clip that is not its picture or sound; `tables` is the hash of all bytes outside both."""

    boxes: tuple[str, ...]
    size: int
    tables: str
    codec: str
    pixels: str
    canvas: tuple[int, int]
    rate: str
    frame_types: str
    audio: tuple[str, int, int]
    tags: tuple[str, ...]


def audit(config: StudyConfig, manifest: Manifest, folder: Path) -> list[Check]:
    """All checks in order. The clips lie in `folder` / "stimuli"."""
    stimuli = folder / "stimuli"
    index = builder.read_index(stimuli)
    checks = [
        Check(
            "clips are built from this configuration and manifest", _stale(config, manifest, index)
        ),
        Check("clips are what was built", _altered(stimuli, index)),
    ]
    if any(check.problem for check in checks):
        return checks
    hidden, masked = _masked(config, index)
    rehearsed = rehearse(hidden, masked, folder)
    names = sorted({name for row in masked.stimuli for name in (row.system, row.item, row.file)})
    return [
        *checks,
        Check("both sides are the same but for picture and sound", _unequal(stimuli, index)),
        Check("both sides are equally loud", _unequal_loudness(stimuli, index)),
        Check("clips carry no text", _text_inside(stimuli, index, manifest.secrets())),
        Check("every page answers", unanswered(rehearsed.replies)),
        Check("no name of a system, item or file in any reply", leaks(rehearsed.replies, names)),
        Check(
            "headers do not tell the systems apart",
            side_channels.told_by_headers(rehearsed.fetches),
        ),
        Check(
            "the time to a reply does not tell the systems apart",
            side_channels.told_by_timing(rehearsed.fetches),
        ),
    ]


def rehearse(config: StudyConfig, index: Index, folder: Path) -> Transcript:
    """Serve the study from a temporary database to one participant; keep every reply."""
    now = [START]

    def pass_time(seconds: float) -> None:
        now[0] += seconds + 1

    with tempfile.TemporaryDirectory() as temporary:
        url = f"sqlite:///{temporary}/rehearsal.db"
        context = lifecycle.open_study(folder, config, index, lambda: now[0], url)
        # One participant asks far faster than people do: the limits are not what is rehearsed.
        free = config.limits.model_copy(update={"calls_per_minute": 10**6})
        anybody = config.recruitment.model_copy(update={"mode": "open"})
        context = replace(
            context, config=config.model_copy(update={"limits": free, "recruitment": anybody})
        )
        with TestClient(create_app(context)) as client:
            someone = SimulatedParticipant(
                client, context, lambda _pair, _dimension: "same", pass_time
            )
            for path in (
                "",
                "config",
                "gradio_api/info",
                "page/options",
                "theme.css",
                "robots.txt",
            ):
                someone.get(path)
            for path in ("api/unknown", "media/unknown", "openapi.json", "admin/", "docs"):
                someone.get(path)
            someone.admit()
            for _ in someone.trials():
                pass
            fetches = side_channels.fetch_all(client, context, index)
            if side_channels.told_by_timing(
                fetches
            ):  # what tells them apart does so again; noise does not
                fetches = side_channels.fetch_all(client, context, index)
            someone.post("state", {"participant": someone.token})
            someone.post("withdraw", {"participant": someone.token})
    return Transcript(someone.replies, fetches)


def unanswered(replies: Iterable[tuple[str, HttpReply]]) -> str:
    """A sentence about the first page that a participant needs and does not get, "" when there is none."""
    for path, reply in replies:
        wanted = path in NEEDED and reply.status_code != 200
        if wanted or reply.status_code >= 500:
            return f"/{path.split('/')[0]} answers {reply.status_code}: {reply.content[:200]!r}"
    return ""


def leaks(replies: Iterable[tuple[str, HttpReply]], names: Sequence[str]) -> str:
    """A sentence about the first reply that contains one of `names`, "" when there is none.

    Clips are searched outside their picture and sound, whose bytes are random to a text search.
    """
    for path, reply in replies:
        for name in _found(_searchable(reply), names):
            return f"{name!r} is in the reply of /{path.split('/')[0]}; rename it or the text"
    return ""


def structure(path: Path) -> Structure:
    """Read a clip's structure; the types of all frames in coding order are part of it."""
    data = path.read_bytes()
    with av.open(f"file:{path}") as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        tags = {**container.metadata, **video.metadata, **sound.metadata}
        types = "".join(str(int(frame.pict_type)) for frame in container.decode(video))
        return Structure(
            boxes=tuple(kind for kind, _ in media.boxes(data)),
            size=len(data),
            tables=hashlib.sha256(_outside_media(data)).hexdigest(),
            codec=f"{video.codec_context.name} {video.codec_context.profile}",
            pixels=str(video.codec_context.pix_fmt),
            canvas=(video.width, video.height),
            rate=str(video.average_rate),
            frame_types=types,
            audio=(sound.codec_context.name, sound.rate, sound.duration or 0),
            tags=tuple(sorted(str(value) for value in tags.values())),
        )


def _stale(config: StudyConfig, manifest: Manifest, index: Index) -> str:
    if index.settings_hash != builder.settings_hash(config):
        return "the configuration changed since the clips were built; run `study build`"
    sources = {(row.system, row.item): row.source_sha256 for row in index.stimuli}
    listed = {(entry.system, entry.item): entry.file for entry in manifest.entries}
    if sources.keys() != listed.keys():
        return "the manifest lists other systems or items than were built; run `study build`"
    for key, file in listed.items():
        if canonical.file_digest(file) != sources[key]:
            return f"{file} changed since the clips were built; run `study build`"
    heard = {(row.system, row.item): row.sound_sha256 for row in index.stimuli}
    for entry in manifest.entries:
        known = heard[entry.system, entry.item]
        if known and (entry.audio is None or canonical.file_digest(entry.audio) != known):
            return f"{entry.audio}: changed since the clips were built; run `study build`"
    return ""


def _masked(config: StudyConfig, index: Index) -> tuple[StudyConfig, Index]:
    """The same study under names that stand in no text by chance, so that a name in a reply is a leak."""

    def mask(kind: str, name: str) -> str:
        return canonical.digest([config.seed, kind, name])[:20]

    rows = tuple(
        replace(row, system=mask("system", row.system), item=mask("item", row.item))
        for row in index.stimuli
    )
    changes: dict[str, Any] = {"candidate": mask("system", config.candidate)}
    if config.anchor:
        changes["anchor"] = mask("system", config.anchor)
    if config.trials.catch.system:
        catch = config.trials.catch.model_copy(
            update={"system": mask("system", config.trials.catch.system)}
        )
        changes["trials"] = config.trials.model_copy(update={"catch": catch})
    return config.model_copy(update=changes), replace(index, stimuli=rows)


def _altered(stimuli: Path, index: Index) -> str:
    for row in index.stimuli:
        path = stimuli / row.file
        if not path.is_file():
            return f"{path} is missing"
        if canonical.file_digest(path) != row.sha256:
            return f"{path} was altered after it was built"
    extra = {path.name for path in stimuli.iterdir()} - {row.file for row in index.stimuli}
    unknown = sorted(extra - {"index.json"})
    return f"{stimuli / unknown[0]} is not one of the clips" if unknown else ""


def _by_item(index: Index) -> list[list[Stimulus]]:
    rows = sorted(index.stimuli, key=lambda row: row.item)
    return [list(group) for _, group in itertools.groupby(rows, key=lambda row: row.item)]


def _unequal(stimuli: Path, index: Index) -> str:
    for rows in _by_item(index):
        first = structure(stimuli / rows[0].file)
        for row in rows[1:]:
            other = structure(stimuli / row.file)
            if other != first:
                names = [n for n, value in vars(first).items() if value != getattr(other, n)]
                return (
                    f"item {rows[0].item!r}: {row.file} differs from {rows[0].file} in {names[0]}; "
                    "run `study build` again"
                )
    return ""


def _unequal_loudness(stimuli: Path, index: Index) -> str:
    for rows in _by_item(index):
        levels = []
        for row in rows:
            audio = media.read_audio(stimuli / row.file, 48_000, row.duration_ms / 1000)
            levels.append(integrated_loudness(audio, 48_000))
        finite = [level for level in levels if np.isfinite(level)]
        if finite and (len(finite) < len(levels) or max(finite) - min(finite) > LOUDNESS_TOLERANCE):
            return f"item {rows[0].item!r}: loudness lies between {min(levels):.1f} and {max(levels):.1f}"
    return ""


def _text_inside(stimuli: Path, index: Index, names: Sequence[str]) -> str:
    for row in index.stimuli:
        tags = [tag for tag in structure(stimuli / row.file).tags if tag not in PLAIN_TAGS]
        if tags:
            return f"{row.file} carries the tag {tags[0]!r}"
        # The tables' own words, as `mp41` or `und`, would be found for items and systems of such names.
        free = _outside_media((stimuli / row.file).read_bytes(), ("mdat", "ftyp", "moov"))
        for name in _found(free, names):
            return f"{row.file} contains {name!r}"
    return ""


def _searchable(reply: HttpReply) -> bytes:
    headers = "\n".join(f"{key}: {value}" for key, value in reply.headers.items()).encode()
    video = reply.headers.get("content-type", "").startswith("video/")
    return headers + b"\n" + (_outside_media(reply.content) if video else reply.content)


def _outside_media(data: bytes, without: Sequence[str] = ("mdat",)) -> bytes:
    return b"\n".join(
        kind.encode("latin-1") + b" " + body
        for kind, body in media.boxes(data)
        if kind not in without
    )


def _found(text: bytes, names: Sequence[str]) -> Iterator[str]:
    """Names that stand in a text as words, in any case. Plain search is fast: it rules nearly all of them out."""
    lowered = text.lower()
    for name in names:
        word = name.encode().lower()
        alone = rb"(?<![a-z0-9])" + re.escape(word) + rb"(?![a-z0-9])"
        if word in lowered and re.search(alone, lowered):
            yield name


PLAIN_TAGS = (
    "isom",
    "512",
    "isomiso2avc1mp41",
    "und",
    "VideoHandler",
    "SoundHandler",
    "[0][0][0][0]",
)
