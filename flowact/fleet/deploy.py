"""A fleet on a Ray that runs: deployed, and taken away again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import ray
from ray import serve
from ray.exceptions import RayError
from ray.serve.config import HTTPOptions

from flowact.errors import UserError
from flowact.fleet.application import NAME, fleet_application
from flowact.fleet.plan import FleetPlan


def _shut_down() -> None:
    end: Callable[[], None] = serve.shutdown
    end()


def check_resources(fleet: FleetPlan, machines: Sequence[Mapping[str, float]]) -> None:
    """Find out whether there is a machine for every preset.

    Args:
        fleet: what is to be deployed.
        machines: of each, how much of every resource it has.

    Raises:
        UserError: there is none; Ray would wait for it without a word.
    """
    for preset, plan in fleet.avatars.items():
        wanted = plan.resources.items()
        if not any(all(one.get(name, 0.0) >= much for name, much in wanted) for one in machines):
            told = ", ".join(f"{name} {much:g}" for name, much in wanted)
            raise UserError(f"No machine of this Ray has what a server of {preset} needs: {told}.")


def _start(host: str, port: int) -> None:
    try:
        serve.start(http_options=HTTPOptions(host=host, port=port))
    except RayError as error:
        if "Failed to bind" not in str(error):
            raise
        _shut_down()
        message = f"{host} port {port} cannot be used; choose another with --port."
        raise UserError(message) from error


def deploy(fleet: FleetPlan) -> None:
    """Serve a fleet, or change the one that is served; returns when all its servers are there.

    Raises:
        RuntimeError: one cannot start.
    """
    serve.run(fleet_application(fleet), name=NAME, route_prefix="/")


@contextlib.contextmanager
def deployed(fleet: FleetPlan) -> Iterator[str]:
    """Serve a fleet within the block; gives the page's address.

    Raises:
        UserError: the page's port is taken, or a replica cannot start.
    """
    settings = fleet.settings
    list_nodes: Any = ray.nodes
    check_resources(fleet, [node["Resources"] for node in list_nodes() if node["Alive"]])
    _start(settings.host, settings.port)
    try:
        deploy(fleet)
    except RuntimeError as error:
        message = serve.status().applications[NAME].message
        _shut_down()
        raise UserError(f"The fleet does not start: {message.strip().splitlines()[-1]}") from error
    try:
        yield f"http://{settings.host}:{settings.port}/"
    finally:
        _shut_down()
