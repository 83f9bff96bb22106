"""Joins, replies and moves as OpenTelemetry spans, sent where the `OTEL_*` variables say.

A span is made when it is over, from what was measured anyway: never one per chunk.
"""

from __future__ import annotations

import time
from typing import Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import (
    SERVICE_NAME,
    SERVICE_VERSION,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from flowact import __version__
from flowact.live.observation.events import Joined, LiveEvent, Moved, Replied

_NANOSECONDS: Final = 1_000_000_000


class LiveTraces:
    """Writes spans.

    Args:
        exporter: where they go; `None` for the OTLP collector that the environment names.
    """

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        owners = OTELResourceDetector().detect()  # OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES
        ours = Resource({SERVICE_NAME: "flowact", SERVICE_VERSION: __version__})
        self._provider = TracerProvider(resource=Resource.create().merge(ours).merge(owners))
        self._provider.add_span_processor(BatchSpanProcessor(exporter or OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("flowact.live", __version__)
        self._propagator = TraceContextTextMapPropagator()

    def observe(self, event: LiveEvent) -> None:
        """Write the span of an event that has one."""
        match event:
            case Joined(result=result, waited=waited, seconds=seconds, traceparent=parent):
                details: dict[str, str | float] = {"flowact.result": result, "flowact.wait": waited}
                self._span("join", seconds + waited, parent, details)
            case Replied(seconds=seconds, traceparent=parent):
                self._span("reply", seconds, parent, {})
            case Moved(reason=reason, sessions=sessions, seconds=seconds):
                self._span(
                    "move", seconds, "", {"flowact.reason": reason, "flowact.sessions": sessions}
                )

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()

    def _span(
        self, name: str, seconds: float, traceparent: str, details: dict[str, str | float]
    ) -> None:
        ended = time.time_ns()
        context = self._propagator.extract({"traceparent": traceparent})
        began = ended - round(seconds * _NANOSECONDS)
        span = self._tracer.start_span(name, context, start_time=began, attributes=details)
        span.end(ended)
