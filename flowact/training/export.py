"""Joining trained parts into the checkpoint that the pipeline loads."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
from safetensors.torch import load_file

from flowact.errors import UserError
from flowact.media.image import named_portraits
from flowact.mmdit.model import FlowActTransformer
from flowact.pipeline import FlowActPipeline
from flowact.pipeline.chunks import to_frames
from flowact.pipeline.sampling import FlowActScheduler
from flowact.tokenizer.autoencoder import ViewAutoencoder
from flowact.tokenizer.config import ViewConfig
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.training.calibration import calibrate
from flowact.training.checkpoints import Tensors, load_averaged_weights
from flowact.training.latents import LatentFolder

CONFIG = "config.json"
SAMPLING = "sampling.json"
"""File of a transformer's run that says how its model is sampled: fields of `FlowActScheduler`."""
TOKENIZER = "tokenizer"
"""Folder of the tokenizer in a checkpoint."""
ERRORS = "errors.safetensors"
"""File of an encoder's run: mean squared error of every channel on held-out windows."""
FOLLOW = 0.5
"""How fast a checkpoint's bodies, gaze and brows follow what its transformer generates; see `Tokenizer`."""
CALIBRATION_CLIPS = 24
HEARING = "audio_encoder."
"""Prefix of the audio encoder's weights."""
WRAPPER = "transformer."
"""Prefix that the training wrapper gives the transformer's weights."""


def save_view_config(run: Path, config: ViewConfig) -> None:
    """Leave a view's sizes beside its weights."""
    save_config(run, asdict(config))


def save_config(run: Path, sizes: Mapping[str, object]) -> None:
    """Leave a network's sizes beside its weights."""
    run.mkdir(parents=True, exist_ok=True)
    (run / CONFIG).write_text(json.dumps(sizes, indent=2) + "\n")


@dataclass(frozen=True)
class TokenizerRuns:
    """The runs that a tokenizer is joined from: a decoder and an encoder for each view."""

    whole_decoder: Path
    whole_encoder: Path
    face_decoder: Path
    face_encoder: Path


def load_view(decoder: Path, encoder: Path) -> ViewAutoencoder:
    """A view out of the averaged weights of two runs; UserError if one has no checkpoint."""
    view = ViewAutoencoder(ViewConfig(**_config(decoder)))
    drawing, seeing = load_averaged_weights(decoder), load_averaged_weights(encoder)
    own = {name: w for name, w in drawing.items() if not name.startswith("encoder.")}
    view.load_state_dict(own | {f"encoder.{name}": w for name, w in seeing.items()})
    return view.eval().requires_grad_(False)


def load_tokenizer(runs: TokenizerRuns) -> Tokenizer:
    """Join the averaged views of four runs."""
    whole = load_view(runs.whole_decoder, runs.whole_encoder)
    face = load_view(runs.face_decoder, runs.face_encoder)
    tokenizer = Tokenizer.from_views(whole, face, follow=FOLLOW, coarse_whole=True)
    errors = [load_file(run / ERRORS)["error"] for run in (runs.whole_encoder, runs.face_encoder)]
    tokenizer.face_share.copy_(errors[0] / (errors[0] + errors[1]).clamp(min=1e-6))
    return tokenizer.eval().requires_grad_(False)


def shipped_tokenizer(checkpoint: Path) -> Tokenizer:
    """The tokenizer of a checkpoint, as it is decoded there; UserError if it has none."""
    if not (checkpoint / TOKENIZER / Tokenizer.config_name).is_file():
        raise UserError(f"{checkpoint} is no checkpoint with a tokenizer: give its folder.")
    tokenizer: Tokenizer = Tokenizer.from_config(Tokenizer.load_config(checkpoint / TOKENIZER))
    tokenizer.load_state_dict(_component(checkpoint, TOKENIZER))
    return tokenizer.eval().requires_grad_(False)


def starting_view(init: Path, view: str) -> Tensors:
    """Weights that a view's decoder may start from: of a run, or of a whole checkpoint."""
    return _component(init, TOKENIZER, f"{view}.") or load_averaged_weights(init)


def starting_encoder(init: Path, view: str) -> Tensors:
    """Weights that a view's encoder may start from: of a run, or of a whole checkpoint."""
    return _component(init, TOKENIZER, f"{view}.encoder.") or load_averaged_weights(init)


def starting_transformer(init: Path) -> Tensors:
    """Weights that the transformer may start from: of a run, or of a whole checkpoint."""
    weights = _component(init, "transformer") or _transformer_weights(init)
    if not weights:
        raise UserError(f"{init} holds no transformer; a run of `train audio` is given by --audio.")
    return weights


def starting_audio_encoder(init: Path) -> Tensors:
    """Weights that the audio encoder may start from: of its own run, the transformer's, or a checkpoint."""
    weights = _component(init, "transformer") or load_averaged_weights(init)
    bare = {k.removeprefix(WRAPPER): w for k, w in weights.items()}
    encoder = {k.removeprefix(HEARING): w for k, w in bare.items() if k.startswith(HEARING)}
    if not encoder:
        raise UserError(f"{init} has no audio encoder; `flowact train audio` makes one.")
    return encoder


def take_hearing(transformer: FlowActTransformer, audio: Path) -> None:
    """Give a transformer the audio encoder of a run or checkpoint, which stays as it is from then on.

    Raises:
        UserError: there is none, or it is of another size.
    """
    try:
        transformer.audio_encoder.load_state_dict(starting_audio_encoder(audio))
    except RuntimeError as error:
        raise UserError(f"The audio encoder in {audio} is of another size than needed.") from error
    transformer.audio_encoder.requires_grad_(False)


def _component(folder: Path, name: str, prefix: str = "") -> Tensors:
    """Weights of a checkpoint's component whose names begin so; none if this is no checkpoint."""
    path = folder / name / SAFETENSORS_WEIGHTS_NAME
    weights = load_file(path) if path.is_file() else {}
    return {k.removeprefix(prefix): w for k, w in weights.items() if k.startswith(prefix)}


def load_transformer(run: Path) -> FlowActTransformer:
    """The averaged transformer of a run."""
    made: FlowActTransformer = FlowActTransformer.from_config(_config(run))
    made.load_state_dict(_transformer_weights(run))
    return made.eval().requires_grad_(False)


def _transformer_weights(run: Path) -> Tensors:
    """A run's averaged weights without what only training needs."""
    weights = load_averaged_weights(run)
    return {k.removeprefix(WRAPPER): w for k, w in weights.items() if k.startswith(WRAPPER)}


def load_stage(folder: Path) -> tuple[FlowActTransformer, FlowActScheduler]:
    """The transformer of a run or of a checkpoint, and how it is sampled."""
    if (folder / "model_index.json").is_file():
        pipeline = FlowActPipeline.from_pretrained(folder)
        return pipeline.transformer, pipeline.scheduler
    return load_transformer(folder), _trained_sampling(folder)


def _trained_sampling(run: Path, **changes: object) -> FlowActScheduler:
    path = run / SAMPLING
    if not path.is_file():
        raise UserError(f"{run} is no run of the transformer: {SAMPLING} is missing.")
    return FlowActScheduler(**{**json.loads(path.read_text()), **changes})


def export(
    tokenizer: Tokenizer,
    transformer_run: Path | None,
    out: Path,
    sampling: Mapping[str, object] | None = None,
    audio: Path | None = None,
    calibration: Path | None = None,
) -> None:
    """Write averaged weights, in half precision, as a checkpoint of the pipeline.

    Args:
        tokenizer: joined from its runs, or of another checkpoint.
        transformer_run: run of the transformer's last stage; without it only the ``tokenizer``
            folder is written.
        out: folder of the checkpoint.
        sampling: fields of `FlowActScheduler` that replace those of the run.
        audio: run whose audio encoder takes the place of the transformer's; one that was trained on
            from that still says the same in the same words.
        calibration: folder of encoded clips that the named characters act out, so that processors may
            decode in eight bits; without it they decode as the tokenizer did before, which is in the
            format of the weights if it was just joined.
    """
    if calibration is not None:
        portraits = [to_frames(picture) for picture in named_portraits()]
        clips = LatentFolder(calibration).clips[:CALIBRATION_CLIPS]
        ranges = calibrate(tokenizer, portraits, [clip.z.float() for clip in clips])
        tokenizer.register_to_config(activation_ranges=ranges)
    _to_half(tokenizer)
    if transformer_run is None:
        tokenizer.save_pretrained(out / TOKENIZER)
        return
    transformer = load_transformer(transformer_run)
    if audio is not None:
        take_hearing(transformer, audio)
    _to_half(transformer)
    scheduler = _trained_sampling(transformer_run, **(sampling or {}))
    FlowActPipeline(transformer, tokenizer, scheduler).save_pretrained(out)


def _to_half(network: torch.nn.Module) -> None:
    # Not `network.half()`: diffusers warns about that call, which is for running and not for storing.
    torch.nn.Module.to(network, torch.float16)


def _config(run: Path) -> dict[str, object]:
    path = run / CONFIG
    if not path.is_file():
        raise UserError(f"{run} is not a training run: {CONFIG} is missing.")
    return dict(json.loads(path.read_text()))
