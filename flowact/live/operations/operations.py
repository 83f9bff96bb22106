"""Metrics, traces and the operators' port together, as far as the owner asked for them."""

from __future__ import annotations

import asyncio
import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING

from flowact.errors import UserError
from flowact.live.session.manager import SessionManager
from flowact.live.settings import LiveSettings

if TYPE_CHECKING:
    from flowact.live.operations.endpoint import OperationsServer
    from flowact.live.operations.traces import LiveTraces

_log = logging.getLogger(__name__)


class Operations:
    """Opened and closed with the page; without a port and without traces it does nothing.

    Args:
        settings: what the owner asked for.
        manager: what is watched.

    Raises:
        UserError: packages are missing, or the port cannot be used.
    """

    def __init__(self, settings: LiveSettings, manager: SessionManager) -> None:
        self._manager = manager
        self._server: OperationsServer | None = None
        self._traces: LiveTraces | None = None
        if settings.operations_port is not None:
            _require("prometheus_client", "metrics", "--operations-port")
            from flowact.live.operations.endpoint import OperationsServer

            self._server = OperationsServer(settings.operations_host, settings.operations_port)
        if settings.traces:
            _require("opentelemetry.exporter.otlp.proto.http", "traces", "--traces yes")
            from flowact.live.operations.traces import LiveTraces

            self._traces = LiveTraces()
            manager.observers.add(self._traces.observe)

    @property
    def port(self) -> int | None:
        """Where operators are answered."""
        return self._server.port if self._server is not None else None

    def open(self) -> None:
        """Begin; called in the page's event loop."""
        if self._server is not None:
            from flowact.live.operations.endpoint import operations_app
            from flowact.live.operations.metrics import LiveMetrics

            metrics = LiveMetrics(self._manager)
            self._manager.observers.add(metrics.observe)
            self._server.open(operations_app(self._manager, metrics.registry))
            _log.info("operators are answered on port %d", self._server.port)

    async def close(self) -> None:
        """End; what was traced is sent."""
        if self._server is not None:
            await self._server.close()
        if self._traces is not None:
            await asyncio.to_thread(self._traces.close)


def _require(module: str, extra: str, option: str) -> None:
    try:
        found = find_spec(module) is not None
    except ModuleNotFoundError:  # a package that it would lie in is not there either
        found = False
    if not found:
        raise UserError(f"{option} needs more packages: pip install 'flowact[{extra}]'.")
