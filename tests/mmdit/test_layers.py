import pytest
import torch
import torch.nn.functional as F

from flowact.mmdit.layers import Modulation, RMSNorm, attention, modulate, sinusoidal


def test_plain_products_equal_the_fused_kernel() -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(2, 3, n, 16).bfloat16() for n in (5, 9, 9))
    fused = F.scaled_dot_product_attention(query.float(), key.float(), value.float())
    torch.testing.assert_close(attention(query, key, value).float(), fused, atol=0.02, rtol=0.02)


def test_rms_norm_gives_unit_rows() -> None:
    x = 7 * torch.randn(4, 64)
    torch.testing.assert_close(RMSNorm(64)(x).square().mean(-1), torch.ones(4))


def test_rms_norm_keeps_the_type_of_its_input() -> None:
    assert RMSNorm(8)(torch.ones(2, 8, dtype=torch.bfloat16)).dtype == torch.bfloat16


def test_neighbouring_levels_have_different_embeddings() -> None:
    close, far = sinusoidal(torch.tensor([0.5, 0.52, 0.9]), 64)[1:] - sinusoidal(
        torch.tensor(0.5), 64
    )
    assert 0.1 < close.norm() < far.norm()


def test_zero_modulation_only_normalises() -> None:
    x = torch.randn(2, 3, 4, 8)
    torch.testing.assert_close(
        modulate(x, torch.zeros(2, 3, 2, 8)), F.layer_norm(x, (8,), eps=1e-6)
    )


@pytest.mark.parametrize("parts", [2, 6])
def test_modulation_starts_at_zero(parts: int) -> None:
    out = Modulation(8, 16, parts)(torch.randn(2, 5, 8))
    assert out.shape == (2, 5, parts, 16)
    assert not out.any()
