"""A fleet on a Ray that runs: deployed, and taken away again."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from ray import serve
from ray.serve.config import HTTPOptions

from flowact.errors import UserError
from flowact.fleet.application import NAME, fleet_application
from flowact.fleet.plan import FleetPlan


def _shut_down() -> None:
    end: Callable[[], None] = serve.shutdown
    end()


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
        UserError: a replica cannot start.
    """
    settings = fleet.settings
    serve.start(http_options=HTTPOptions(host=settings.host, port=settings.port))
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
