"""The command asks a real llama.cpp server with noise for weights, and scripted ones."""

from __future__ import annotations

import json

import pytest

from flowact.cli import main
from flowact.conditioning.actions import PHRASES
from flowact.planner.multimodal.scenes import scenes
from tests.planner.multimodal.servers import llama_cpp, says, scripted, write_random_model
from tests.tiny_assets import picture, write_wave
from tests.tiny_pipeline import speech

SMILE = '{"steps": [{"in_s": 0, "behaviour": "smiling", "for_s": 3}], "why": "warm"}'


@pytest.fixture(autouse=True)
def _nobody_configured(monkeypatch):
    for name in ("FLOWACT_PLANNER_BASE_URL", "FLOWACT_PLANNER_MODEL", "FLOWACT_OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def test_thirty_scenes_name_behaviours_that_there_are():
    assert len(scenes()) == 30
    assert {name for scene in scenes() for name in (*scene.fits, *scene.recent)} <= PHRASES.keys()


def test_a_recording_and_a_picture_are_asked_about_and_request_reply_and_delay_printed(
    tmp_path, capsys
):
    from PIL import Image

    Image.fromarray(picture()).save(tmp_path / "face.png")
    sound = write_wave(tmp_path / "said.wav", speech(2).read())
    words = ["--audio", str(sound), "--picture", str(tmp_path / "face.png")]
    with scripted(says(SMILE)) as (base, bodies):
        assert main(["plan-actions", *words, "--base-url", base, "--model", "m"]) == 0
    kinds = [part["type"] for part in bodies[0]["messages"][1]["content"]]
    assert kinds == ["image_url", "text", "input_audio", "text"]
    told = capsys.readouterr().out
    assert "reply, after" in told and '"behaviour": "smiling"' in told and "characters)" in told


def test_llama_cpp_plans_what_the_schema_allows(tmp_path, capsys):
    with llama_cpp(write_random_model(tmp_path / "noise.gguf")) as base:
        asked = ["plan-actions", "--text", "Hi.", "--json", "--base-url", base, "--model", "noise"]
        # Blanks after the plan, which are valid JSON, are a 500 to the server's own parser.
        assert any(main(asked) == 0 for _ in range(40))
    told = json.loads(capsys.readouterr().out)
    assert told["seconds"] > 0 and told["request"]["model"] == "noise"
    assert isinstance(told["plan"], str) or told["plan"]["steps"][0]["behaviour"] in PHRASES


def test_scenes_are_scored_by_rules_and_by_a_model_that_always_smiles(capsys):
    with scripted(says(SMILE)) as (base, _):
        assert main(["plan-actions", "--scenes", "--json", "--base-url", base, "--model", "m"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["m"]["fitting"] == sum("smiling" in scene.fits for scene in scenes())
    assert told["rules"]["scenes"] == 30 and told["rules"]["fitting"] >= 15
    assert main(["plan-actions", "--scenes"]) == 0
    assert "of 30" in capsys.readouterr().out


def test_no_model_a_dead_server_and_a_refusal_are_one_sentence(capsys):
    assert main(["plan-actions"]) == 2
    assert "FLOWACT_PLANNER_MODEL" in capsys.readouterr().err
    with scripted(says("", 401)) as (base, _):
        assert main(["plan-actions", "--base-url", base, "--model", "m"]) == 2
    assert "401" in capsys.readouterr().err
    assert main(["plan-actions", "--base-url", base, "--model", "m"]) == 2
    assert capsys.readouterr().err.count("\n") == 1
