from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from transformers import UMT5Config, UMT5EncoderModel, WhisperConfig, WhisperModel

from flowact.conditioning.pretrained_audio import PretrainedAudioFeatures
from flowact.conditioning.pretrained_text import KNOWN, PhraseEmbeddings
from flowact.conditioning.projection import AudioProjection, TextProjection
from flowact.conditioning.window import AudioTimeline, window_tokens
from flowact.timebase import SAMPLES_PER_FRAME
from tests.tiny_preset import HEARING, word_tokenizer

WAV2VEC2 = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "conv_dim": [8] * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2,
}  # fmt: skip


@pytest.fixture(scope="module", params=[("whisper", HEARING), ("wav2vec2", WAV2VEC2)])
def features(request) -> PretrainedAudioFeatures:
    torch.manual_seed(0)
    return PretrainedAudioFeatures(*request.param).eval()


def timeline(seconds: float, seed: int = 0) -> AudioTimeline:
    rng = torch.Generator().manual_seed(seed)
    return AudioTimeline.empty().push(0.3 * torch.randn(round(16_000 * seconds), generator=rng))


def test_a_frame_has_the_same_features_in_every_window(features: PretrainedAudioFeatures) -> None:
    whole = timeline(4).window(0, 9, features)
    assert whole.features.shape == (1, window_tokens(9), features.width)
    later = timeline(4).window(12, 9, features)
    torch.testing.assert_close(later.features[:, :-12], whole.features[:, 12:], atol=1e-4, rtol=0)
    assert not torch.allclose(whole.features[:, 0], whole.features[:, 20], atol=1e-2)


def test_what_is_trimmed_is_not_missed(features: PretrainedAudioFeatures) -> None:
    sound = timeline(6)
    for frame in (0, 12, 60, 96):
        kept = sound.trimmed(frame, features)
        assert torch.equal(
            kept.window(frame, 9, features).features, sound.window(frame, 9, features).features
        )
    assert sound.trimmed(120, features).start > 0


def test_sound_is_known_frame_by_frame(features: PretrainedAudioFeatures) -> None:
    known = timeline(0.48).window(0, 3, features).known
    assert known[0].tolist() == [True] * (8 + 12) + [False] * 4
    assert features.ends(3, 2).tolist() == [4 * SAMPLES_PER_FRAME, 5 * SAMPLES_PER_FRAME]


def test_features_keep_with_their_weights(
    features: PretrainedAudioFeatures, tmp_path: Path
) -> None:
    features.save_pretrained(tmp_path)
    again = PretrainedAudioFeatures.from_pretrained(tmp_path)
    sound = timeline(2)
    one, other = (sound.window(0, 3, each).features for each in (features, again))
    assert torch.equal(one, other)


def test_a_whisper_for_half_a_minute_gives_its_encoder(tmp_path: Path) -> None:
    sizes = {**HEARING, "decoder_layers": 1, "decoder_attention_heads": 2, "vocab_size": 99}
    special = {"pad_token_id": 1, "bos_token_id": 1, "eos_token_id": 1, "decoder_start_token_id": 1}
    whole = WhisperModel(WhisperConfig(**sizes, **special, decoder_ffn_dim=8))
    whole.save_pretrained(tmp_path)
    made = PretrainedAudioFeatures.load("whisper", str(tmp_path))
    positions = whole.encoder.embed_positions.weight
    assert len(positions) == 1500
    assert torch.equal(made.network.embed_positions.weight, positions[:200])
    for name, weight in made.network.layers.state_dict().items():
        assert torch.equal(weight, whole.encoder.layers.state_dict()[name])


def test_every_phrase_is_asked_once_and_found_again(tmp_path: Path) -> None:
    word_tokenizer(tmp_path)
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 2, "num_heads": 2}
    encoder = UMT5EncoderModel(UMT5Config(vocab_size=300, **sizes))
    encoder.save_pretrained(tmp_path)
    made = PhraseEmbeddings.load(str(tmp_path), tokens=4)
    assert made.embeddings.shape == (len(KNOWN), 4, 16)
    assert not made.extract("").any()
    assert torch.equal(made.extract("wave"), made.embeddings[made.rows["wave"]])
    assert torch.equal(made.extract("please wave hello now"), made.extract("wave hello"))
    made.save_pretrained(tmp_path / "kept")
    again = PhraseEmbeddings.from_pretrained(tmp_path / "kept")
    assert torch.equal(again.extract("smile"), made.extract("smile"))
    lengths = [int((made.extract(p) != 0).any(-1).sum()) for p in ("wave", "wave your hand")]
    assert lengths == [1, 3]
    assert all(not torch.equal(a, b) for a, b in pairwise(made.embeddings[:3]))


def test_projections_give_learned_tokens_for_what_is_not_there() -> None:
    torch.manual_seed(0)
    audio, text = AudioProjection(8, 16, 2), TextProjection(8, 16, 3)
    known = torch.tensor([[True, False, True]])
    tokens = audio(torch.randn(1, 3, 8), known)
    assert torch.equal(tokens[0, 1], audio.unknown) and not torch.equal(tokens[0, 0], audio.unknown)
    told = torch.zeros(1, 2, 3, 8)
    told[0, 0, :2] = torch.randn(2, 8)
    spread = text(told)
    assert torch.equal(spread[0, 1], text.empty) and torch.equal(spread[0, 0, 2], text.empty[2])
    assert not torch.equal(spread[0, 0, 0], text.empty[0])
    with pytest.raises(ValueError, match="4 rows of features for 3 tokens"):
        audio(torch.randn(1, 4, 8), known)
