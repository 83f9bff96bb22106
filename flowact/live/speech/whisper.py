"""Whisper on this machine: a model in CTranslate2's format, in a folder that the owner gives.

It runs in a helper process, one turn after the other, and asks no server for anything.
"""

from __future__ import annotations

import logging
import os
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flowact.errors import UserError
from flowact.hardware.threads import available_threads
from flowact.live.speech.helper import HelperProcess
from flowact.live.speech.recogniser import LONGEST_TEXT
from flowact.serving.audio_source import from_pcm16

if TYPE_CHECKING:
    from faster_whisper import WhisperModel

_log = logging.getLogger(__name__)

CANNOT_HEAR: Final = "The avatar cannot hear just now; the log of this server says why."
_NICE: Final = 5
_SECOND: Final = 32_000
"""Bytes of sound."""
FILES: Final = ("model.bin", "config.json", "tokenizer.json")
"""Without the last one a tokenizer would be fetched from a hub."""
ENOUGH_THREADS: Final = 4
"""From so many on there are some to spare for a text that may be thrown away."""


class WhisperRecogniser:
    """Writes down what is said, without a network.

    Attributes:
        name: what the log calls it.
        spare: see `Recogniser`.

    Args:
        folder: of the model.
        helper: where it runs; one process for all visitors.

    Raises:
        UserError: the package or a file of the model is missing.
    """

    name = "whisper"

    def __init__(self, folder: Path, helper: HelperProcess) -> None:
        if find_spec("faster_whisper") is None:
            raise UserError("--listen-model needs more packages: pip install 'flowact[listen]'.")
        missing = [file for file in FILES if not (folder / file).is_file()]
        if missing:
            raise UserError(
                f"There is no Whisper model in {folder}: {missing[0]} is missing; it must be in CTranslate2's format."
            )
        self.folder, self._helper = folder, helper
        self.spare = available_threads() >= ENOUGH_THREADS

    async def warm_up(self) -> None:
        """Load the model now, so that the first visitor need not wait."""
        try:
            await self.transcribe(bytes(_SECOND), "")
        except UserError as error:  # whoever speaks will be told
            _log.warning("nobody will be understood: %s", error)

    async def transcribe(self, pcm: bytes, language: str) -> str:
        """Write a turn down in the helper."""
        try:
            text = await self._helper.run(write_down, str(self.folder), pcm, language)
        except RuntimeError as error:
            _log.warning("the model in %s: %s", self.folder, error)
            raise UserError(CANNOT_HEAR) from error
        return text[:LONGEST_TEXT]


def write_down(folder: str, pcm: bytes, language: str) -> str:
    """Write 16-bit mono sound at 16 kHz down in this process; see `Recogniser.transcribe`.

    Raises:
        RuntimeError: Whisper could not; errors of its libraries cannot be passed between processes.
    """
    try:
        model = _loaded(folder)
    except Exception as error:
        raise RuntimeError(f"it cannot be loaded: {error}") from error
    try:
        known = language if language in model.supported_languages else None
        parts, _ = model.transcribe(
            from_pcm16(pcm),
            language=known,
            beam_size=1,
            temperature=0.0,  # one try: more cost seconds, and the viewer waits
            condition_on_previous_text=False,
            without_timestamps=True,
        )
        return " ".join(part.text.strip() for part in parts).strip()
    except Exception as error:
        raise RuntimeError(f"{type(error).__name__} while it listened") from error


@cache
def _loaded(folder: str) -> WhisperModel:
    """Load the model, once in a process, which from then on lets the pictures go first."""
    from faster_whisper import WhisperModel

    if hasattr(os, "nice"):
        os.nice(_NICE)
    threads = available_threads()
    return WhisperModel(
        folder, device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
    )
