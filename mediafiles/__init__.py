"""Media files as a player would show them: the one door through which sound, videos and pictures come in.

`flowact` and `study` both read through it and it knows neither. Whatever FFmpeg, PyAV or Pillow raise about a
file becomes a `MediaError`, whose text is one sentence.
"""

from mediafiles.errors import MediaError

__all__ = ["MediaError"]
