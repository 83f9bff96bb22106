"""The question that an owner can ask before visitors come."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowact.commands import live
from flowact.errors import UserError
from flowact.live.endpoints import Endpoints
from flowact.live.settings import LiveSettings
from tests.live.speech.services import FaultyScript, services, status


def checked(endpoints: Endpoints, monkeypatch, capsys) -> str:
    settings = LiveSettings(endpoints=endpoints, check=True)
    monkeypatch.setattr(live, "from_arguments", lambda *_: settings)
    live.run(None)
    return capsys.readouterr().out


def test_every_configured_server_is_asked_once(monkeypatch, capsys):
    script = FaultyScript(answer="Hello to you.")
    with services(script) as endpoints:
        said = checked(endpoints, monkeypatch, capsys)
    assert said.count("ok") == 3 and "14 characters in 3 pieces" in said
    assert "speak: no server is configured" in said
    assert [path for path, _ in script.asked] == ["audio/transcriptions", "chat/completions"]


def test_what_does_not_work_is_named_and_the_command_fails(monkeypatch, capsys):
    script = FaultyScript(reactions={"chat/completions": status(401, "no such key")})
    with services(script) as endpoints, pytest.raises(UserError, match="2 of the configured parts"):
        checked(replace(endpoints, speaking=endpoints.hearing), monkeypatch, capsys)
