from pathlib import Path

import pytest
import torch

from flowact.errors import UserError
from flowact.training.transformer.latent_probe import LatentProbe, curve_index, fit_probe
from tests.training.toy_latents import JAW, toy_clip


@pytest.fixture(scope="module")
def readout() -> LatentProbe:
    return fit_probe([toy_clip(i) for i in range(12)], [toy_clip(i) for i in range(20, 24)])


def test_it_reads_what_the_latents_hold(readout: LatentProbe) -> None:
    clip = toy_clip(50)
    read = readout.motion(clip.z.float())[:, JAW]
    assert torch.corrcoef(torch.stack((read, clip.curves[:, JAW].float())))[0, 1] > 0.98
    assert (read - clip.curves[:, JAW].float()).abs().mean() < 0.06


def test_curves_that_never_move_have_no_say(readout: LatentProbe) -> None:
    assert readout.share[JAW] > 0.9
    assert readout.share.sum() == readout.share[JAW]


def test_differences_are_read_in_deviations(readout: LatentProbe) -> None:
    clip = toy_clip(50)
    a, b = clip.z[:5].float(), clip.z[5:10].float()
    expected = (readout.motion(a) - readout.motion(b)) / readout.deviation
    torch.testing.assert_close(
        readout.standardised(a - b).flatten(0, 1), expected, atol=1e-4, rtol=1e-4
    )


def test_a_difference_can_leave_a_channel_as_it_is(readout: LatentProbe) -> None:
    clip = toy_clip(50)
    difference = clip.z[:5].float() - clip.z[5:10].float()
    jaw = torch.zeros(len(readout.mean), dtype=torch.bool)
    jaw[JAW] = True
    left = readout.without(difference, jaw)
    assert readout.standardised(difference)[..., JAW].abs().max() > 0.1
    assert readout.standardised(left)[..., JAW].abs().max() < 1e-3
    torch.testing.assert_close(readout.without(left, jaw), left, atol=1e-4, rtol=1e-4)
    assert torch.equal(readout.without(difference, torch.zeros_like(jaw)), difference)


def test_it_comes_back_from_its_file(readout: LatentProbe, tmp_path: Path) -> None:
    readout.save(tmp_path / "readout.safetensors")
    loaded = LatentProbe.load(tmp_path / "readout.safetensors")
    for name, value in vars(readout).items():
        assert torch.equal(getattr(loaded, name), value)


def test_a_missing_file_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="flowact train latents"):
        LatentProbe.load(tmp_path / "readout.safetensors")


def test_unknown_curves_are_refused() -> None:
    with pytest.raises(ValueError, match="jawOpened"):
        curve_index("jawOpened")
