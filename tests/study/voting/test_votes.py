"""Forged, replayed, expired, foreign, duplicate and concurrent votes leave exactly one row."""

import threading
import uuid

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from study.database import ledger
from study.database.models import Trial, Vote
from study.design import assignment
from study.errors import Refused
from study.voting import lifecycle, tokens, votes
from study.voting.context import StudyContext
from tests.study.tiny import Clock, api_client, open_at, someone, take_part


def rows(context: StudyContext) -> int:
    with context.store.read() as session:
        return session.scalar(select(func.count()).select_from(Vote)) or 0


def refused(client: TestClient, body: dict) -> tuple[int, str]:
    reply = client.post("/api/vote", json=body)
    return reply.status_code, reply.json().get("code", "")


@pytest.fixture
def ballot(client, context):
    """A participant before the vote on a pair that was watched to the end."""
    person = someone(client, context)
    person.admit()
    return person, person.ballot(person.next())


def test_the_last_vote_finishes_even_when_the_study_closes_before_the_next_call(
    built, tmp_path, clock
):
    context = open_at(built, tmp_path, clock, recruitment={"codes": {"finished": "DONE"}})
    client = api_client(context)
    person = someone(client, context)
    person.admit()
    for _ in range(assignment.length(context.config.trials, 8)):
        person.post("vote", person.ballot(person.next()))
    lifecycle.set_state(context.store, "closed", clock())
    state = person.post("state", {"participant": person.token})
    assert (state["state"], state["code"]) == ("finished", "DONE")
    done = person.post("next", {"participant": person.token})
    assert (done["done"], done["code"]) == (True, "DONE")


def test_the_players_reports_do_not_use_up_the_calls_of_the_vote(built, tmp_path, clock):
    context = open_at(built, tmp_path, clock, limits={"calls_per_minute": 8})
    person = someone(api_client(context), context)
    person.admit()
    served = person.next()
    event = {"participant": person.token, "trial": served["trial"], "kind": "stall", "at_ms": 1.0}
    for _ in range(8):
        person.post("event", event)
    person.post("event", event, expect=429)
    person.post("vote", person.ballot(served))


def test_a_vote_is_stored_with_the_sides_as_displayed(client, context):
    person = take_part(client, context, answer="left")
    with context.store.read() as session:
        stored = list(session.scalars(select(Vote).order_by(Vote.id)))
        trials = {row.id: row for row in session.scalars(select(Trial))}
    assert len(stored) == len([path for path, _ in person.replies if path == "vote"]) == 10
    for vote in stored:
        assert set(vote.record["choices"].values()) == {"left"}
        assert vote.record["position"] == trials[vote.trial_id].position
        assert votes.digest(vote.record, vote.salt) == vote.digest


def test_the_identical_request_again_gives_the_first_receipt(client, context, ballot):
    _, body = ballot
    first = client.post("/api/vote", json=body)
    again = client.post("/api/vote", json=body)
    assert first.status_code == again.status_code == 200
    assert first.json() == again.json()
    assert rows(context) == 1


def test_a_second_vote_on_a_pair_is_refused(client, context, ballot):
    _, body = ballot
    client.post("/api/vote", json=body)
    other = dict.fromkeys(body["choices"], "right")
    assert refused(client, body | {"request_id": str(uuid.uuid4())}) == (409, "already_voted")
    assert refused(client, body | {"choices": other}) == (409, "already_voted")
    assert rows(context) == 1


def test_forged_tokens_are_unknown(client, context, ballot):
    _, body = ballot
    assert refused(client, body | {"trial": tokens.fresh()}) == (404, "unknown_trial")
    assert refused(client, body | {"participant": tokens.fresh()}) == (404, "unknown_participant")
    assert rows(context) == 0


def test_another_participant_cannot_use_a_trial(client, context, ballot):
    _, body = ballot
    stranger = someone(client, context)
    stranger.admit()
    assert refused(client, body | {"participant": stranger.token}) == (404, "unknown_trial")
    assert rows(context) == 0


def test_an_expired_trial_takes_no_vote(client, context, ballot, clock: Clock):
    _, body = ballot
    clock.pass_time(31 * 60)
    assert refused(client, body) == (410, "expired")
    assert rows(context) == 0


def test_serving_again_kills_the_old_tokens(client, context, ballot):
    person, body = ballot
    served = person.next()
    assert refused(client, body) == (404, "unknown_trial")
    assert client.post("/api/vote", json=person.ballot(served)).status_code == 200
    assert rows(context) == 1


def test_a_vote_before_the_end_is_refused(client, context):
    person = someone(client, context)
    person.admit()
    served = person.post("next", {"participant": person.token})
    assert refused(client, person.ballot(served)) == (425, "too_early")
    person.get(f"media/{served['left']}")
    context.clock.pass_time(60)
    assert refused(client, person.ballot(served)) == (425, "too_early")  # only one side was seen
    person.get(f"media/{served['right']}")
    context.clock.pass_time(served["seconds"] / 2)
    assert refused(client, person.ballot(served)) == (425, "too_early")
    context.clock.pass_time(served["seconds"] / 2)
    assert client.post("/api/vote", json=person.ballot(served)).status_code == 200


def test_one_byte_of_each_clip_is_not_a_clip_that_was_fetched(client, context):
    person = someone(client, context)
    person.admit()
    served = person.post("next", {"participant": person.token})
    sizes = {}
    for side in ("left", "right"):
        reply = client.get(f"/media/{served[side]}", headers={"Range": "bytes=0-0"})
        assert reply.status_code == 206
        sizes[side] = int(reply.headers["content-range"].split("/")[1])
        client.get(f"/media/{served[side]}", headers={"Range": f"bytes={sizes[side] - 1}-"})
    context.clock.pass_time(60)
    assert refused(client, person.ballot(served)) == (425, "too_early")
    for side in ("left", "right"):  # in pieces, as some players fetch
        half = sizes[side] // 2
        client.get(f"/media/{served[side]}", headers={"Range": f"bytes=0-{half}"})
        client.get(f"/media/{served[side]}", headers={"Range": f"bytes={half + 1}-"})
    context.clock.pass_time(served["seconds"] + 1)
    assert client.post("/api/vote", json=person.ballot(served)).status_code == 200


def test_a_pair_that_was_watched_before_a_reload_need_not_be_watched_again(client, context, ballot):
    person, _ = ballot
    served = person.post("next", {"participant": person.token})
    assert client.post("/api/vote", json=person.ballot(served)).status_code == 200


def test_answers_that_come_too_fast_and_votes_that_no_page_made_fail(client, context):
    person = someone(client, context)
    person.admit()
    for change in ({"answer_ms": 300.0}, {"plays": 0}):
        body = person.ballot(person.next())
        body["playback"] = body["playback"] | change
        assert client.post("/api/vote", json=body).status_code == 200
    with context.store.read() as session:
        reasons = [vote.record["reasons"] for vote in session.scalars(select(Vote))]
    assert reasons == [["fast"], ["unplayed"]]


def test_practice_says_which_side_was_wrong_and_whether_the_device_will_do(client, context, ballot):
    _, body = ballot
    body["playback"] = body["playback"] | {"drift_p95_ms": 400.0}
    receipt = client.post("/api/vote", json=body).json()
    with context.store.read() as session:
        record = session.scalar(select(Vote)).record
    assert record[receipt["side"]]["variant"] == f"training_{receipt['hint']}"
    assert receipt["device"] == ["drift"]


@pytest.mark.parametrize(
    "change",
    [
        {"choices": {"overall": "left"}},
        {"choices": {"overall": "best"}},
        {"playback": {"drift_p95_ms": -1}},
        {"extra": 1},
    ],
)
def test_malformed_votes_are_refused(client, context, ballot, change):
    _, body = ballot
    assert client.post("/api/vote", json=body | change).status_code == 422
    assert rows(context) == 0


def test_no_vote_while_paused_or_closed(client, context, ballot):
    from study.voting import lifecycle

    _, body = ballot
    lifecycle.set_state(context.store, "paused", context.clock())
    assert refused(client, body) == (409, "study_paused")
    lifecycle.set_state(context.store, "open", context.clock())
    assert client.post("/api/vote", json=body).status_code == 200


def test_concurrent_votes_on_one_pair_leave_one_row(context, client, ballot):
    person, body = ballot
    outcomes: list[str] = []

    def cast(number: int) -> None:
        choices = dict.fromkeys(body["choices"], ("left", "right")[number % 2])
        try:
            votes.submit_vote(
                context, person.token, body["trial"], f"request-{number}", choices, {}
            )
            outcomes.append("stored")
        except Refused as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=cast, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["already_voted"] * 11 + ["stored"]
    assert rows(context) == 1


def test_every_vote_is_chained(client, context):
    take_part(client, context)
    with context.store.read() as session:
        entries = ledger.read(session)
    assert ledger.first_invalid_entry(entries) is None
    assert sum(entry.kind == "vote" for entry in entries) == rows(context)
    forged = [*entries[:3], entries[4], *entries[4:]]
    assert ledger.first_invalid_entry(forged) == "audit row 5 does not follow row 3"


def test_rate_limit_is_counted_per_participant(built, tmp_path, clock):
    from tests.study.tiny import api_client, open_at

    context = open_at(built, tmp_path, clock, limits={"calls_per_minute": 5})
    person = someone(api_client(context), context)
    person.admit()  # three counted calls
    person.post("next", {"participant": person.token})
    person.post("next", {"participant": person.token})
    person.post("next", {"participant": person.token}, expect=429)
    clock.pass_time(61)
    person.post("next", {"participant": person.token})
