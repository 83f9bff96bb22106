"""Is there speech in a recording? Lips follow any sound, and look odd over music."""

from __future__ import annotations

import logging
from itertools import islice
from typing import Final

from flowact.errors import UserError
from flowact.live.dialogue.silero import WINDOW, VoiceState, voice_probability
from flowact.media import Recording
from flowact.timebase import SAMPLE_RATE

_log = logging.getLogger(__name__)

ENOUGH_SECONDS: Final = 0.25
"""Speech that is found before the rest is no longer listened to."""
MOST_SECONDS: Final = 30.0
"""Seconds from the beginning in which it is looked for."""
VOICE: Final = 0.5
"""Probability from which a window counts as speech."""


def speech_remark(recording: Recording) -> str:
    """A sentence for a recording in whose first half minute nobody speaks, else nothing.

    Nothing, too, where the package with the detector's weights is not installed.
    """
    state, voiced = VoiceState.start(), 0
    try:
        for block in islice(recording.blocks(WINDOW), int(MOST_SECONDS * SAMPLE_RATE / WINDOW)):
            probability, state = voice_probability(block, state)
            voiced += probability > VOICE
            if voiced * WINDOW >= ENOUGH_SECONDS * SAMPLE_RATE:
                return ""
    except UserError as error:
        _log.info("nobody listened for speech: %s", error)
        return ""
    return f"No speech was found in {recording.name}; lips move with any sound, but they look right with speech only."
