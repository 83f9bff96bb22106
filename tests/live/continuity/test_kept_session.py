"""A whole session as bytes."""

import dataclasses
import json

import pytest

from flowact.live.continuity.kept_session import KeptSession, SessionOrigin, from_bytes, to_bytes
from flowact.serving.messages import Continuation, PendingSound

ORIGIN = SessionOrigin("a1", "visitor", "mira", False, 7, "h264", generation=3)
SOURCE = PendingSound("reply", b"\1\2" * 50, complete=True)
KEPT = KeptSession(
    ORIGIN, 5, "waving", Continuation(b"state" * 9, SOURCE, 12.5), {"mode": "off", "said": "Größe"}
)


def test_what_comes_back_is_what_was_written():
    assert from_bytes(to_bytes(KEPT)) == KEPT
    create = from_bytes(to_bytes(KEPT)).create(b"picture")
    assert (create.session, create.seed, create.action, create.epoch) == ("a1", 7, "waving", 5)
    assert create.resume == KEPT.resume and create.picture == b"picture"


def test_a_reply_that_nobody_goes_on_with_ends():
    unfinished = dataclasses.replace(SOURCE, complete=False)
    resume = dataclasses.replace(KEPT.resume, source=unfinished)
    assert dataclasses.replace(KEPT, resume=resume).create(b"").resume.source.complete


def test_damage_and_other_versions_are_said(monkeypatch):
    written = to_bytes(KEPT)
    for damaged in (b"", b"x" * 12, written[:-1], written + b"x", written[:40]):
        with pytest.raises(ValueError, match="cannot be read"):
            from_bytes(damaged)
    monkeypatch.setattr("flowact.live.continuity.kept_session.SCHEMA", 99)
    other = to_bytes(KEPT)
    monkeypatch.undo()
    with pytest.raises(ValueError, match="its schema is 99, not 2"):
        from_bytes(other)


def test_everything_a_session_began_with_is_written():
    written = to_bytes(KEPT)
    names = {field.name for field in dataclasses.fields(SessionOrigin)}
    begin = written.index(b"{")
    table = json.JSONDecoder().raw_decode(written[begin:].decode("utf-8", "ignore"))[0]
    assert set(table["origin"]) == names
