"""Two server processes on one database: ballots, limits and the study's state hold across both."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
import yaml
from sqlalchemy import func, select

from study.checks.server_processes import free_port, start_server
from study.checks.simulated_participant import SimulatedParticipant
from study.database import ledger
from study.database.models import Vote
from study.voting import lifecycle
from tests.study.tiny import open_at

CALLS = 30


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def pair(request, built, tmp_path_factory):
    """A study with few calls a minute behind two processes: (context, their clients)."""
    folder = tmp_path_factory.mktemp("two") / "study"
    shutil.copytree(built, folder)
    limits = {"calls_per_minute": CALLS, "enrolments_per_hour": 6}
    server = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    url = server.fresh_url() if server else ""
    context = open_at(folder, folder, time.time, url, limits=limits)
    raw = context.config.model_dump(mode="json", exclude_none=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True))
    ports = [free_port(), free_port()]
    with ThreadPoolExecutor(2) as start:
        servers = list(start.map(lambda port: start_server(folder, port), ports))
    clients = [httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) for port in ports]
    yield context, clients
    for client, server in zip(clients, servers, strict=True):
        client.close()
        server.terminate()
    for server in servers:
        server.wait(timeout=60)
    context.store.close()


@pytest.fixture
def person(pair):
    """Somebody who entered by the first server and speaks with either."""
    context, clients = pair
    someone = SimulatedParticipant(clients[0], context, lambda _pair, _name: "same", _wait)
    someone.admit()
    return someone


def _wait(seconds: float) -> None:
    time.sleep(seconds + 1)


def test_of_many_votes_on_one_pair_sent_to_both_exactly_one_is_stored(pair, person):
    context, clients = pair
    person.client = clients[1]  # next and the clips come from the other one
    ballot = person.ballot(person.next())

    def cast(number: int) -> int:
        body = ballot | {"request_id": f"request-{number}"}
        return clients[number % 2].post("/api/vote", json=body).status_code

    with ThreadPoolExecutor(8) as many:
        codes = list(many.map(cast, range(8)))
    assert sorted(codes) == [200] + [409] * 7
    with context.store.read() as session:
        assert session.scalar(select(func.count()).select_from(Vote)) == 1
        assert ledger.first_invalid_entry(ledger.read(session)) is None


def test_calls_are_counted_over_both(pair, person):
    """Neither process alone is asked more often in one minute than is allowed."""
    _, clients = pair
    body, codes = {"participant": person.token}, set()
    for _ in range(3):  # again where a new minute, which counts anew, began on the way
        minute = time.time() // 60
        replies = [clients[n % 2].post("/api/state", json=body) for n in range(2 * CALLS - 10)]
        codes |= {reply.status_code for reply in replies}
        if time.time() // 60 == minute:
            break
    assert codes == {200, 429}


def test_a_pause_by_one_process_is_a_pause_of_all(pair, person):
    context, clients = pair
    lifecycle.set_state(context.store, "paused", context.clock())
    try:
        for client in clients:
            reply = client.post("/api/next", json={"participant": person.token})
            assert (reply.status_code, reply.json()["code"]) == (409, "study_paused")
            assert client.get("/page/options").json()["state"] == "paused"
    finally:
        lifecycle.set_state(context.store, "open", context.clock())
    for client in clients:
        assert client.post("/api/next", json={"participant": person.token}).status_code == 200


def test_people_are_counted_over_both(pair):
    _, clients = pair
    replies = [clients[n % 2].post("/api/enter", json={"locale": "en"}) for n in range(8)]
    refused = [reply.json()["code"] for reply in replies if reply.status_code == 429]
    assert refused
    assert set(refused) == {"too_many_people"}
