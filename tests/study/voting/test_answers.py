"""Ratings, forced choices and questions about the participant, from the settings to the report."""

import pytest

from study.analysis import latex_tables, tables
from study.analysis.dataset import judgements, read
from study.analysis.report import report
from study.analysis.tidy_table import tidy
from study.design.config import parse
from study.errors import StudyError
from study.voting.quality import side
from tests.study.tiny import api_client, configuration, open_at, someone, take_part

RATED = {"id": "realism", "answers": "rating", "text": {"en": "How real?", "zh": "多真实？"}}
MIXED = [RATED, {"id": "overall", "answers": "forced"}, {"id": "lip_sync"}]


@pytest.fixture
def mixed(built, tmp_path, clock):
    """A study with one question of each form and pages of questions."""
    pages = {"before": [{"id": "age_band", "required": True}], "after": [{"id": "comment"}]}
    quality = {"catch_failures": 8, "same_side_share": 1.0, "repeat_agreement": 0.0}
    context = open_at(
        built, tmp_path, clock, dimensions=MIXED, questionnaire=pages, quality=quality
    )
    yield context
    context.store.close()


def test_a_rating_of_both_sides_says_which_is_better():
    assert [side(choice) for choice in ("4/2", "3/3", "1/5", "same", "cannot")] == [
        *("left", "same", "right", "same", "cannot"),
    ]


def test_every_form_reaches_the_report(mixed):
    client = api_client(mixed)
    for answer in ("left", "right", "varied"):
        take_part(client, mixed, answer)
    dataset = read(mixed)
    frame = tidy(dataset)
    rated = frame[frame["dimension"] == "realism"]
    assert set(rated["choice"]) <= {"4/2", "3/3", "2/4"}
    better = rated["rating_first"] - rated["rating_second"]
    assert (rated["score"] == better.apply(lambda d: (d > 0) - (d < 0))).all()
    assert "same" not in set(frame[frame["dimension"] == "overall"]["choice"])
    means = {(row["system"], row["dimension"]): row["mean"] for row in report(dataset)["opinions"]}
    assert means and all(key[1] == "realism" and 1 <= mean <= 5 for key, mean in means.items())
    assert judgements(dataset)
    said = latex_tables.methods(dataset, report(dataset))
    for words in (
        "(better, same, worse, cannot judge)",
        "(both from 1, bad, to 5, excellent, or cannot judge)",
    ):
        assert words in said


@pytest.mark.parametrize(
    ("name", "choice"),
    [("realism", "left"), ("realism", "6/1"), ("overall", "same"), ("lip_sync", "3/3")],
)
def test_an_answer_of_another_form_is_refused(mixed, name, choice):
    person = someone(api_client(mixed), mixed)
    person.admit()
    ballot = person.ballot(person.next())
    ballot["choices"][name] = choice
    person.post("vote", ballot, expect=422)


def test_pages_of_questions_are_asked_once_and_exported(mixed):
    client = api_client(mixed)
    person = someone(client, mixed)
    entered = client.post("/api/enter", json={"locale": "en"}).json()["participant"]
    body = {"participant": entered, "version": "1", "locale": "en"}
    client.post("/api/consent", json=body)

    def about(when, answers):
        body = {"participant": entered, "when": when, "answers": answers}
        return client.post("/api/about", json=body)

    state = client.post("/api/state", json={"participant": entered}).json()
    assert (state["state"], state["ask"]) == ("consented", "before")
    assert about("before", {}).status_code == 422
    assert about("before", {"age_band": "ancient"}).status_code == 422
    assert about("before", {"shoe_size": "44"}).status_code == 422
    assert about("before", {"age_band": "under_30"}).json()["ask"] is None
    assert (
        about("before", {"age_band": "older"}).json()["ask"] is None
    )  # too late: the first one counts
    person.admit_with(entered)
    for _ in person.trials():
        pass
    assert person.post("state", {"participant": entered})["ask"] == "after"
    assert about("after", {"comment": "=HYPERLINK(1) the lips"}).json()["ask"] is None
    (row,) = tables.participants(read(mixed)).to_dict("records")
    assert (row["q_age_band"], row["q_comment"]) == ("under_30", "=HYPERLINK(1) the lips")
    assert "'=HYPERLINK" in tables.csv_text(tables.participants(read(mixed)))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"dimensions": [{"id": "overall", "answers": "rating"}]}, "needs a text of its own"),
        ({"questionnaire": {"before": [{"id": "shoe"}]}}, "shoe needs a text in en, zh"),
        ({"questionnaire": {"before": [{"id": "screen"}], "after": [{"id": "screen"}]}}, "once"),
    ],
)
def test_questions_that_nobody_could_answer_are_refused(change, sentence):
    raw = configuration().model_dump(mode="json") | {"trials": {"per_participant": 4}} | change
    raw["trials"]["catch"] = {"shifted": 0}
    with pytest.raises(StudyError, match=sentence):
        parse(raw, "test")
