"""Kill -9 of a real server loses no acknowledged vote; a small load run is sound."""

import threading
import time
import uuid

import httpx
import pytest
from sqlalchemy import select

from study.checks.load_test import free_port, measure, start_server
from study.checks.simulated_participant import SimulatedParticipant
from study.database import ledger
from study.database.models import Trial, Vote
from study.design import builder
from study.design.config import load
from study.voting import lifecycle

PEOPLE = 4
BEFORE_THE_KILL = 12


@pytest.fixture
def opened(study_folder):
    index = builder.read_index(study_folder / "stimuli")
    context = lifecycle.open_study(study_folder, load(study_folder / "study.yaml"), index)
    yield context
    context.store.close()


def test_every_acknowledged_vote_survives_kill_9(opened):
    port = free_port()
    server = start_server(opened.directory, port)
    acknowledged: list[str] = []
    enough = threading.Event()

    def take_part() -> None:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            person = SimulatedParticipant(client, opened, lambda _pair, _name: "same", time.sleep)
            try:
                person.admit()
                while not (served := person.next())["done"]:
                    ballot = person.ballot(served) | {"request_id": str(uuid.uuid4())}
                    acknowledged.append(person.post("vote", ballot)["vote"])
                    if len(acknowledged) >= BEFORE_THE_KILL:
                        enough.set()
            except httpx.TransportError:
                return  # the server is gone

    threads = [threading.Thread(target=take_part) for _ in range(PEOPLE)]
    for thread in threads:
        thread.start()
    assert enough.wait(120)
    server.kill()
    server.wait()
    for thread in threads:
        thread.join()

    with opened.store.read() as session:
        stored = {vote.code for vote in session.scalars(select(Vote))}
        voted = session.scalars(select(Trial.id).where(Trial.voted_at.is_not(None))).all()
        assert ledger.first_invalid_entry(ledger.read(session)) is None
    assert set(acknowledged) <= stored
    assert len(voted) == len(stored)
    assert len(stored) - len(acknowledged) <= PEOPLE  # committed, but the reply was cut off


def test_a_crowd_loses_nothing(opened):
    figures = measure(opened.directory, people=6, trials=2, think=0.5)
    assert figures.sound, figures.text()
    assert figures.acknowledged == figures.stored == 12
    assert "p95" in figures.text()
