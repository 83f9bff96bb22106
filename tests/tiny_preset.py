"""A tiny preset of the large presets' kind: another codec, features of pretrained networks."""

from pathlib import Path

import yaml
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from flowact.conditioning.pretrained_text import KNOWN

HEARING = {
    "d_model": 16, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 32,
    "num_mel_bins": 80,
}  # fmt: skip
CODEC = {
    "base_dim": 4, "decoder_base_dim": 4, "z_dim": 6, "dim_mult": [1, 1, 1, 1], "num_res_blocks": 1,
    "is_residual": True, "in_channels": 12, "out_channels": 12, "patch_size": 2,
    "scale_factor_spatial": 16, "scale_factor_temporal": 4,
}  # fmt: skip
TRANSFORMER = {
    "latent_channels": 6, "latent_height": 30, "latent_width": 30, "patch_size": 10,
    "views": [[0, 0, 480, 480]], "dim": 32, "audio_dim": 16, "audio_layers": 2, "text_dim": 16,
    "heads": 2, "head_dim": 16, "layers": 2, "mlp_ratio": 2.0, "text_tokens": 3,
    "audio_width": 32, "text_width": 16,
}  # fmt: skip


def write_preset(path: Path, **changes: object) -> Path:
    """Write the preset as YAML; `changes` replace whole sections."""
    preset = {
        "name": path.stem,
        "description": "the large presets' kind, tiny",
        "transformer": TRANSFORMER,
        "codec": {"kind": "AutoencoderKLWan", "sizes": CODEC},
        "audio": {"kind": "whisper", "sizes": HEARING},
        "text": {"kind": "umt5", "sizes": {"d_model": 16}},
        **changes,
    }
    path.write_text(yaml.safe_dump(preset))
    return path


def word_tokenizer(folder: Path) -> None:
    """Save a tokenizer of transformers that knows the words of all phrases, one token each."""
    known = sorted({word for phrase in KNOWN for word in phrase.split()})
    table = {word: number for number, word in enumerate(["<unk>", "<pad>", *known])}
    made = Tokenizer(models.WordLevel(table, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokens = {"unk_token": "<unk>", "pad_token": "<pad>"}
    PreTrainedTokenizerFast(tokenizer_object=made, **tokens).save_pretrained(folder)
