"""What decoding must know of a portrait, and what it remembers from latent to latent."""

from dataclasses import dataclass

from torch import Tensor

from flowact.tokenizer.arms.look import ArmsLook
from flowact.tokenizer.autoencoder import ViewState
from flowact.tokenizer.decoder import ViewReference
from flowact.tokenizer.shown_motion import ShownMotion


@dataclass(frozen=True)
class ReferenceFeatures:
    """What decoding needs to know of a reference portrait; computed once per session.

    Attributes:
        whole, face: features of the two views.
        latent: the portrait's own latent, held still, `[batch, 16, 8, 16]`.
        arms: how each person's arms look, where they are to be drawn.
    """

    whole: ViewReference
    face: ViewReference
    latent: Tensor
    arms: tuple[ArmsLook | None, ...] | None = None


@dataclass(frozen=True)
class DecoderState:
    """All that the decoder remembers.

    Attributes:
        motion: what was shown, and what its next frames depend on.
        whole, face: what each view remembers.
    """

    motion: ShownMotion
    whole: ViewState
    face: ViewState
