"""Text by a large encoder, umT5 (arXiv 2304.09151), that is asked once for every phrase and then not needed.

An avatar knows a closed list of phrases (`flowact.conditioning.actions`), so their embeddings are a
table of some megabytes. The encoder itself weighs eleven gigabytes.
"""

from collections.abc import Sequence
from itertools import chain
from typing import Final, Self

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor

from flowact.conditioning.actions import PHRASES, resolve
from flowact.conditioning.pieces import words

KNOWN: Final = tuple(dict.fromkeys(" ".join(words(p)) for p in chain(*PHRASES.values())))
"""Every phrase that models are trained on, as `resolve` writes it."""


class PhraseEmbeddings(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """A `TextFeatures` that looks phrases up.

    Args:
        phrases: which it knows.
        tokens: tokens that are kept of a phrase; shorter ones end with zeros.
        width: of an embedding.
    """

    embeddings: Tensor
    config_name = "config.json"

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(self, phrases: Sequence[str], tokens: int, width: int) -> None:
        super().__init__()
        self.rows = {phrase: row for row, phrase in enumerate(phrases)}
        self.tokens = tokens
        self.register_buffer("embeddings", torch.zeros(len(phrases), tokens, width))

    @classmethod
    def random(cls, tokens: int, width: int) -> Self:
        """Make one that stands for an encoder that nobody has trained."""
        made = cls(KNOWN, tokens, width)
        made.embeddings.normal_()
        return made

    @classmethod
    @torch.no_grad()
    def load(cls, source: str, tokens: int) -> Self:
        """Ask the encoder in a folder or hub id of transformers, as `google/umt5-xxl`, for every phrase."""
        from transformers import AutoTokenizer, UMT5EncoderModel

        tokenizer = AutoTokenizer.from_pretrained(source)
        encoder = UMT5EncoderModel.from_pretrained(source).eval()
        made = cls(KNOWN, tokens, encoder.config.d_model)
        for phrase, row in made.rows.items():
            given = tokenizer(phrase, return_tensors="pt", truncation=True, max_length=tokens)
            hidden = encoder(given.input_ids, attention_mask=given.attention_mask)
            found = hidden.last_hidden_state[0]
            made.embeddings[row, : len(found)] = found
        return made

    def extract(self, text: str) -> Tensor:
        """Embeddings `[tokens, width]` of the nearest known phrase; zeros for no text."""
        if not text:
            return torch.zeros_like(self.embeddings[0])
        row = self.rows.get(text)
        return self.embeddings[self.rows[resolve(text).matched_phrase] if row is None else row]
