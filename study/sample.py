"""`study sample`: the study that the repository ships, from rendered clips to an audited folder.

Sources are made, imported, built and audited in a temporary folder, which replaces the old one as a whole
when everything has passed.
"""

from __future__ import annotations

import tempfile
import wave
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml
from numpy.typing import NDArray
from PIL import Image

from study.checks import audit
from study.design import audit_record, builder, media, stimuli
from study.design.config import load
from study.design.stimuli import COLUMNS
from study.encoding.clip_format import ClipFormat
from study.errors import StudyError
from study.voting.context import AUDIT_NAME, CONFIG_NAME, STIMULI_NAME

if TYPE_CHECKING:
    from study.design.flowact_adapter import Excerpt, System

ITEMS = 4
FRAMES = 100  # 4 s of every clip, where it speaks most
LICENCE = "CC0-1.0"
PARTS = {CONFIG_NAME, AUDIT_NAME, STIMULI_NAME}


def make(folder: Path, clips: Path, items: int = ITEMS, frames: int = FRAMES) -> builder.Index:
    """Put a built and audited sample study into `folder`; an older sample there is replaced.

    `clips` holds rendered clips (.npz) that the model was not trained on; the first `items` are used,
    `frames` of each. Raises StudyError, and leaves `folder` as it was, when there are too few, when
    `folder` holds anything but a sample study, or when the audit does not pass.
    """
    _refuse_other(folder)
    files = sorted(clips.glob("*.npz"))[:items]
    if len(files) < items:
        raise StudyError(f"{clips}: holds {len(files)} rendered clips (.npz), expected {items}")
    with tempfile.TemporaryDirectory() as temporary:
        sources = Path(temporary)
        _write_sources(sources, files, frames)
        return _build(sources, folder)


def _refuse_other(folder: Path) -> None:
    if not folder.exists():
        return
    other = sorted(path.name for path in folder.iterdir() if path.name not in PARTS)
    if other:
        raise StudyError(f"{folder}: holds {other[0]}, which is no part of a sample study")


def _write_sources(folder: Path, files: list[Path], frames: int) -> None:
    """Write every video and input, manifest.csv and study.yaml."""
    from study.design import flowact_adapter

    for context in (folder / "videos", folder / "inputs"):
        context.mkdir()
    systems = flowact_adapter.systems()
    rows = [",".join(COLUMNS)]
    for number, file in enumerate(files, start=1):
        shown = flowact_adapter.excerpt(file, frames)
        rows += _item(folder, f"portrait{number}", shown, systems)
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    config = _config(flowact_adapter.CANDIDATE, flowact_adapter.ANCHOR)
    text = yaml.safe_dump(config, allow_unicode=True, sort_keys=False)
    (folder / CONFIG_NAME).write_text(text, encoding="utf-8")


def _item(folder: Path, name: str, shown: Excerpt, systems: Mapping[str, System]) -> Iterator[str]:
    """Write everything about one item; yields its rows of the manifest."""
    portrait, voice = f"inputs/{name}.png", f"inputs/{name}.wav"
    Image.fromarray(shown.portrait).save(folder / portrait)
    _write_wav(folder / voice, shown.voice)
    for system, play in systems.items():
        video = f"videos/{system}-{name}.mp4"
        _write_video(folder / video, play(shown, folder / voice), shown.voice)
        yield f"{system},{name},{video},{portrait},{voice},{LICENCE}"


def _build(sources: Path, folder: Path) -> builder.Index:
    """Build and audit, then put the outcome in place of `folder`."""
    config = load(sources / CONFIG_NAME)
    manifest = stimuli.read(sources / "manifest.csv")
    with builder.replacing(folder) as work:
        index = builder.build(config, manifest, work / STIMULI_NAME)
        checks = audit.audit(config, manifest, work)
        audit_record.save(checks, index, config, work / AUDIT_NAME)
        problems = [check.problem for check in checks if check.problem]
        if problems:
            raise StudyError(f"the sample study did not pass its audit: {problems[0]}")
        (work / CONFIG_NAME).write_bytes((sources / CONFIG_NAME).read_bytes())
    return index


def _config(candidate: str, anchor: str) -> dict[str, Any]:
    return {
        "name": "sample",
        "title": {"en": "Which talking portrait is better?", "zh": "哪一个会说话的人像更好？"},
        "seed": 20260101,
        "candidate": candidate,
        "anchor": anchor,
        "trials": {"per_participant": 8, "training": 1, "catch": {"items": 2}},
        "stimuli": {"crf": 31, "preset": "slow"},
        "recruitment": {"codes": {"finished": "SAMPLE-DONE"}},
    }


def _write_video(path: Path, pictures: NDArray[np.uint8], voice: NDArray[np.int16]) -> None:
    """Nearly lossless and alike for all systems: the study's builder encodes once more."""
    from study.design.flowact_adapter import RATE, SIZE, SOUND_RATE

    form = ClipFormat(SIZE, SIZE, RATE, crf=12, preset="veryfast")
    samples = np.repeat((voice / 32768).astype(np.float32), form.audio_rate // SOUND_RATE)
    media.write_clip(path, iter(pictures), samples[None], form)


def _write_wav(path: Path, samples: NDArray[np.int16]) -> None:
    from study.design.flowact_adapter import SOUND_RATE

    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SOUND_RATE)
        sound.writeframes(samples.astype("<i2").tobytes())
