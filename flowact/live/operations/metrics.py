"""The live page's figures as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from flowact import __version__
from flowact.live.observation.events import (
    Joined,
    LiveEvent,
    Moved,
    NotJoined,
    Replied,
    SegmentSent,
    SnapshotFailed,
    SnapshotKept,
    ViewerLag,
    WorkerReplaced,
)
from flowact.live.session.manager import SessionManager

_STAGES: Final = ("waited", "denoise", "decode", "encode")
_OF_A_STAGE: Final = (0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28)
_OF_A_JOIN: Final = (0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 2.0, 4.0, 8.0, 16.0)
_OF_A_LINE: Final = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_OF_A_SNAPSHOT: Final = (40_000, 60_000, 80_000, 100_000, 130_000, 200_000, 500_000)
_OF_A_FREEZE: Final = (0.02, 0.04, 0.08, 0.16, 0.3, 0.75, 1.5, 3.0, 6.0, 12.0)


class LiveMetrics:
    """Counters and histograms, filled by events; gauges, read when somebody asks.

    Args:
        manager: whose places, line and worker the gauges show.

    Attributes:
        registry: all of them.
    """

    def __init__(self, manager: SessionManager) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # they are no series to ask for
        self.registry = CollectorRegistry()
        self.registry.register(_PresentState(manager))
        self._joins = self._counter("joins", "Connections by what became of them.", "result")
        self._pieces = self._counter("pieces", "Media segments made, of 0.16 s each.")
        self._late = self._counter("pieces_late", "Segments that a picture stood still for.")
        self._dropped = self._counter("frames_dropped", "Messages that slow viewers did not get.")
        self._restarts = self._counter("worker_restarts", "Workers that were replaced.", "reason")
        self._snapshot_errors = self._counter(
            "snapshot_errors", "Times that the shared store did not answer."
        )
        self._moves = self._counter(
            "moves", "Sessions moved to another worker or server.", "reason"
        )
        self._snapshots = Histogram(
            "flowact_snapshot_bytes",
            "Size of a session's kept state.",
            registry=self.registry,
            buckets=_OF_A_SNAPSHOT,
        )
        self._stages = self._histogram(
            "stage", "What making a segment took.", _OF_A_STAGE, ("stage",)
        )
        self._join = self._histogram("join", "Connected to first segment, without the line.")
        self._wait = self._histogram("wait", "Time in the line.", _OF_A_LINE)
        self._reply = self._histogram("reply", "Asked to the first segment with a voice.")
        self._freeze = self._histogram("freeze", "How long a picture stood still.", _OF_A_FREEZE)
        self._lag = self._histogram("viewer_lag", "Made to painted, as the page measures.")

    def observe(self, event: LiveEvent) -> None:
        """Count an event."""
        match event:
            case SegmentSent():
                self._segment(event)
            case Joined(result=result, waited=waited, seconds=seconds):
                self._joins.labels(result).inc()
                self._join.observe(seconds)
                self._wait.observe(waited)
            case NotJoined(result=result):
                self._joins.labels(result).inc()
            case Replied(seconds=seconds):
                self._reply.observe(seconds)
            case ViewerLag(seconds=seconds):
                self._lag.observe(seconds)
            case Moved(reason=reason, sessions=sessions):
                self._moves.labels(reason).inc(sessions)
            case SnapshotKept(size=size):
                self._snapshots.observe(size)
            case SnapshotFailed():
                self._snapshot_errors.inc()
            case WorkerReplaced(reason=reason):
                self._restarts.labels(reason).inc()

    def _segment(self, event: SegmentSent) -> None:
        self._pieces.inc()
        self._dropped.inc(event.dropped)
        if event.late:
            self._late.inc()
            self._freeze.observe(event.late)
        timings = event.segment.timings
        whole_chunk = timings.denoise > 0  # said with a chunk's first segment only
        for stage in _STAGES if whole_chunk else _STAGES[2:]:
            self._stages.labels(stage).observe(getattr(timings, stage))

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(f"flowact_{name}", words, labels, registry=self.registry)

    def _histogram(
        self,
        name: str,
        words: str,
        buckets: tuple[float, ...] = _OF_A_JOIN,
        labels: tuple[str, ...] = (),
    ) -> Histogram:
        full = f"flowact_{name}_seconds"
        return Histogram(full, words, labels, registry=self.registry, buckets=buckets)


class _PresentState(Collector):
    """What the manager knows anyway, read when Prometheus asks."""

    def __init__(self, manager: SessionManager) -> None:
        self._manager = manager

    def collect(self) -> Iterator[Metric]:
        """Yield the gauges, and how often the last place was taken: no gauge shows short peaks."""
        manager, admission = self._manager, self._manager.admission
        gauges = [
            ("sessions", "Sessions that have a place.", len(manager.sessions)),
            ("places", "Sessions that fit.", admission.places),
            ("waiting", "Visitors in the line.", admission.waiting),
            ("busy_ratio", "Share of the worker's time in which it computes.", manager.busy),
        ]
        if manager.settings.spare:  # whoever wants none is not to be alarmed that there is none
            words = "Whether a second worker stands by."
            gauges.append(("spare_ready", words, float(manager.spare_ready)))
        for name, words, value in gauges:
            yield GaugeMetricFamily(f"flowact_{name}", words, value)
        yield CounterMetricFamily(
            "flowact_full", "Times that the last place was taken.", admission.filled
        )
        build = GaugeMetricFamily(
            "flowact_build_info",
            "Always 1; what runs is in the labels.",
            labels=["version", "dtype"],
        )
        build.add_metric([__version__, manager.ready.dtype if manager.ready else ""], 1)
        yield build
