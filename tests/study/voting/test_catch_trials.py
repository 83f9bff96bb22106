"""Trials with a known answer: made from the system that the lab names, subtle or impossible to miss."""

import numpy as np
import pytest

from study.analysis.dataset import read
from study.design import builder, media, stimuli
from study.voting import lifecycle, quality
from tests.study.tiny import FORM, Clock, api_client, configuration, take_part

CATCH = {
    "items": 1,
    "identical": 0,
    "shifted": 0,
    "frozen": 1,
    "repeated": 0,
    "system": "thirdplace",
}


@pytest.fixture(scope="module")
def standing(built, tmp_path_factory):
    """An open study whose catch trials stand still: (context, index)."""
    folder = tmp_path_factory.mktemp("standing")
    config = configuration(trials={"per_participant": 2, "training": 0, "catch": CATCH})
    manifest = stimuli.read(built / "sources" / "manifest.csv")
    index = builder.build(config, manifest, folder / "stimuli")
    context = lifecycle.open_study(folder, config, index, Clock())
    yield context, index
    context.store.close()


def test_clips_are_spoilt_of_the_named_system_and_the_sound_goes_on(standing):
    context, index = standing
    (still,) = [row for row in index.stimuli if row.variant != "plain"]
    assert (still.variant, still.system) == ("frozen", "thirdplace")
    plain = next(r for r in index.plain() if (r.system, r.item) == (still.system, still.item))
    shown, heard = {}, {}
    for row in (plain, still):
        path = context.stimuli / row.file
        pictures = media.frames_at(path, FORM, 10)
        shown[row.variant] = {int((frame[10, :, 0] > 200).sum()) for frame in pictures}
        heard[row.variant] = media.read_audio(path, 48_000, 1.0)
    assert (len(shown["plain"]), len(shown["frozen"])) == (10, 1)
    assert np.array_equal(heard["plain"], heard["frozen"])


@pytest.mark.parametrize("answer", ["left", "right", "same"])
def test_only_the_side_that_moves_is_the_right_answer(standing, answer):
    context, _ = standing
    take_part(api_client(context), context, answer)
    records = read(context).records().popitem()[1]
    (caught,) = [record for record in records if record["kind"] == "frozen"]
    moving = next(side for side in ("left", "right") if caught[side]["variant"] == "plain")
    assert caught["expected"] == {"lip_sync": moving}
    verdict = quality.judge_catch("frozen", caught["expected"], caught["choices"]).verdict
    assert verdict == ("pass" if answer == moving else "fail")
