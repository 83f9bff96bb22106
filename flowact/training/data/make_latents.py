"""`flowact train latents`: a folder of encoded clips with all that the stages read beside them."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from flowact.errors import UserError
from flowact.tokenizer.encoding.fitting import fit_latents
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.training.data.latents import SPLITS, ClipEncoding, LatentFolder, encode_folders
from flowact.training.data.motion_only_clips import make_folder, training_voices
from flowact.training.parts import TEXT, Parts, codec_digest
from flowact.training.transformer.latent_probe import fit_probe

HELDOUT_CLIPS: Final = 24
"""Imagined clips of held-out voice and sentences."""
PROBED: Final = 300
"""Clips that the read-out is fitted to."""


@dataclass(frozen=True)
class LatentRequest:
    """What to encode and imagine.

    Attributes:
        out: folder of the encoded clips.
        imagined: clips made without pictures, for FlowAct's own codec alone.
        seconds: length of an imagined clip.
        voices: who speaks in it, `all` or `english`.
        data: folder of rendered clips, or `None`.
        tokenizer: folder of the tokenizer of FlowAct's own that encodes them.
        parts: folder of `flowact train parts` whose codec does, instead.
        encode_steps: of fitting latents through FlowAct's own decoder.
    """

    out: Path
    imagined: int
    seconds: float = 8.0
    voices: str = "all"
    data: Path | None = None
    tokenizer: Path | None = None
    parts: Path | None = None
    encode_steps: int = 0


def make_latents(request: LatentRequest) -> tuple[int, int]:
    """Encode and imagine what the folder lacks, and fit the read-out; count both.

    Raises:
        UserError: what was asked for does not go together, or a part of it is not there.
    """
    _check(request)
    imagined = 0
    if request.imagined:
        voices = training_voices(request.voices)
        imagined = sum(
            make_folder(request.out / split, min(request.imagined, most), request.seconds, voices)
            for split, most in zip(SPLITS, (request.imagined, HELDOUT_CLIPS), strict=True)
        )
    encoded = encode_folders(_encoding(request), request.data, request.out) if request.data else 0
    train, heldout = (LatentFolder(request.out / split).clips for split in SPLITS)
    fit_probe(train[:PROBED], heldout).save(request.out / "readout.safetensors")
    return encoded, imagined


def _check(request: LatentRequest) -> None:
    coders = [each for each in (request.tokenizer, request.parts) if each is not None]
    if len(coders) != (0 if request.data is None else 1):
        raise UserError("--data needs --tokenizer or --parts, one of them, and neither goes alone.")
    if request.encode_steps < 0:
        raise UserError(f"--encode-steps must be 0 or more, not {request.encode_steps}.")
    if request.encode_steps and request.tokenizer is None:
        raise UserError("--encode-steps belongs to --data with --tokenizer: only that is fitted.")
    if request.imagined < 0:
        raise UserError(f"--imagined must be 0 or more, not {request.imagined}.")
    if request.imagined and request.parts is not None:
        raise UserError(
            "--imagined makes latents of FlowAct's own codec: it does not go with --parts."
        )


def _encoding(request: LatentRequest) -> ClipEncoding:
    """How the rendered clips are encoded; leaves what reads for the transformer in the folder."""
    if request.parts is not None:
        parts = Parts.load(request.parts)
        if parts.text is not None:
            parts.text.save_pretrained(request.out / TEXT)
        own = isinstance(parts.tokenizer, Tokenizer)
        digest = "" if own else codec_digest(parts.tokenizer)
        return ClipEncoding(parts.tokenizer, digest, audio=parts.audio)
    folder = request.tokenizer or Path()
    if not (folder / Tokenizer.config_name).is_file():
        raise UserError(f"{folder} is no tokenizer: {Tokenizer.config_name} is missing.")
    tokenizer = Tokenizer.from_pretrained(folder).eval().requires_grad_(False)
    steps = request.encode_steps
    fit = partial(fit_latents, tokenizer, steps=steps) if steps else None
    return ClipEncoding(tokenizer, fit=fit)
