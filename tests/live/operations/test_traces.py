"""Spans of joins and replies, sent over the wire to a collector on this machine."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flowact.live.observation.events import Joined, Replied, ViewerLag
from flowact.live.operations.traces import LiveTraces

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def collector(monkeypatch):
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append(ExportTraceServiceRequest.FromString(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        yield received
        server.shutdown()


def test_joins_and_replies_become_spans_of_the_pages_trace(collector):
    traces = LiveTraces()
    parent = f"00-{TRACE}-b7ad6b7169203331-01"
    traces.observe(Joined("new", waited=2.0, seconds=0.5, traceparent=parent))
    traces.observe(Replied(0.25))
    traces.observe(ViewerLag(0.1))
    traces.close()
    (resource,) = (each for request in collector for each in request.resource_spans)
    described = {each.key: each.value.string_value for each in resource.resource.attributes}
    assert described["service.name"] == "flowact"
    join, reply = (span for scope in resource.scope_spans for span in scope.spans)
    assert (join.name, join.trace_id.hex(), join.parent_span_id.hex()) == (
        "join",
        TRACE,
        "b7ad6b7169203331",
    )
    assert join.end_time_unix_nano - join.start_time_unix_nano == 2_500_000_000
    assert reply.name == "reply" and not reply.parent_span_id
    assert reply.end_time_unix_nano - reply.start_time_unix_nano == 250_000_000
