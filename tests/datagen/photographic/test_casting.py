"""Photographed people are a pure function of the seed, and wear what their look says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from flowact.datagen.appearance.body import Humanoid
from flowact.datagen.appearance.skin_canvas import skin_canvas
from flowact.datagen.dataset import ClipPlan, photographed, render_clip
from flowact.datagen.graphics import layout
from flowact.datagen.performance.performance import rest_performance
from flowact.datagen.photographic.casting import Photographed, random_photographed
from flowact.datagen.photographic.exposure import Exposure
from flowact.datagen.photographic.sources.library import Library
from flowact.errors import UserError
from tests.datagen.photographic.tiny_textures import fill


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("textures"))


@pytest.fixture(scope="module")
def person(folder: Path) -> Photographed:
    return random_photographed(np.random.default_rng(1), folder)


def drawn(folder: Path, seeds: range) -> list[Photographed]:
    return [random_photographed(np.random.default_rng(seed), folder) for seed in seeds]


def test_the_seed_decides_everything(folder: Path) -> None:
    plan = ClipPlan("train", 3, 0.32, folder, 1.0)
    assert photographed(plan) == photographed(replace(plan, seconds=8.0))
    assert photographed(plan) != photographed(replace(plan, seed=4))
    assert photographed(plan) != photographed(replace(plan, split="heldout"))


def test_the_share_is_kept_and_nothing_happens_without_textures(folder: Path) -> None:
    seen = [photographed(ClipPlan("train", seed, 1.0, folder, 0.6)) for seed in range(60)]
    assert np.mean([s is not None for s in seen]) == pytest.approx(0.6, abs=0.15)
    assert photographed(ClipPlan("train", 1, 1.0, None, 1.0)) is None


def test_skins_suit_sex_age_and_tone(folder: Path) -> None:
    for seen in drawn(folder, range(40)):
        identity, (skin, second) = seen.character.identity, seen.look.skins
        sex = "_male_" if identity.gender > 0.5 else "_female_"
        assert sex in skin and sex in second
        assert ("dark" in skin) == (np.mean(seen.look.tone) < 0.16)
        if identity.age > 0.7:
            assert "old_" in skin
        if identity.age < 0.3:
            assert "young_" in skin


def test_ages_and_tones_cover_a_wide_range(folder: Path) -> None:
    people = drawn(folder, range(80))
    ages = [p.character.identity.age for p in people]
    tones = [np.mean(p.look.tone) for p in people]
    assert min(ages) < 0.1 and max(ages) > 0.85
    assert min(tones) < 0.12 and max(tones) > 0.4


def test_textures_reach_the_picture(folder: Path, person: Photographed) -> None:
    stage = person.stage(Humanoid.load(), folder)
    actor = stage.actor
    x, y, z = np.moveaxis(skin_canvas(Humanoid.load()).position, -1, 0)
    forehead = (np.abs(x) < 0.3) & (np.abs(y - 7.75) < 0.1) & (z > 0.9)
    assert np.median(actor.skin[forehead, :3], 0) == pytest.approx(person.look.tone, rel=0.3)
    cut_out = actor.materials[len(actor.solid_triangles) :]
    assert (cut_out == layout.LASHES).any()
    assert (actor.materials == layout.TEETH).any()
    picture = stage.render(*rest_performance(0.3)).picture
    assert picture.std() > 15
    again = person.stage(Humanoid.load(), folder).render(*rest_performance(0.3)).picture
    assert np.array_equal(picture, again)


def test_a_clip_names_its_sources_and_repeats(folder: Path) -> None:
    plan = ClipPlan("train", 6, 0.32, folder, 1.0)
    clip, again = render_clip(plan), render_clip(plan)
    assert np.array_equal(clip.frames, again.frames)
    assert {s["licence"] for s in clip.meta["sources"]} == {"CC0-1.0"}
    names = [s["name"] for s in clip.meta["sources"]]
    assert {"humanoid.npz", clip.meta["look"]["brows"], clip.meta["look"]["iris"]} <= set(names)
    assert clip.meta["character"] is None


def test_the_camera_leaves_the_ground_truth_alone(folder: Path, monkeypatch) -> None:
    plan = ClipPlan("train", 6, 0.32, folder, 1.0)
    clip = render_clip(plan)
    monkeypatch.setattr(Exposure, "random", classmethod(lambda cls, rng: cls(blur=2.0, noise=9.0)))
    other = render_clip(plan)
    assert np.array_equal(clip.flow_face, other.flow_face)
    assert np.array_equal(clip.visible_whole, other.visible_whole)
    assert not np.array_equal(clip.frame(0), other.frame(0))
    assert not np.array_equal(clip.reference_image(), other.reference_image())


def test_an_empty_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no textures"):
        Library(tmp_path)
