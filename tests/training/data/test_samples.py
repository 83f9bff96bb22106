from pathlib import Path

import numpy as np
import pytest
import torch

from flowact.conditioning.actions import PHRASES
from flowact.conditioning.text import hash_pieces
from flowact.motion.arkit import columns
from flowact.streaming.blinks import OPEN, UNKNOWN
from flowact.training.data.augmentation import WIDEST_MASK, Augmentation
from flowact.training.data.latents import LatentClip, LatentFolder
from flowact.training.data.samples import (
    CLOSURE,
    LAYOUTS,
    PRESS,
    SHORTEST_CLIP,
    SILENCE,
    Dropout,
    Layout,
    SampleSource,
    cut_sample,
)
from tests.training.toy_latents import SHAPE, toy_clip

NEVER = Dropout(audio=0, text=0, blinks=0, horizon=0)
UNCHANGED = Augmentation(gain=0, tilt=0, throat=0, noise=0)


def numbered(latents: int = 40) -> LatentClip:
    """A clip whose latent `i` is filled with `i`; its reference with -1."""
    values = torch.arange(latents).half().view(-1, 1, 1, 1).expand(-1, *SHAPE)
    reference = torch.full((1, *SHAPE), -1.0).half()
    return LatentClip(**{**vars(toy_clip(0, latents)), "z": values, "reference": reference})


def first(latents: torch.Tensor) -> list[float]:
    return latents[0, :, 0, 0, 0].tolist()


def test_memory_is_what_a_session_would_remember() -> None:
    clip = numbered()
    sample = cut_sample(clip, 20, Layout(), clip.z)
    assert first(sample.stream) == list(range(20, 29))
    assert first(sample.memory.reference) == [-1]
    assert first(sample.memory.long_term) == [11, 14, 17]
    assert sample.memory.ages == (9, 6, 3)
    assert first(sample.memory.short_term) == [18, 19]


def test_a_stride_reaches_further_back() -> None:
    clip = numbered()
    sample = cut_sample(clip, 21, Layout(stride=3), clip.z)
    assert first(sample.memory.long_term) == [0, 9, 18]
    assert Layout(stride=3).history == 21


@pytest.mark.parametrize("layout", [layout for _, layout in LAYOUTS])
def test_every_layout_can_be_cut_from_the_shortest_clip(layout: Layout) -> None:
    clip = numbered(SHORTEST_CLIP)
    sample = cut_sample(clip, layout.history, layout, clip.z)
    chunks = -(-layout.stream // 3)
    assert sample.stream.shape[1] == layout.stream == sample.blinks.shape[1]
    assert sample.emphasis.shape[1] == 4 * layout.stream
    assert sample.audio.known.shape[1] == 4 * (layout.stream + 3)
    assert sample.text.shape[1] == chunks
    assert len(sample.memory.ages) == sample.memory.long_term.shape[1] == layout.long_term
    assert sample.memory.reference.shape[1] == int(layout.reference)


def test_shares_of_the_layouts_add_up() -> None:
    assert sum(share for share, _ in LAYOUTS) == pytest.approx(1)


def test_text_asks_for_what_the_clip_shows() -> None:
    clip = toy_clip(0)
    behaviour = clip.behaviour.clone()
    behaviour[:12], behaviour[12:24], behaviour[24:] = 6, 4, 4
    behaviour[12:15] = 6
    moved = LatentClip(**{**vars(clip), "behaviour": behaviour})
    text = cut_sample(moved, 0, Layout(stream=9, long_term=0, short_term=0), moved.z).text
    names = list(PHRASES)
    for chunk, label in enumerate((6, 4, 4)):
        asked = [hash_pieces(phrase).tolist() for phrase in PHRASES[names[label]]]
        assert text[0, chunk].tolist() in asked


def test_shut_lips_count_more() -> None:
    clip = toy_clip(1)
    clip.motion[3, columns("mouthPress")[0] : columns("mouthPress")[1] + 1] = PRESS
    emphasis = cut_sample(clip, 0, Layout(long_term=0, short_term=0), clip.z).emphasis[0]
    loud = clip.curves[:36, 24].float() > 0.1
    loud[3] = False
    assert (emphasis[loud] == 1).all()
    assert (emphasis == SILENCE).any()
    assert emphasis[3] >= CLOSURE - 0.01


def test_blinks_are_told_where_the_lids_fall() -> None:
    clip = toy_clip(1)
    for frame in (14, 15, 16):
        clip.motion[frame, list(columns("eyeBlink"))] = 1.0
    blinks = cut_sample(clip, 0, Layout(long_term=0, short_term=0), clip.z).blinks[0]
    assert blinks.tolist() == [OPEN, OPEN, OPEN, 1 + 2, OPEN, OPEN, OPEN, OPEN, OPEN]


def source(folder: Path, dropout: Dropout, augmentation: Augmentation = UNCHANGED) -> SampleSource:
    toy_clip(0).save(folder / "0.safetensors")
    return SampleSource(LatentFolder(folder, SHORTEST_CLIP), 16, dropout, 0, augmentation)


def test_nothing_is_dropped_or_changed_when_nothing_shall_be(tmp_path: Path) -> None:
    drawn = source(tmp_path, NEVER)
    for _ in range(8):
        sample = drawn.draw()
        clip = drawn.folder.clips[0]
        assert (sample.text != 0).any(-1).all()
        assert (
            sample.audio.features.amin() >= -2
        ) and sample.audio.features.amax() <= clip.mel.amax()
        assert sample.audio.known[:, : 8 + 4].all()


def test_dropped_sound_and_text_are_unknown(tmp_path: Path) -> None:
    sample = source(tmp_path, Dropout(audio=1, text=1, blinks=1, horizon=0)).draw()
    assert not sample.text.any()
    assert (sample.blinks == UNKNOWN).all()
    assert not sample.audio.known[:, 8:].any()
    assert 0 < sample.audio.known[:, :8].float().mean() < 1


def test_a_horizon_hides_the_future_only(tmp_path: Path) -> None:
    known = source(tmp_path, Dropout(audio=0, text=0, horizon=1)).draw().audio.known[:, 8:].int()
    assert (known.diff(dim=1) <= 0).all()
    assert (known[:, :4] == 1).all()
    assert len(set(known.sum(1).tolist())) > 4


def test_sound_is_made_louder_softer_and_noisier(tmp_path: Path) -> None:
    plain = source(tmp_path, NEVER).draw().audio.features
    changed = source(tmp_path, NEVER, Augmentation(gain=0.3, noise=1.0)).draw().audio.features
    assert changed.amin() >= -2
    assert changed.flatten(1).amin(1).std() > 0.1
    assert plain.flatten(1).amin(1).std() == 0


def test_masked_bands_say_nothing_but_how_loud_they_are() -> None:
    mel = torch.rand(1, 40, 80, generator=torch.manual_seed(0))
    rng = np.random.default_rng(0)
    masking = Augmentation(gain=0, tilt=0, throat=0, noise=0, masks=1)
    for _ in range(8):
        changed = masking(mel, rng)
        constant = changed.std((0, 1)) < 1e-6
        assert 1 <= constant.sum() <= WIDEST_MASK
        torch.testing.assert_close(changed[..., constant].mean(), mel[..., constant].mean())
        assert torch.equal(changed[..., ~constant], mel[..., ~constant])


def test_memory_can_be_what_the_model_made(tmp_path: Path) -> None:
    drawn = source(tmp_path, NEVER)
    drawn.generated[0] = torch.full((30, *SHAPE), 5.0).half()
    drawn.self_forcing = 1.0
    for _ in range(8):
        sample = drawn.draw()
        assert (sample.memory.long_term == 5).all()
        assert (sample.memory.short_term == 5).all()
        assert not (sample.stream == 5).any()
        assert not (sample.memory.reference == 5).any()
