"""What `flowact serve --fleet` is told, before any Ray is started."""

from __future__ import annotations

import argparse

import pytest

from flowact.cli import main
from flowact.commands.fleet import serve
from flowact.fleet import engine
from flowact.fleet.gate.place_counter import Bounds


@pytest.fixture
def plan(monkeypatch):
    monkeypatch.setenv("FLOWACT_TICKET_KEY", "secret")

    def made(*words: str):
        parser = argparse.ArgumentParser()
        serve.add_arguments(parser)
        return serve.plan_of(parser.parse_args(["--fleet", *words]))

    return made


def test_on_one_machine_pages_connect_to_the_servers_themselves(plan):
    fleet = plan("local", "--port", "8123", "--replicas", "2:5", "--network-waiting", "9")
    (avatars,) = fleet.avatars.values()
    assert fleet.direct and (avatars.least, avatars.most) == (2, 5)
    assert avatars.settings.origins == ("http://127.0.0.1:8123",)
    assert fleet.bounds == Bounds(2, 9) and fleet.settings.origins == ()


def test_on_several_they_go_through_the_edge(plan):
    assert not plan("10.0.0.1:6379").direct
    assert list(plan("10.0.0.1:6379", "--preset", "medium").avatars) == ["medium"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--replicas", "many"], "--replicas must be like 2 or 1:10, not 'many'"),
        (["--replicas", "3:2"], "--replicas must be like 2 or 1:10, not 3:2"),
        (["--preset", "huge"], "huge"),
    ],
)
def test_what_makes_no_sense_is_said_in_a_sentence(words, sentence, monkeypatch, capsys):
    monkeypatch.setenv("FLOWACT_TICKET_KEY", "secret")
    assert main(["serve", "--fleet", "local", *words]) == 2
    assert sentence in capsys.readouterr().err


def test_a_fleet_needs_a_shared_secret(monkeypatch, capsys):
    monkeypatch.delenv("FLOWACT_TICKET_KEY", raising=False)
    assert main(["serve", "--fleet", "local"]) == 2
    assert "set FLOWACT_TICKET_KEY" in capsys.readouterr().err


def test_no_ray_and_an_old_ray_are_said(monkeypatch, capsys):
    monkeypatch.setattr(engine, "version", lambda _name: "2.9.3")
    assert main(["serve", "--fleet", "local"]) == 2
    assert "needs Ray 2.50 or newer; 2.9.3 is installed" in capsys.readouterr().err
    monkeypatch.setattr(engine, "find_spec", lambda _name: None)
    assert main(["serve", "--fleet", "local"]) == 2
    assert "pip install 'flowact[fleet]'" in capsys.readouterr().err
