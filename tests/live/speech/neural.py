"""Neural voices and ears of noise: of the real formats, so that the real engines run them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

D, VOCABULARY = 16, 51_865
"""Width of the Whisper, and how many tokens the multilingual ones have."""
SYMBOLS = "_^$ !',-.:;?abcdefghijklmnopqrstuvwxyzæðŋɑɔəɛɜɡɪɹʁʃʊʌʒˈˌːθ"
"""Phonemes of English."""


def write_piper_voice(folder: Path, name: str, family: str = "en", espeak: str = "en-us") -> Path:
    """Write a voice that hisses 512 samples a phoneme; return its model."""
    from onnx import TensorProto, helper, numpy_helper, save

    rng = np.random.default_rng(1)
    table = rng.uniform(-0.5, 0.5, (len(SYMBOLS) + 1, 512)).astype(np.float32)
    nodes = [
        helper.make_node("Gather", ["table", "input"], ["rows"]),
        helper.make_node("Reshape", ["rows", "shape"], ["output"]),
    ]
    inputs = [
        helper.make_tensor_value_info("input", TensorProto.INT64, ["batch", "phonemes"]),
        helper.make_tensor_value_info("input_lengths", TensorProto.INT64, ["batch"]),
        helper.make_tensor_value_info("scales", TensorProto.FLOAT, [3]),
    ]
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 1, 1, "samples"])
    weights = [
        numpy_helper.from_array(table, "table"),
        numpy_helper.from_array(np.array([1, 1, 1, -1]), "shape"),
    ]
    graph = helper.make_graph(nodes, "hiss", inputs, [output], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    folder.mkdir(parents=True, exist_ok=True)
    save(model, folder / f"{name}.onnx")
    config = {
        "audio": {"sample_rate": 22_050},
        "espeak": {"voice": espeak},
        "language": {"family": family, "name_english": {"en": "English", "ru": "Russian"}[family]},
        "dataset": name.split("-")[1],
        "num_symbols": len(SYMBOLS) + 1,
        "num_speakers": 1,
        "phoneme_id_map": {symbol: [index] for index, symbol in enumerate(SYMBOLS)},
    }
    (folder / f"{name}.onnx.json").write_text(json.dumps(config))
    (folder / "MODEL_CARD").write_text("# Noise\n\n* License: CC0\n")
    return folder / f"{name}.onnx"


def write_whisper(folder: Path) -> Path:
    """Write a multilingual Whisper of one layer and random weights."""
    from ctranslate2.specs import WhisperSpec

    rng = np.random.default_rng(1)
    spec = WhisperSpec(1, 2, 1, 2)

    def noise(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.5, shape).astype(np.float32)

    def linear(part, rows: int, columns: int = D) -> None:
        part.weight, part.bias = noise(rows, columns), noise(rows)

    def norm(part) -> None:
        part.gamma, part.beta = np.ones(D, np.float32), np.zeros(D, np.float32)

    def attention(part, sizes: list[int]) -> None:
        norm(part.layer_norm)
        for each, size in zip(part.linear, sizes, strict=True):
            linear(each, size)

    def feed_forward(part) -> None:
        norm(part.layer_norm)
        linear(part.linear_0, 2 * D)
        linear(part.linear_1, D, 2 * D)

    encoder, decoder = spec.encoder, spec.decoder
    encoder.conv1.weight, encoder.conv1.bias = noise(D, 80, 3), noise(D)
    encoder.conv2.weight, encoder.conv2.bias = noise(D, D, 3), noise(D)
    encoder.position_encodings.encodings = noise(1_500, D)
    decoder.position_encodings.encodings = noise(448, D)
    decoder.embeddings.weight = noise(VOCABULARY, D)
    decoder.projection.weight = decoder.embeddings.weight
    decoder.scale_embeddings = False
    for side in (encoder, decoder):
        norm(side.layer_norm)
        attention(side.layer[0].self_attention, [3 * D, D])
        feed_forward(side.layer[0].ffn)
    attention(decoder.layer[0].attention, [D, 2 * D, D])
    tokens = _tokens()
    _name_tokens(spec, tokens)
    folder.mkdir(parents=True)
    spec.save(str(folder))
    _write_tokenizer(folder, tokens)
    return folder


def _name_tokens(spec, tokens: list[str]) -> None:
    spec.config.suppress_ids = list(range(50_257, VOCABULARY))
    spec.config.suppress_ids_begin = [50_257]
    spec.config.alignment_heads = [(0, 0)]
    spec.config.lang_ids = [
        index for index, token in enumerate(tokens) if index in range(50_259, 50_358)
    ]
    spec.register_vocabulary(tokens)
    spec.validate()


def _tokens() -> list[str]:
    from faster_whisper.tokenizer import _LANGUAGE_CODES
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    words = [f"\u0120word{number}" for number in range(50_257 - len(letters))]
    marks = ["endoftext", "startoftranscript", *_LANGUAGE_CODES[:99]]
    marks += ["translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps"]
    times = [f"<|{step * 0.02:.2f}|>" for step in range(1_501)]
    return [*letters, *words, *(f"<|{mark}|>" for mark in marks), *times]


def _write_tokenizer(folder: Path, tokens: list[str]) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(tokens[50_257:])
    tokenizer.save(str(folder / "tokenizer.json"))
