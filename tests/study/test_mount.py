"""The sample study inside another application, below its own path."""

from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from study.app import mount
from study.errors import StudyError

SAMPLE = Path(__file__).parents[2] / "assets" / "study"


def test_the_sample_study_is_served_below_its_path(tmp_path):
    app = mount(FastAPI(), SAMPLE, tmp_path / "state")
    with TestClient(app) as client:
        assert client.get("/study/").status_code == 200
        assert client.get("/study/page/options").json()["pairs"] == 12
        entered = client.post("/study/api/enter", json={"locale": "zh"})
        assert len(entered.json()["participant"]) >= 20
        assert client.get("/study/admin/").status_code == 401
        assert client.get("/study/admin/config").status_code == 401
        assert client.get("/page/options").status_code == 404
    assert (tmp_path / "state" / "study.db").is_file()


def test_what_was_not_built_is_refused(tmp_path):
    with pytest.raises(StudyError, match="there is no such configuration"):
        mount(FastAPI(), tmp_path, tmp_path)
