"""The sample study inside another application, below its own path."""

import shutil
from pathlib import Path

import pytest
import yaml
from fastapi import FastAPI
from fastapi.testclient import TestClient

from study.database import storage
from study.design import audit_record, builder
from study.errors import StudyError
from study.server.app import mount
from study.voting import lifecycle
from tests.study.tiny import configuration

SAMPLE = Path(__file__).parents[3] / "assets" / "study"


def test_the_sample_study_is_served_below_its_path(tmp_path):
    app = mount(FastAPI(), SAMPLE, tmp_path / "state", home="../live")
    with TestClient(app) as client:
        assert "../live" in client.get("/study/").text, "it links back"
        assert client.get("/study/page/options").json()["pairs"] == 14
        entered = client.post("/study/api/enter", json={"locale": "zh"})
        assert len(entered.json()["participant"]) >= 20
        for name in ("", "config", "gradio_api/queue/data", "gradio_api/info", "export/bundle.zip"):
            assert client.get(f"/study/admin/{name}").status_code == 401
        assert client.post("/study/admin/gradio_api/queue/join", json={}).status_code == 401
        assert client.get("/page/options").status_code == 404
    assert len(list((tmp_path / "state").glob("study-*.db"))) == 1


def entering(folder, state, seed: int) -> int:
    """Mount the tiny study under rules of this seed; the answer to somebody who enters."""
    config, index = configuration(seed=seed), builder.read_index(folder / "stimuli")
    raw = config.model_dump(mode="json", exclude_none=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True))
    audit_record.save([], index, config, folder / "audit.json")
    with TestClient(mount(FastAPI(), folder, state)) as client:
        assert client.get("/study/").status_code == 200
        return client.post("/study/api/enter", json={}).status_code


def test_a_closed_study_stays_there_and_other_rules_begin_anew(built, tmp_path):
    folder, state = tmp_path / "study", tmp_path / "state"
    shutil.copytree(built / "stimuli", folder / "stimuli")
    assert entering(folder, state, seed=5) == 200
    (database,) = state.glob("study-*.db")
    store = storage.connect(f"sqlite:///{database}", folder)
    lifecycle.set_state(store, "closed", 0.0)
    store.close()
    assert entering(folder, state, seed=5) == 409
    assert entering(folder, state, seed=6) == 200
    assert len(list(state.glob("study-*.db"))) == 2


def test_what_was_not_built_is_refused(tmp_path):
    with pytest.raises(StudyError, match="there is no such configuration"):
        mount(FastAPI(), tmp_path, tmp_path)
