"""The router that Serve copies into the process of the gateway: what it says is heard there."""

import subprocess
import sys
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest
from ray.serve.config import RequestRouterConfig
from ray.serve.request_router import RequestRouter

from flowact.fleet import departures
from flowact.fleet.seat_router import SeatRouter


@dataclass(frozen=True)
class Identity:
    """What Serve calls a replica."""

    unique_id: str
    deployment_id: SimpleNamespace = field(hash=False)


COPY = """
import sys
from ray import cloudpickle
from flowact.fleet import departures, seat_router
copied = cloudpickle.loads(sys.stdin.buffer.read())
assert copied is not seat_router.SeatRouter, "no copy"
assert copied.update_replicas.__globals__["departures"] is departures, "it tells a copy of the list"
"""
"""What the gateway's process makes of the router that Serve sends it: a copy of the class, with its module's values."""


def test_a_copy_of_the_router_tells_who_listens_in_its_process():
    sent = RequestRouterConfig(request_router_class=SeatRouter).get_serialized_request_router_cls()
    done = subprocess.run(
        [sys.executable, "-c", COPY], input=sent, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture
def router(monkeypatch):
    """A router with a list of replicas and nothing else."""
    monkeypatch.setattr(departures, "_told", {})
    monkeypatch.setattr(RequestRouter, "curr_replicas", property(lambda self: self.listed))

    def take(self, replicas):
        self.listed = {each.replica_id: each for each in replicas}

    monkeypatch.setattr(RequestRouter, "update_replicas", take)
    made = object.__new__(SeatRouter)
    made.listed = {}
    return made


def replica(name: str, **stats: object) -> SimpleNamespace:
    identity = Identity(name, SimpleNamespace(name="avatar-default"))
    return SimpleNamespace(replica_id=identity, routing_stats=stats)


def test_a_replica_that_leaves_is_told_unless_it_has_only_just_come(router):
    one, two, new = (
        replica("1", address="http://one"),
        replica("2", address="http://two"),
        replica("3"),
    )
    heard = []
    departures.listen("avatar-default", lambda *told: heard.append(told))
    for there in ([one, two], [two, new], [new], []):
        router.update_replicas(there)
    assert heard == [("1", "http://one"), ("2", "http://two")]
