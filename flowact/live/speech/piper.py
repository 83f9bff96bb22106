"""Piper's neural voices: whatever its owner has put into a folder of this machine.

A voice is two files, `NAME.onnx` and `NAME.onnx.json`, at any depth: a copy of a part of `rhasspy/piper-voices`
will do.
A file `MODEL_CARD` beside them says what may be done with it. The engine is under the GPL and runs in a helper process.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from flowact.errors import UserError
from flowact.live.speech.helper import HelperProcess
from flowact.live.speech.sound import Signal, normalised
from flowact.live.speech.writing import scripts_of
from flowact.media.resampler import StreamResampler

if TYPE_CHECKING:
    from piper import PiperVoice

_log = logging.getLogger(__name__)

CANNOT_SPEAK: Final = "That voice cannot speak just now; the log of this server says why."
_ENGINE: Final = "engine: Piper, GPL-3.0-or-later, in a process of its own"
_LICENCE: Final = re.compile(r"^\W*licen[cs]e\W*:\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_THREADS: Final = 1
"""Speaks several times faster than real time with one, and leaves the others to the pictures."""


@dataclass(frozen=True)
class PiperTTS:
    """One of Piper's voices, spoken in a helper process.

    Attributes:
        model: its file, `NAME.onnx`.
        title, licence, scripts: see `TTSEngine`.
        helper: where it runs; one process for all of these voices and all visitors.
    """

    model: Path
    title: str
    licence: str
    scripts: frozenset[str]
    helper: HelperProcess = field(repr=False)

    @property
    def name(self) -> str:
        """`piper:` and the name of the file."""
        return f"piper:{self.model.stem}"

    async def speak(self, clause: str) -> AsyncGenerator[Signal, None]:
        """Speak in the helper."""
        try:
            sound = await self.helper.run(synthesise, str(self.model), clause)
        except RuntimeError as error:
            _log.warning("the voice %s: %s", self.name, error)
            raise UserError(CANNOT_SPEAK) from error
        yield normalised(sound)


def find_piper_voices(folder: Path, helper: HelperProcess) -> list[PiperTTS]:
    """Return the voices of a folder, in the order of their names.

    Raises:
        UserError: Piper is not installed, there is no voice, or one cannot be read.
    """
    if find_spec("piper") is None:
        raise UserError("--voices needs another package: pip install 'flowact[voice]'.")
    models = sorted(folder.rglob("*.onnx"), key=lambda path: path.name)
    if not models:
        raise UserError(f"There is no voice in {folder}: Piper's are files NAME.onnx.")
    return [_voice(model, helper) for model in models]


def _voice(model: Path, helper: HelperProcess) -> PiperTTS:
    config = model.with_name(f"{model.name}.json")
    try:
        said: dict[str, Any] = json.loads(config.read_text(encoding="utf-8"))
        spoken = str(said["espeak"]["voice"])
        language = said.get("language") or {}
        dataset = str(said.get("dataset") or model.stem)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{config} cannot be read; it must be the description that came with {model.name}."
        ) from error
    code = str(language.get("family") or spoken)
    name = str(language.get("name_english") or code)
    title = f"{dataset.replace('_', ' ').title()} ({name})"
    return PiperTTS(model, title, _licence(model), scripts_of(code), helper)


def _licence(model: Path) -> str:
    """Return what the card beside a voice says, and what the engine's licence is."""
    try:
        found = _LICENCE.search((model.parent / "MODEL_CARD").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        found = None
    voice = found.group(1).strip()[:200] if found else "not stated, ask where it came from"
    return f"voice: {voice}; {_ENGINE}"


def synthesise(model: str, clause: str) -> Signal:
    """Speak in this process, mono at 16 kHz; empty if there is nothing to pronounce.

    Raises:
        RuntimeError: Piper could not; errors of its libraries cannot be passed between processes.
    """
    try:
        voice = _loaded(model)
    except Exception as error:
        raise RuntimeError(f"it cannot be loaded: {error}") from error
    try:
        # Double brackets would be phonemes.
        chunks = list(voice.synthesize(clause.replace("[[", "[").replace("]]", "]")))
    except Exception as error:  # its words may repeat the clause
        raise RuntimeError(f"{type(error).__name__} while it spoke") from error
    if not chunks:
        return np.zeros(0, np.float32)
    resampler = StreamResampler(voice.config.sample_rate)
    sound = np.concatenate([chunk.audio_float_array for chunk in chunks])
    return np.concatenate([resampler.push(sound), resampler.finish()])


@cache
def _loaded(model: str) -> PiperVoice:
    """Load a voice, once in a process, as `PiperVoice.load` does, but with a bound on its threads."""
    import onnxruntime
    from piper import PiperVoice
    from piper.config import PiperConfig

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = _THREADS
    providers = ["CPUExecutionProvider"]
    return PiperVoice(
        onnxruntime.InferenceSession(model, sess_options=options, providers=providers),
        PiperConfig.from_dict(json.loads(Path(f"{model}.json").read_text(encoding="utf-8"))),
    )
