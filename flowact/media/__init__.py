"""Files in and out: recordings, videos and pictures. Everything that decodes or encodes is here."""

from flowact.media.audio import Recording
from flowact.media.image import read_picture
from flowact.media.video import VideoWriter

__all__ = ["Recording", "VideoWriter", "read_picture"]
