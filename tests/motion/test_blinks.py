import torch

from flowact.motion.arkit import ARKIT, columns
from flowact.motion.blinks import BLINKS, to_whole_blinks

BLINK = [0.0, 0.45, 0.78, 0.75, 0.54, 0.25, 0.05]
"""Lids of a generated blink."""
TRUTH = [0.0, 0.45, 1.0, 0.95, 0.6, 0.28, 0.08]
"""The same of the data."""


def shutting(lids: list[float], **others: float) -> torch.Tensor:
    """Curves `[frames, 52]` with both lids like this, and others held."""
    curves = torch.zeros(len(lids), len(ARKIT))
    curves[:, BLINKS] = torch.tensor(lids)[:, None]
    for name, value in others.items():
        curves[:, list(columns(name))] = value
    return curves


def test_blinks_that_are_nearly_made_are_made() -> None:
    curves = shutting(BLINK)
    whole = (curves + to_whole_blinks(curves))[:, BLINKS]
    torch.testing.assert_close(whole, torch.tensor(TRUTH)[:, None].expand(-1, 2), atol=0.04, rtol=0)


def test_open_and_shut_lids_stay() -> None:
    for curves in (shutting([0.0, 0.2, 0.4]), shutting([1.0, 1.1]), shutting([-0.05])):
        assert (to_whole_blinks(curves)[:, BLINKS] == 0).all()


def test_lower_lids_and_cheeks_rise_with_a_blink_unless_they_are_up() -> None:
    relaxed, smiling = shutting(BLINK), shutting(BLINK, cheekSquint=0.7)
    for part in ("eyeSquint", "cheekSquint"):
        shown = (relaxed + to_whole_blinks(relaxed))[:, list(columns(part))]
        assert (shown[0] == 0).all() and 0.3 < shown.max() <= 0.4
    assert (to_whole_blinks(smiling)[:, list(columns("cheekSquint"))] == 0).all()


def test_eyes_wink_alone_and_nothing_else_moves() -> None:
    curves = shutting([0.0])
    curves[:, BLINKS[0]] = 0.78
    added = to_whole_blinks(curves)[0]
    moved = {ARKIT[row] for row in added.nonzero()[:, 0].tolist()}
    assert moved == {"eyeBlinkLeft", "eyeSquintLeft", "cheekSquintLeft"}
