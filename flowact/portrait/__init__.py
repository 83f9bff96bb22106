"""Looking at a portrait: landmarks, pose, notices and the aligned picture. Imports `media` and below."""

from flowact.portrait.portrait import (
    Portrait,
    load_reference,
    look_at_portrait,
    named_portraits,
    read_portrait,
)

__all__ = ["Portrait", "load_reference", "look_at_portrait", "named_portraits", "read_portrait"]
