import pytest
import torch

from flowact.motion.face_mesh import LANDMARKS, load_template
from flowact.motion.face_points import POINTS
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


@pytest.fixture(scope="module")
def points() -> torch.Tensor:
    """The average face in a frame, turned by 20 degrees, 1.3 dm wide on 150 pixels."""
    turned = torch.tensor([[0.9397, 0.0, 0.3420], [0.0, -1.0, 0.0]]) * 110
    placed = torch.full((1, len(POINTS), 2), 200.0)
    flat = load_template().neutral @ turned.mT
    placed[0, list(LANDMARKS)] = flat - flat.mean(0) + torch.tensor([240.0, 200.0])
    return placed
