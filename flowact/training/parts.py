"""The frozen parts of a preset: its codec, and the networks that hear and read for its transformer.

They are made once, from folders or hub ids of diffusers and transformers or with random weights, and
kept as the folders that a checkpoint has for them. `train latents` encodes clips with them, and
`train export` puts them beside the trained transformer.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.modeling_utils import ModelMixin

from flowact.conditioning.features import COMPACT, ConditionFeatures
from flowact.conditioning.pretrained_text import PhraseEmbeddings
from flowact.errors import UserError
from flowact.pipeline.from_preset import (
    random_audio_features,
    random_text_features,
)
from flowact.presets import Preset, TransformerSize
from flowact.tokenizer.tokenizer import Tokenizer
from flowact.tokenizer.video.adapter import DiffusersVideoTokenizer
from flowact.tokenizer.video.from_preset import random_tokenizer
from flowact.tokenizer.video.tiny import tiny_decoder_of
from flowact.training.data.latents import LatentClip

TOKENIZER: Final = "tokenizer"
AUDIO: Final = "audio_features"
TEXT: Final = "text_features"


@dataclass(frozen=True)
class Sources:
    """Folders or hub ids of real weights; what is `None` has random ones.

    Attributes:
        codec: of an autoencoder of diffusers, as `Wan-AI/Wan2.2-TI2V-5B-Diffusers`, which has it in
            its folder `vae`.
        audio: of a network of transformers, as `openai/whisper-small`.
        text: the same, as `google/umt5-xxl`.
        tiny_decoder: file of TAEHV with a decoder of the codec's latents, as `taew2_2.pth`.
    """

    codec: str | None = None
    audio: str | None = None
    text: str | None = None
    tiny_decoder: Path | None = None


@dataclass(frozen=True)
class Parts:
    """Networks that a transformer is trained for and that are not trained with it.

    Attributes:
        tokenizer: makes its latents.
        audio: hears for it; `None` if it hears log-mel frames.
        text: reads for it; `None` if it reads hashed words.
    """

    tokenizer: Tokenizer | DiffusersVideoTokenizer
    audio: Any = None
    text: PhraseEmbeddings | None = None

    @property
    def features(self) -> ConditionFeatures:
        """What the transformer is given of sound and text."""
        return ConditionFeatures(self.audio or COMPACT.audio, self.text or COMPACT.text)

    def save(self, folder: Path) -> None:
        """Write every part that there is into a folder of its own."""
        for name, part in ((TOKENIZER, self.tokenizer), (AUDIO, self.audio), (TEXT, self.text)):
            if part is not None:
                part.save_pretrained(folder / name)

    @classmethod
    def load(cls, folder: Path) -> "Parts":
        """Read what `save` wrote, or the parts of a checkpoint.

        Raises:
            UserError: there is no tokenizer.
        """
        if not (folder / TOKENIZER / "config.json").is_file():
            raise UserError(f"{folder} holds no tokenizer; `flowact train parts` makes one.")
        return cls(*(_load(folder / name) for name in (TOKENIZER, AUDIO, TEXT)))


def make_parts(preset: Preset, sources: Sources, seed: int = 0) -> Parts:
    """Make the parts of a preset.

    Raises:
        UserError: a source cannot be loaded, or is not of the preset's sizes.
    """
    torch.manual_seed(seed)
    codec = _with_tiny_decoder(_codec(preset, sources.codec), sources.tiny_decoder)
    audio = text = None
    if preset.audio is not None:
        from flowact.conditioning.pretrained_audio import PretrainedAudioFeatures

        audio = (
            _tried(sources.audio, PretrainedAudioFeatures.load, preset.audio.kind, sources.audio)
            if sources.audio
            else random_audio_features(preset.audio)
        )
        _check_width("audio", audio.width, preset.transformer.audio_width)
    if preset.text is not None:
        tokens = preset.transformer.text_tokens
        text = (
            _tried(sources.text, PhraseEmbeddings.load, sources.text, tokens)
            if sources.text
            else random_text_features(preset.text, tokens)
        )
        _check_width("text", text.embeddings.shape[-1], preset.transformer.text_width)
    return Parts(*(part and part.eval().requires_grad_(False) for part in (codec, audio, text)))


def load_text_features(data: Path) -> PhraseEmbeddings | None:
    """What reads for the transformer, as `train latents` left it beside the clips."""
    features: PhraseEmbeddings | None = _load(data / TEXT)
    return features


def check_clips(data: Path, clip: LatentClip, size: TransformerSize, preset: str) -> None:
    """Refuse encoded clips that a preset's transformer cannot learn from.

    Raises:
        UserError: their latents are of another codec, or their sound of another network.
    """
    given, wanted = clip.z.shape[1:], (size.latent_channels, size.latent_height, size.latent_width)
    heard = 0 if clip.heard is None else clip.heard.shape[-1]
    if tuple(given) != wanted:
        fault = f"latents of {'x'.join(map(str, given))} for {'x'.join(map(str, wanted))}"
    elif heard != size.audio_width:
        fault = f"features of sound {heard} wide for {size.audio_width}"
    else:
        return
    raise UserError(
        f"The clips in {data} are not of the preset {preset}: {fault}; "
        "`flowact train latents` makes them with the parts of a preset."
    )


def codec_digest(tokenizer: ModelMixin) -> str:
    """Sixteen digits that differ between codecs: of their sizes and of their weights."""
    digest = hashlib.sha256(
        json.dumps(dict(tokenizer.config), default=str, sort_keys=True).encode()
    )
    for name, weight in sorted(tokenizer.state_dict().items()):
        digest.update(name.encode())
        digest.update(_bytes(weight))
    return digest.hexdigest()[:16]


def _bytes(weight: torch.Tensor) -> bytes:
    # Flat, for the strides of a dimension of one row may be anything; as bytes, for NumPy has no bfloat16.
    return weight.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()


def _codec(preset: Preset, source: str | None) -> Tokenizer | DiffusersVideoTokenizer:
    if source is None:
        return random_tokenizer(preset.codec)
    if preset.codec.kind == "compact":
        raise UserError(f"The preset {preset.name} has FlowAct's own codec: --codec is not for it.")
    inside = {} if (Path(source) / "config.json").is_file() else {"subfolder": "vae"}
    vae = _tried(source, AutoencoderKLWan.from_pretrained, source, **inside)
    if vae.config.z_dim != preset.codec.channels:
        raise UserError(
            f"The latents of {source} have {vae.config.z_dim} channels; "
            f"the preset {preset.name} has {preset.codec.channels}."
        )
    return DiffusersVideoTokenizer.wrap(vae)


def _with_tiny_decoder(
    codec: Tokenizer | DiffusersVideoTokenizer, file: Path | None
) -> Tokenizer | DiffusersVideoTokenizer:
    if file is None:
        return codec
    if not isinstance(codec, DiffusersVideoTokenizer):
        raise UserError("--tiny-decoder decodes Wan's latents, not those of FlowAct's own codec.")
    tiny = tiny_decoder_of(codec.vae)
    tiny.load_published(file)
    return DiffusersVideoTokenizer.wrap(codec.vae, tiny=tiny)


def _tried(source: str | None, load: Any, *given: Any, **named: Any) -> Any:
    try:
        return load(*given, **named)
    except Exception as error:  # whatever a library says of a source that is none
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"{source} cannot be loaded: {first.rstrip('.')}.") from error


def _check_width(name: str, given: int, wanted: int) -> None:
    if given != wanted:
        raise UserError(
            f"The {name} features are {given} wide; the preset's transformer reads {wanted}."
        )


def _load(folder: Path) -> Any:
    """A part by the class that its configuration names; `None` where there is no folder."""
    if not (folder / "config.json").is_file():
        return None
    named = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("_class_name")
    return _kind(folder, named).from_pretrained(folder).eval().requires_grad_(False)


def _kind(folder: Path, named: object) -> Any:
    if named == "PretrainedAudioFeatures":
        from flowact.conditioning.pretrained_audio import PretrainedAudioFeatures

        return PretrainedAudioFeatures
    known = {each.__name__: each for each in (Tokenizer, DiffusersVideoTokenizer, PhraseEmbeddings)}
    if named not in known:
        raise UserError(f"{folder} is no part of a preset: its configuration names {named}.")
    return known[str(named)]
