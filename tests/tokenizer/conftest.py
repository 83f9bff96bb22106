import pytest
import torch

from flowact.tokenizer.tokenizer import Tokenizer
from tests.tokenizer.small import small_tokenizer


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """Small, with every weight random: a fresh network is the identity and would hide mistakes."""
    torch.manual_seed(0)
    made = small_tokenizer()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(torch.randn_like(parameter) * (0.3 if parameter.ndim == 1 else 0.05))
        for view in (made.whole, made.face):
            view.code.adopt(torch.randn(106) * 0.1, torch.rand(106) + 0.5)
    return made


@pytest.fixture(scope="module")
def portrait() -> torch.Tensor:
    ramp = torch.linspace(-1, 1, 480)
    return torch.stack(
        [ramp[None] * ramp[:, None], ramp[:, None].expand(480, 480), -ramp.expand(480, 480)]
    )[None]
