"""Joining the runs of a tokenizer's parts into one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file

from flowact.errors import UserError
from flowact.tokenizer.autoencoder import ViewAutoencoder
from flowact.tokenizer.config import ViewConfig
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.training.loop.checkpoints import load_averaged_weights
from flowact.training.loop.run_folder import component_weights, read_config
from flowact.training.tokenizer.starting_weights import ERRORS, TOKENIZER

FOLLOW = 0.5
"""How fast a checkpoint's bodies, gaze and brows follow what its transformer generates; see `Tokenizer`."""

WHOLE_EVERY, FACE_EVERY = 4, 2
"""To how many frames of its views a checkpoint's networks see; see `Tokenizer`."""
SHARPEN = 0.3
"""How much a checkpoint's references are sharpened; more begins to cost PSNR on held-out clips."""
DETAIL = 1.0
"""How much of the portrait's finest detail a checkpoint keeps in the face; see `Tokenizer`."""
MOUTH = 1.0
"""How much of the inside of open mouths a checkpoint draws; see `Tokenizer`."""
EYES = 1.0
"""How much of the portrait's open eyes it shows; see `Tokenizer`."""
LIDS = 1.0
"""How much of shut lids; see `Tokenizer`."""
ARMS = 1.0
"""How much of raised arms; see `Tokenizer`."""
GESTURES = 1.0
"""How far half-made gestures are made whole; see `Tokenizer`."""
BLINKS = 1.0
"""How far blinks that are nearly made are made whole; see `Tokenizer`."""
SACCADES = 1.0
"""How far the gaze jumps; see `Tokenizer`."""
DRAWN = {
    "sharpen": SHARPEN,
    "detail": DETAIL,
    "mouth": MOUTH,
    "eyes": EYES,
    "lids": LIDS,
    "arms": ARMS,
    "gestures": GESTURES,
    "blinks": BLINKS,
    "saccades": SACCADES,
}
"""What a checkpoint does beside what its views learned: fields of its configuration."""
SHOWN = ("feather", "follow", "whole_every", "face_every")
"""How a tokenizer shows what its views paint: fields of its configuration."""


@dataclass(frozen=True)
class TokenizerRuns:
    """The runs that a tokenizer is joined from: a decoder and an encoder for each view."""

    whole_decoder: Path
    whole_encoder: Path
    face_decoder: Path
    face_encoder: Path


def load_view(decoder: Path, encoder: Path) -> ViewAutoencoder:
    """A view out of the averaged weights of two runs; UserError if one has no checkpoint."""
    view = ViewAutoencoder(ViewConfig(**read_config(decoder)))
    drawing, seeing = load_averaged_weights(decoder), load_averaged_weights(encoder)
    own = {name: w for name, w in drawing.items() if not name.startswith("encoder.")}
    view.load_state_dict(own | {f"encoder.{name}": w for name, w in seeing.items()})
    return view.eval().requires_grad_(False)


def load_tokenizer(runs: TokenizerRuns) -> Tokenizer:
    """Join the averaged views of four runs."""
    whole = load_view(runs.whole_decoder, runs.whole_encoder)
    face = load_view(runs.face_decoder, runs.face_encoder)
    shown = {"follow": FOLLOW, "whole_every": WHOLE_EVERY, "face_every": FACE_EVERY, **DRAWN}
    tokenizer = Tokenizer.from_views(whole, face, **shown)
    errors = [load_file(run / ERRORS)["error"] for run in (runs.whole_encoder, runs.face_encoder)]
    tokenizer.face_share.copy_(errors[0] / (errors[0] + errors[1]).clamp(min=1e-6))
    return tokenizer.eval().requires_grad_(False)


def with_parts(
    tokenizer: Tokenizer, decoders: Sequence[Path] = (), correction: Path | None = None
) -> Tokenizer:
    """The same with other decoders, or another correction of its encoders: averaged weights of runs.

    A decoder takes the place of that of the view that it trained.
    """
    views = {"whole": tokenizer.whole, "face": tokenizer.face}
    for run in decoders:
        view = ViewAutoencoder(ViewConfig(**read_config(run)))
        seeing = views[view.config.view].encoder.state_dict()
        own = {k: w for k, w in load_averaged_weights(run).items() if not k.startswith("encoder.")}
        view.load_state_dict(own | {f"encoder.{name}": weight for name, weight in seeing.items()})
        views[view.config.view] = view
    shown = {name: tokenizer.config[name] for name in SHOWN}
    width = (
        tokenizer.config.correction_width
        if correction is None
        else read_config(correction)["width"]
    )
    kept = {} if decoders else {"activation_ranges": tokenizer.config.activation_ranges}
    joined = Tokenizer.from_views(**views, **shown, **DRAWN, **kept, correction_width=width)
    joined.face_share.copy_(tokenizer.face_share)
    if joined.correction is not None and correction is not None:
        joined.correction.load_state_dict(load_averaged_weights(correction))
    elif joined.correction is not None and tokenizer.correction is not None:
        joined.correction.load_state_dict(tokenizer.correction.state_dict())
    return joined.eval().requires_grad_(False)


def shipped_tokenizer(checkpoint: Path) -> Tokenizer:
    """The tokenizer of a checkpoint, as it is decoded there; UserError if it has none."""
    if not (checkpoint / TOKENIZER / Tokenizer.config_name).is_file():
        raise UserError(f"{checkpoint} is no checkpoint with a tokenizer: give its folder.")
    tokenizer: Tokenizer = Tokenizer.from_config(Tokenizer.load_config(checkpoint / TOKENIZER))
    tokenizer.load_state_dict(component_weights(checkpoint, TOKENIZER))
    return tokenizer.eval().requires_grad_(False)
