"""The way in: consent, sound check, recruiter's link, coming back, addresses behind proxies."""

import io
import wave

import pytest
from sqlalchemy import select

from study import digits, tokens
from study.models import DailySalt, Participant
from tests.study.tiny import api_client, open_at, someone

DEVICE = {"width": 390, "height": 844, "pixel_ratio": 3.0, "touch": True, "can_play": True}


def person_row(place):
    with place.store.read() as session:
        return session.scalars(select(Participant)).one()


def test_consent_is_stored_with_version_and_hash_of_the_text(client, place):
    person = someone(client, place)
    person.token = person.post("enter", {"locale": "zh"})["participant"]
    person.post(
        "consent", {"participant": person.token, "version": "0", "locale": "zh"}, expect=409
    )
    person.post("consent", {"participant": person.token, "version": "1", "locale": "zh"})
    row = person_row(place)
    assert (row.state, row.consent_version, row.locale) == ("consented", "1", "zh")
    assert len(row.consent_hash) == 64


def test_nothing_is_served_before_the_sound_check(client, place):
    person = someone(client, place)
    person.token = person.post("enter", {"locale": "en"})["participant"]
    person.post("sound", {"participant": person.token}, expect=409)
    person.post("next", {"participant": person.token}, expect=409)


def test_three_wrong_answers_screen_out(built, tmp_path, clock):
    place = open_at(built, tmp_path, clock, recruitment={"codes": {"screened": "NO-SOUND"}})
    person = someone(api_client(place), place)
    person.token = person.post("enter", {"locale": "en"})["participant"]
    person.post("consent", {"participant": person.token, "version": "1", "locale": "en"})
    for state in ("consented", "consented", "screened"):
        person.post("sound", {"participant": person.token})
        wrong = f"{(int(person.digits()) + 1) % 1000:03d}"
        reply = person.post(
            "check", {"participant": person.token, "answer": wrong, "device": DEVICE}
        )
        assert reply["state"] == state
    assert reply["code"] == "NO-SOUND"
    person.post("next", {"participant": person.token}, expect=409)


@pytest.mark.parametrize("locale", ["en", "zh"])
def test_digits_are_spoken(locale):
    with wave.open(io.BytesIO(digits.spoken("407", locale))) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (16_000, 48_000)
        loud = max(sound.readframes(48_000))
    assert loud > 100
    assert digits.spoken("407", locale) != digits.spoken("470", locale)


def test_a_recruited_person_comes_back_to_the_same_place(built, tmp_path, clock):
    codes = {"finished": "DONE", "withdrawn": "LEFT"}
    place = open_at(built, tmp_path, clock, recruitment={"mode": "prolific", "codes": codes})
    client = api_client(place)
    external = {"PROLIFIC_PID": "abc", "STUDY_ID": "s", "SESSION_ID": "t"}
    person = someone(client, place)
    person.post("enter", {"locale": "en"}, expect=403)
    first = person.post("enter", {"locale": "en", "external": external})["participant"]
    second = person.post("enter", {"locale": "en", "external": external})["participant"]
    assert first != second
    person.post("state", {"participant": first}, expect=404)
    assert person.post("withdraw", {"participant": second}) == {"erased": 0, "code": "LEFT"}


def test_reloading_serves_the_same_pair_under_new_addresses(client, place):
    person = someone(client, place)
    person.admit()
    first, again = person.next(), person.next()
    assert first["position"] == again["position"] == 0
    names = ("left", "right", "trial")
    assert {first[name] for name in names}.isdisjoint(again[name] for name in names)
    assert client.get(f"/media/{first['left']}").status_code == 410


def test_addresses_are_hashed_under_a_salt_of_the_day(client, place, clock):
    someone(client, place).admit()
    with place.store.read() as session:
        old = session.scalars(select(DailySalt)).one().salt
    clock.pass_time(86_400)
    someone(client, place).admit()
    with place.store.read() as session:
        assert session.scalars(select(DailySalt)).one().salt != old
        hashes = [row.network_hash for row in session.scalars(select(Participant))]
    assert len(set(hashes)) == 2
    assert tokens.hashed("testclient") not in hashes


def test_enrolments_are_limited_per_network(built, tmp_path, clock):
    place = open_at(built, tmp_path, clock, limits={"enrolments_per_hour": 2})
    client = api_client(place)
    codes = [client.post("/api/enter", json={}).status_code for _ in range(3)]
    assert codes == [200, 200, 429]
    forged = client.post("/api/enter", json={}, headers={"X-Forwarded-For": "203.0.113.7"})
    assert forged.status_code == 429


def test_only_a_configured_proxy_may_name_the_sender(built, tmp_path, clock):
    place = open_at(
        built,
        tmp_path,
        clock,
        limits={"enrolments_per_hour": 1},
        server={"trusted_proxies": ["testclient"]},
    )
    client = api_client(place)
    for address, status in (("203.0.113.7", 200), ("203.0.113.8", 200), ("203.0.113.7", 429)):
        chain = f"198.51.100.1, {address}"
        reply = client.post("/api/enter", json={}, headers={"X-Forwarded-For": chain})
        assert reply.status_code == status


def test_a_failing_database_is_one_sentence_for_the_browser(client, place, monkeypatch):
    from sqlalchemy import text

    with place.store.write() as session:
        session.execute(text("ALTER TABLE participants RENAME TO gone"))
    reply = client.post("/api/enter", json={})
    assert reply.status_code == 503
    assert "gone" not in reply.text
    assert "Retry-After" in reply.headers
