"""A preview shows the study and keeps nothing."""

import dataclasses

import pytest

from study.cli import main
from study.commands.serving import preview
from study.database.models import Vote
from tests.study.tiny import Clock, api_client, take_part


def test_a_preview_takes_votes_that_are_gone_at_the_end(study_folder):
    before = {path: path.stat().st_mtime_ns for path in study_folder.rglob("*")}
    with preview(study_folder) as context:
        context = dataclasses.replace(context, clock=Clock())
        client = api_client(context)
        texts = client.get("/page/options").json()["texts"]
        assert {part["title"] for part in texts.values()} == {
            "Which one? (preview)",
            "哪一个？ (preview)",
        }
        take_part(client, context, "left")
        with context.store.read() as session:
            assert session.query(Vote).count() > 0
    assert {path: path.stat().st_mtime_ns for path in study_folder.rglob("*")} == before


def test_those_who_need_an_invitation_need_none_for_a_preview(study_folder):
    path = study_folder / "study.yaml"
    path.write_text(path.read_text().replace("mode: open", "mode: invited"))
    with preview(study_folder) as context:
        assert api_client(context).post("/api/enter", json={"locale": "en"}).status_code == 200


def test_a_prefix_that_is_no_path_is_one_sentence(study_folder, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["serve", str(study_folder), "--prefix", "no path"])
    assert stopped.value.code == 2
    assert (
        capsys.readouterr().err == "study: --prefix is 'no path', expected a path such as /study\n"
    )
