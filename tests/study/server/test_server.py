"""Kill -9 of a real server loses no acknowledged vote; a small load run is sound."""

import threading
import time
import uuid
from pathlib import Path

import httpx
import pytest
from sqlalchemy import insert, select

from study.analysis import bundle
from study.analysis.dataset import read
from study.analysis.report import report
from study.checks.load_test import Load, measure
from study.checks.server_processes import ServerProcesses, free_port, start_server
from study.checks.simulated_participant import SimulatedParticipant
from study.database import ledger, storage
from study.database.models import Base, Trial, Vote
from study.design import builder
from study.design.config import load
from study.errors import StudyError
from study.voting import lifecycle
from study.voting.context import StudyContext

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


def test_a_crowd_loses_nothing_when_a_server_and_the_database_die(study_folder, postgres, tmp_path):
    """And what two servers stored on PostgreSQL is what one would have stored in a file, byte for byte."""
    url = postgres.fresh_url()

    def disaster(servers: ServerProcesses) -> None:
        servers.kill(0)
        postgres.crash()

    figures = measure(study_folder, Load(6, 3, 0.5), 2, url, disaster)
    assert figures.sound, figures.text()
    assert figures.acknowledged == figures.stored == 18 and figures.repeated
    assert "p95" in figures.text()
    with pytest.raises(StudyError, match="expected an empty one"):
        measure(study_folder, Load(6, 3, 0.5), 2, url)
    with pytest.raises(StudyError, match="2 servers cannot share"):
        measure(study_folder, Load(6, 3, 0.5), 2)
    assert exported(study_folder, url) == exported(study_folder, copied(url, tmp_path))


def copied(url: str, folder: Path) -> str:
    """The same rows in a file of SQLite."""
    file = f"sqlite:///{folder}/copy.db"
    source, target = storage.connect(url, folder), storage.create(file, folder)
    with source.read() as read, target.write() as write:
        for table in Base.metadata.sorted_tables:
            ordered = select(table).order_by(*table.primary_key)
            rows = [dict(row) for row in read.execute(ordered).mappings()]
            if rows:
                write.execute(insert(table), rows)
    source.close()
    target.close()
    return file


def exported(folder: Path, url: str) -> list[dict[str, bytes]]:
    """Data and numbers of the bundle."""
    store = storage.connect(url, folder)
    dataset = read(StudyContext(folder, load(folder / "study.yaml"), store))
    store.close()
    return [bundle.sources(dataset), bundle.texts(dataset, report(dataset))]
