"""What decoding must know of a portrait, and what it remembers from latent to latent."""

from dataclasses import dataclass

from torch import Tensor

from flowact.tokenizer.arms.look import ArmsLook
from flowact.tokenizer.autoencoder import ViewState
from flowact.tokenizer.decoder import ViewReference


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
        shown: standardised curves and pose of the last four frames, `[batch, 4, channels]`.
        aim: what those were on their way to, `[batch, channels]`; see `follow` of
            `Tokenizer`.
        frames: how many frames were shown so far, modulo a swing of a waving hand, `[batch]`.
        whole, face: what each view remembers.
    """

    shown: Tensor
    aim: Tensor
    frames: Tensor
    whole: ViewState
    face: ViewState
