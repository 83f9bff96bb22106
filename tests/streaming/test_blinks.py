import torch

from flowact.mmdit.model import BLINK_KINDS
from flowact.streaming.blinks import OPEN, PERIOD, SPAN, blink_onsets, scheduled
from flowact.streaming.noise import seed_generators
from flowact.timebase import FPS, FRAMES_PER_LATENT

MINUTE = 60 * FPS // FRAMES_PER_LATENT


def schedule(*seeds: int, first: int = 0, latents: int = 10 * MINUTE) -> torch.Tensor:
    return scheduled(seed_generators(seeds), torch.full((len(seeds),), first), latents)


def test_people_blink_as_often_as_people_do() -> None:
    blinks = schedule(*range(8)) != OPEN
    assert 14 < float(blinks.sum()) / 80 < 24


def test_two_blinks_are_apart() -> None:
    for row in schedule(*range(8)):
        places = (row != OPEN).nonzero().flatten()
        assert int(places.diff().min()) > PERIOD - SPAN


def test_a_session_has_its_own_blinks_whenever_it_is_asked() -> None:
    whole = schedule(5, 6)
    assert not torch.equal(whole[0], whole[1])
    assert torch.equal(schedule(5, first=100, latents=30)[0], whole[0, 100:130])
    generators = seed_generators([5]) + torch.tensor([0, 17])
    assert torch.equal(scheduled(generators, torch.tensor([0]), 50)[0], whole[0, :50])


def test_every_frame_of_a_latent_has_its_turn() -> None:
    kinds = schedule(*range(8)).unique().tolist()
    assert kinds == list(range(BLINK_KINDS - 1))


def test_falling_lids_are_found_in_a_motion() -> None:
    lids = torch.zeros(2, 12)
    lids[0, 5:8] = 1.0
    lids[1, 0] = lids[1, 10:] = 0.9
    assert blink_onsets(lids).tolist() == [[OPEN, 2, OPEN], [1, OPEN, 3]]
