import torch

from flowact.conditioning.text import MAX_PIECES, TextEncoder, hash_pieces


def test_hashes_are_the_same_in_every_process() -> None:
    assert hash_pieces("wave")[:3].tolist() == [1345, 2906, 391]


def test_case_and_punctuation_do_not_matter() -> None:
    assert torch.equal(hash_pieces("Thumbs up!"), hash_pieces("thumbs_up"))


def test_long_texts_are_cut_and_short_ones_padded() -> None:
    assert hash_pieces("very " * 200).shape == (MAX_PIECES,)
    assert hash_pieces("").tolist() == [0] * MAX_PIECES


@torch.no_grad()
def test_padding_does_not_change_a_text() -> None:
    encoder = TextEncoder(dim=16, tokens=2)
    rows = hash_pieces("nod your head")
    count = int((rows != 0).sum())
    torch.testing.assert_close(encoder(rows), encoder(rows[:count]))
    assert encoder(rows[None, None]).shape == (1, 1, 2, 16)


@torch.no_grad()
def test_no_text_is_a_learned_vector_of_its_own() -> None:
    encoder = TextEncoder(dim=16, tokens=2)
    nothing, something = encoder(torch.stack([hash_pieces(""), hash_pieces("smile")]))
    assert nothing.any()
    assert not torch.allclose(nothing, something)


@torch.no_grad()
def test_it_runs_in_bfloat16() -> None:
    encoder = TextEncoder(dim=16, tokens=2).bfloat16()
    assert encoder(hash_pieces("smile")).dtype == torch.bfloat16
