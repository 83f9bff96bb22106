import pytest
import torch

from flowact.mmdit.model import FlowActTransformer
from flowact.streaming.schedule import diagonal
from flowact.streaming.settings import StepSettings
from flowact.training.loop.metrics import correlation
from flowact.training.transformer.latent_probe import fit_probe
from flowact.training.transformer.lip_metrics import lip_scores, quiet_frames
from flowact.training.transformer.rollouts import follow, generate
from tests.training.toy_latents import SHAPE, toy_clip, toy_transformer

PLAIN = StepSettings()


@pytest.fixture(scope="module")
def model() -> FlowActTransformer:
    made = toy_transformer().eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return made


def test_a_clip_is_followed_from_its_reference_to_its_last_whole_chunk(
    model: FlowActTransformer,
) -> None:
    made = generate(model, [toy_clip(0), toy_clip(1)], PLAIN)
    assert made.shape == (2, 39, *SHAPE)
    assert torch.equal(made, generate(model, [toy_clip(0), toy_clip(1)], PLAIN))


def test_other_sound_makes_another_clip(model: FlowActTransformer) -> None:
    clips = [toy_clip(0), toy_clip(1)]
    own, other = generate(model, clips, PLAIN), generate(model, clips, PLAIN, clips[::-1])
    assert not torch.allclose(own, other)


class Perfect:
    """A transformer that knows the clip and finds its way back to it from any noise."""

    dtype, device = torch.float32, torch.device("cpu")

    def __init__(self, model: FlowActTransformer, truth: torch.Tensor) -> None:
        self.model, self.truth, self.chunk = model, truth, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.model, name)

    def __call__(self, latents: torch.Tensor, levels: torch.Tensor, *_: object) -> torch.Tensor:
        first = 3 * self.chunk
        self.chunk += int(levels[0, 0] < 0.34)  # the leading chunk's last call
        clean = self.truth[:, first : first + 9]
        return (latents - clean) / levels[..., None, None, None]


def test_a_perfect_model_follows_the_clip_itself(model: FlowActTransformer) -> None:
    clip = toy_clip(0)
    truth = clip.z.float()[None]
    for strength in (1.0, 0.9):
        made = follow(Perfect(model, truth), [clip], PLAIN, strength, seed=1)  # type: ignore[arg-type]
        assert made.shape == (1, 30, *SHAPE)
        torch.testing.assert_close(made, truth[:, :30], atol=1e-4, rtol=0)


def test_the_weaker_the_noise_the_nearer_the_clip(model: FlowActTransformer) -> None:
    clips = [toy_clip(0), toy_clip(1)]
    truth = torch.stack([clip.z.float() for clip in clips])
    errors = [
        float((made - truth[:, : made.shape[1]]).square().mean())
        for made in (follow(model, clips, PLAIN, strength, seed=1) for strength in (0.02, 0.3, 1.0))
    ]
    assert errors[0] < 0.2 * min(errors[1:])


def test_a_shifted_schedule_can_be_followed(model: FlowActTransformer) -> None:
    settings = StepSettings(schedule=diagonal(shift=4.0))
    assert follow(model, [toy_clip(0)], settings, 0.5, seed=1).isfinite().all()


@pytest.mark.parametrize("strength", [0.0, 1.5])
def test_a_strength_is_a_noise_level(model: FlowActTransformer, strength: float) -> None:
    with pytest.raises(ValueError, match="strength"):
        follow(model, [toy_clip(0)], PLAIN, strength, seed=1)


def test_scores_of_the_truth_are_perfect() -> None:
    clips = [toy_clip(i) for i in range(4)]
    truth = torch.stack([clip.z.float() for clip in clips])[:, :39]
    scores = lip_scores(truth, truth.roll(-1, 0), clips, fit_probe(clips, clips))
    assert scores["lips"] == scores["lips_read"] > 0.98
    assert abs(scores["lips_wrong"]) < 0.4
    assert scores["motion"] == pytest.approx(1)
    assert abs(scores["silence"]) < 0.05


def test_correlation_is_taken_clip_by_clip() -> None:
    wave = torch.sin(torch.arange(50.0))
    a, b = torch.stack((wave, wave + 100)), torch.stack((2 * wave, -wave))
    assert correlation(a, b) == pytest.approx(0, abs=1e-5)
    assert correlation(a, a) == pytest.approx(1)


def test_quiet_frames_lie_well_inside_silence() -> None:
    mel = torch.full((4 * 20, 80), -2.0)
    mel[4 * 10 : 4 * 12] = 0.0
    assert quiet_frames(mel).tolist() == [True] * 7 + [False] * 8 + [True] * 5
