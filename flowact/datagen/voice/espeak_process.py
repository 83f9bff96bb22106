"""Speaks one text with the eSpeak NG library; the program that `espeak` starts for every text.

A process of its own because the library keeps its state from text to text, so that only a fresh
one says the same text twice in the same way, and because its licence (GPL) is not this project's.

Arguments: library file, data folder or "", voice, words per minute. The text comes from the
standard input. Output: one line of JSON {"rate": Hz, "onsets": [[IPA, seconds], ...]}, then int16
samples. Exit code 3: the library does not know the voice; 4: it finds no data.
"""

import ctypes
import json
import sys
from typing import Any

UNKNOWN_VOICE = 3
NO_DATA = 4

# Values of the enumerations in espeak-ng/speak_lib.h.
_AUDIO_OUTPUT_SYNCHRONOUS = 2
_PHONEME_EVENTS_IN_IPA = 0x3
_DONT_EXIT = 0x8000
_EVENT_LIST_END = 0
_EVENT_PHONEME = 7
_POSITION_CHARACTER = 1
_CHARS_UTF8 = 1
_PARAMETER_RATE = 1


class _EventId(ctypes.Union):
    _fields_ = (
        ("number", ctypes.c_int),
        ("name", ctypes.c_char_p),
        ("string", ctypes.c_char * 8),
    )


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    )


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class _Take:
    """Collects what the library says through its callback."""

    def __init__(self) -> None:
        self.samples: list[bytes] = []
        self.onsets: list[tuple[str, int]] = []

    def receive(self, samples: Any, count: int, events: Any) -> int:
        """Keep a block of samples and its phone events; 0 asks for more."""
        if samples and count:
            self.samples.append(ctypes.string_at(samples, 2 * count))
        position = 0
        while events[position].type != _EVENT_LIST_END:
            event = events[position]
            if event.type == _EVENT_PHONEME:
                self.onsets.append((event.id.string.decode(errors="ignore"), event.sample))
            position += 1
        return 0


def main(path: str, data: str, voice: str, words_per_minute: str) -> int:
    """Speak the standard input to the standard output; returns the exit code."""
    library = ctypes.CDLL(path)
    rate = library.espeak_Initialize(
        _AUDIO_OUTPUT_SYNCHRONOUS, 0, data.encode() or None, _PHONEME_EVENTS_IN_IPA | _DONT_EXIT
    )
    if rate <= 0:
        return NO_DATA
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        return UNKNOWN_VOICE
    take = _Take()
    callback = _Callback(take.receive)
    library.espeak_SetSynthCallback(callback)
    library.espeak_SetParameter(_PARAMETER_RATE, int(words_per_minute), 0)
    text = sys.stdin.buffer.read()
    library.espeak_Synth(text, len(text) + 1, 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None)
    library.espeak_Synchronize()
    onsets = [[ipa, sample / rate] for ipa, sample in take.onsets]
    sys.stdout.buffer.write(json.dumps({"rate": rate, "onsets": onsets}).encode() + b"\n")
    sys.stdout.buffer.write(b"".join(take.samples))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
