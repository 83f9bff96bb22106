"""Pictures as the model takes them: a frame as it is, and any other one looked at first."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from flowact import assets
from flowact.media.image import is_frame, read_picture


def load_reference(path: str | Path) -> NDArray[np.uint8]:
    """Pixels of `read_portrait`, uint8 `[480, 480, 3]`; those of a picture of that size without a look at it."""
    picture = read_picture(path)
    if is_frame(picture):
        return picture
    from flowact.portrait.portrait import look_at_portrait  # which brings PyTorch

    return look_at_portrait(picture).pixels


def named_portraits() -> list[NDArray[np.uint8]]:
    """Reference pictures of the characters that come with the repository, in the order of their names."""
    characters = map(assets.character, assets.character_names())
    return [load_reference(character.portrait) for character in characters]


def reference_picture(
    character: str | None, reference: NDArray[np.uint8] | str | Path | None
) -> NDArray[np.uint8]:
    """Return the picture of a character, or the given one: uint8 `[480, 480, 3]`.

    Raises:
        UserError: no such character, or a file that is not a picture.
        ValueError: not exactly one of the two was given.
    """
    if (character is None) == (reference is None):
        raise ValueError(f"give a character or a reference, got {character!r} and {reference!r}")
    if character is not None:
        return load_reference(assets.character(character).portrait)
    return reference if isinstance(reference, np.ndarray) else load_reference(str(reference))
