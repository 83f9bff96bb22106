"""A link lets one person in, back to the same place, and nobody else."""

import csv
import io

import pytest

from study.analysis import roster
from study.cli import main
from study.commands import recruiting
from study.errors import StudyError
from study.voting import invitations
from tests.study.tiny import api_client, configuration, open_at, someone


@pytest.fixture
def invited(built, tmp_path, clock):
    context = open_at(built, tmp_path, clock, recruitment={"mode": "invited"})
    yield context
    context.store.close()


def enter(client, token):
    return client.post("/api/enter", json={"locale": "en", "external": {"INVITATION": token}})


def test_a_link_is_one_person(invited):
    client = api_client(invited)
    ((_, ada), (_, bob)) = invitations.invite(invited.store, ["Ada", "Bob"])
    assert client.post("/api/enter", json={"locale": "en"}).json()["code"] == "invited_only"
    assert enter(client, "0" * 22).status_code == 403
    person = someone(client, invited)
    person.admit_with(enter(client, ada).json()["participant"])
    again = enter(client, ada).json()["participant"]
    state = client.post("/api/state", json={"participant": again}).json()["state"]
    assert state == "voting"
    assert client.post("/api/state", json={"participant": person.token}).status_code == 404
    table = roster.roster(invited)
    assert list(table["name"]) == ["Ada", "Bob"]
    assert list(table["state"]) == ["voting", "invited"]
    assert enter(client, bob).status_code == 200
    assert len(roster.roster(invited)) == 2


def test_a_room_full_of_invited_people_gets_in_and_strangers_are_counted(built, tmp_path, clock):
    rules = {"recruitment": {"mode": "invited"}, "limits": {"enrolments_per_hour": 1}}
    context = open_at(built, tmp_path, clock, **rules)
    client = api_client(context)
    links = invitations.invite(context.store, ["Ada", "Bob", "Eve"])
    assert [enter(client, token).status_code for _, token in links] == [200, 200, 200]
    assert [enter(client, "0" * 22).status_code for _ in range(2)] == [403, 429]
    context.store.close()


def test_a_name_is_invited_once(invited):
    invitations.invite(invited.store, ["Ada"])
    with pytest.raises(StudyError, match="invited already"):
        invitations.invite(invited.store, ["Eve", "Ada"])
    with pytest.raises(StudyError, match="invited already"):
        invitations.invite(invited.store, ["Eve", "Eve"])


def test_a_recruiters_ids_lead_to_verdicts(built, tmp_path, clock):
    rule = {"mode": "prolific", "codes": {"finished": "DONE"}}
    context = open_at(built, tmp_path, clock, recruitment=rule)
    client = api_client(context)
    external = {"PROLIFIC_PID": "abc123", "SESSION_ID": "s1", "STUDY_ID": "x"}
    person = someone(client, context)
    body = {"locale": "en", "external": external}
    person.admit_with(client.post("/api/enter", json=body).json()["participant"])
    for _ in person.trials():
        pass
    (row,) = roster.roster(context).to_dict("records")
    assert (row["recruiter_id"], row["state"], row["code"]) == ("abc123", "finished", "DONE")
    assert row["verdict"] in ("pass", "fail", "unchecked")


def test_whoever_would_end_without_a_code_is_told(capsys):
    codes = {"finished": "DONE"}
    recruiting.warn_of_codes(configuration(recruitment={"mode": "prolific", "codes": codes}))
    assert "none for screened and withdrawn" in capsys.readouterr().err
    codes |= {"screened": "OUT", "withdrawn": "BACK"}
    recruiting.warn_of_codes(configuration(recruitment={"mode": "prolific", "codes": codes}))
    recruiting.warn_of_codes(configuration())
    assert capsys.readouterr().err == ""


def test_the_commands_write_links_and_the_list(study_folder, tmp_path, capsys):
    import yaml

    from study.design import audit_record, builder
    from study.design.config import load

    raw = yaml.safe_load((study_folder / "study.yaml").read_text())
    raw["recruitment"]["mode"] = "invited"
    (study_folder / "study.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True))
    config, index = load(study_folder / "study.yaml"), builder.read_index(study_folder / "stimuli")
    audit_record.save([], index, config, study_folder / "audit.json")

    def run(*words) -> int:
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        return int(stopped.value.code)

    assert run("open", study_folder) == 0
    links = tmp_path / "links.csv"
    words = (
        "invite",
        study_folder,
        "--count",
        3,
        "--address",
        "https://lab.example",
        "--out",
        links,
    )
    assert run(*words) == 0
    rows = list(csv.DictReader(io.StringIO(links.read_text(encoding="utf-8-sig"))))
    assert [row["name"] for row in rows] == ["guest1", "guest2", "guest3"]
    assert all(row["link"].startswith("https://lab.example/#invite=") for row in rows)
    assert run(*words) == 2
    assert "never overwritten" in capsys.readouterr().err
    assert run("people", study_folder, "--out", tmp_path / "people.csv") == 0
    assert "3 people" in capsys.readouterr().out
