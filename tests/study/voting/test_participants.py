"""The way in: consent, sound check, recruiter's link, coming back, addresses behind proxies."""

import io
import time
import wave

import pytest
from sqlalchemy import select

from study.database.models import DailySalt, Participant, RateCount
from study.database.storage import BUSY_MS
from study.server import sound_check
from study.voting import lifecycle, tokens
from tests.study.tiny import api_client, open_at, someone

DEVICE = {"width": 390, "height": 844, "pixel_ratio": 3.0, "touch": True, "can_play": True}


def person_row(context):
    with context.store.read() as session:
        return session.scalars(select(Participant)).one()


def test_consent_is_stored_with_version_and_hash_of_the_text(client, context):
    person = someone(client, context)
    person.token = person.post("enter", {"locale": "zh"})["participant"]
    person.post(
        "consent", {"participant": person.token, "version": "0", "locale": "zh"}, expect=409
    )
    person.post("consent", {"participant": person.token, "version": "1", "locale": "zh"})
    row = person_row(context)
    assert (row.state, row.consent_version, row.locale) == ("consented", "1", "zh")
    assert len(row.consent_hash) == 64


def test_nothing_is_served_before_the_sound_check(client, context):
    person = someone(client, context)
    person.token = person.post("enter", {"locale": "en"})["participant"]
    person.post("sound", {"participant": person.token}, expect=409)
    person.post("next", {"participant": person.token}, expect=409)


def test_three_wrong_answers_screen_out(built, tmp_path, clock):
    context = open_at(built, tmp_path, clock, recruitment={"codes": {"screened": "NO-SOUND"}})
    person = someone(api_client(context), context)
    person.token = person.post("enter", {"locale": "en"})["participant"]
    person.post("consent", {"participant": person.token, "version": "1", "locale": "en"})
    for state in ("consented", "consented", "screened"):
        person.post("sound", {"participant": person.token})
        wrong = f"{(int(person.heard()) + 1) % 1000:03d}"
        reply = person.post(
            "check", {"participant": person.token, "answer": wrong, "device": DEVICE}
        )
        assert reply["state"] == state
    assert reply["code"] == "NO-SOUND"
    person.post("next", {"participant": person.token}, expect=409)


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_digits_are_spoken(locale):
    with wave.open(io.BytesIO(sound_check.spoken("407", locale))) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (16_000, 48_000)
        loud = max(sound.readframes(48_000))
    assert loud > 100
    assert sound_check.spoken("407", locale) != sound_check.spoken("470", locale)


def test_a_recruited_person_comes_back_to_the_same_place(built, tmp_path, clock):
    codes = {"finished": "DONE", "withdrawn": "LEFT"}
    context = open_at(built, tmp_path, clock, recruitment={"mode": "prolific", "codes": codes})
    client = api_client(context)
    external = {"PROLIFIC_PID": "abc", "STUDY_ID": "s", "SESSION_ID": "t"}
    person = someone(client, context)
    person.post("enter", {"locale": "en"}, expect=403)
    first = person.post("enter", {"locale": "en", "external": external})["participant"]
    second = person.post("enter", {"locale": "en", "external": external})["participant"]
    assert first != second
    person.post("state", {"participant": first}, expect=404)
    assert person.post("withdraw", {"participant": second}) == {"erased": 0, "code": "LEFT"}


@pytest.fixture
def recruiting(built, tmp_path, clock):
    rule = {"mode": "prolific", "codes": {"finished": "DONE"}, "study_id": "ours"}
    return api_client(open_at(built, tmp_path, clock, recruitment=rule))


def test_one_recruited_person_takes_part_once_and_cannot_be_impersonated(recruiting):
    def enter(**ids: str) -> int:
        external = {"PROLIFIC_PID": "abc", "STUDY_ID": "ours", "SESSION_ID": "t"} | ids
        return recruiting.post("/api/enter", json={"external": external}).status_code

    assert enter() == 200
    assert enter() == 200  # a reload
    assert enter(STUDY_ID="another") == 403
    alone = {"PROLIFIC_PID": "ghi", "STUDY_ID": "ours"}
    assert recruiting.post("/api/enter", json={"external": alone}).status_code == 403
    assert enter(SESSION_ID="strangers") == 403
    assert enter(PROLIFIC_PID="def") == 200


def test_an_open_study_keeps_no_recruiters_ids(client, context):
    client.post("/api/enter", json={"external": {"PROLIFIC_PID": "abc"}})
    row = person_row(context)
    assert (row.external, row.external_key) == ({}, None)


def test_only_the_studys_own_languages_can_be_chosen(built, tmp_path, clock):
    context = open_at(built, tmp_path, clock, title={"en": "Which one?"})
    reply = api_client(context).post("/api/enter", json={"locale": "zh"})
    assert (reply.status_code, reply.json()["detail"]) == (422, "this study is offered in en only")


@pytest.mark.parametrize(
    "body",
    [
        b"no JSON",
        b"[]",
        b'{"locale": NaN}',
        b'{"participant": "' + b"x" * 2000 + b'"}',
        b'{"external": {"PROLIFIC_PID": "\\ud800"}}',
        b'{"xxx secret @ key": 1}',
        b'{"external": {"xxx secret": "a"}}',
    ],
)
@pytest.mark.parametrize("path", ["enter", "next", "vote", "event", "check"])
def test_a_malformed_request_is_one_sentence_that_repeats_nothing(client, path, body):
    reply = client.post(f"/api/{path}", content=body, headers={"Content-Type": "application/json"})
    assert reply.status_code == 422
    assert set(reply.json()) == {"code", "detail"}
    assert len(reply.content) < 300
    assert b"xxx" not in reply.content


def test_reloading_serves_the_same_pair_under_new_addresses(client, context):
    person = someone(client, context)
    person.admit()
    first, again = person.next(), person.next()
    assert first["position"] == again["position"] == 0
    names = ("left", "right", "trial")
    assert {first[name] for name in names}.isdisjoint(again[name] for name in names)
    assert client.get(f"/media/{first['left']}").status_code == 410


def test_addresses_are_counted_under_a_salt_of_the_day_and_forgotten_at_the_end(
    client, context, clock
):
    someone(client, context).admit()
    with context.store.read() as session:
        old = session.scalars(select(DailySalt)).one().salt
    clock.pass_time(86_400)
    someone(client, context).admit()
    with context.store.read() as session:
        assert session.scalars(select(DailySalt)).one().salt != old
        keys = [row.key for row in session.scalars(select(RateCount))]
    assert len([key for key in keys if key.startswith("enter:")]) == 2
    assert not any("testclient" in key or tokens.hashed("testclient") in key for key in keys)
    lifecycle.set_state(context.store, "closed", clock())
    with context.store.read() as session:
        assert not list(session.scalars(select(DailySalt)))
        assert not list(session.scalars(select(RateCount)))


def test_withdrawing_waits_for_no_reader(client, context):
    person = someone(client, context)
    person.admit()
    with context.store.read() as session:
        list(session.scalars(select(Participant)))
        started = time.monotonic()
        person.post("withdraw", {"participant": person.token})
        assert time.monotonic() - started < BUSY_MS / 1000 / 2


def test_withdrawing_leaves_no_bytes_of_an_id_on_the_disk(built, tmp_path, clock):
    rule = {"mode": "prolific", "codes": {"finished": "DONE"}}
    context = open_at(built, tmp_path, clock, recruitment=rule)
    client = api_client(context)
    ids = {"PROLIFIC_PID": "5f3c8a1be29d4c0017abcdef", "SESSION_ID": "s"}

    def found() -> bool:
        return any(
            ids["PROLIFIC_PID"].encode() in f.read_bytes() for f in tmp_path.glob("study.db*")
        )

    token = client.post("/api/enter", json={"external": ids}).json()["participant"]
    assert found()
    client.post("/api/withdraw", json={"participant": token})
    assert not found()


def test_enrolments_are_limited_per_network(built, tmp_path, clock):
    context = open_at(built, tmp_path, clock, limits={"enrolments_per_hour": 2})
    client = api_client(context)
    codes = [client.post("/api/enter", json={}).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    forged = client.post("/api/enter", json={}, headers={"X-Forwarded-For": "203.0.113.7"})
    assert forged.status_code == 429


def test_only_a_configured_proxy_may_name_the_sender(built, tmp_path, clock):
    context = open_at(
        built,
        tmp_path,
        clock,
        limits={"enrolments_per_hour": 1},
        server={"trusted_proxies": ["testclient"]},
    )
    client = api_client(context)
    for address, status in (("203.0.113.7", 200), ("203.0.113.8", 200), ("203.0.113.7", 429)):
        chain = f"198.51.100.1, {address}"
        reply = client.post("/api/enter", json={}, headers={"X-Forwarded-For": chain})
        assert reply.status_code == status


def test_a_failing_database_is_one_sentence_for_the_browser(client, context, monkeypatch):
    from sqlalchemy import text

    with context.store.write() as session:
        session.execute(text("ALTER TABLE participants RENAME TO gone"))
    reply = client.post("/api/enter", json={})
    assert reply.status_code == 503
    assert "gone" not in reply.text
    assert "Retry-After" in reply.headers


def test_a_request_from_before_midnight_deletes_nothing_of_the_new_day(context):
    """Two servers, or two requests, round midnight: the limits of the new day hold."""
    midnight = 1_750_032_000.0
    with context.store.write() as session:
        yesterday = tokens.daily_hash(session, "192.0.2.1", midnight - 60)
        today = tokens.daily_hash(session, "192.0.2.1", midnight + 1)
        assert today != yesterday
        assert tokens.daily_hash(session, "192.0.2.1", midnight - 1) == today
        assert [row.day for row in session.scalars(select(DailySalt))] == ["2025-06-16"]
