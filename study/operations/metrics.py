"""The study's figures for Prometheus, where prometheus-client is installed; nothing where it is not."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from study.analysis.dataset import judgements, read
from study.errors import StudyError
from study.voting.context import StudyContext

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_log = logging.getLogger(__name__)

FRESH_SECONDS = 60.0
WAITS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0)


class StudyFigures(Protocol):
    """What happens in a study that operators count."""

    def voted(self) -> None:
        """A vote was stored."""

    def refused(self, reason: str) -> None:
        """A request was refused; `reason` is one of a few codes."""

    def waited(self, seconds: float) -> None:
        """A request waited for its turn to write."""

    def watch(self, context: StudyContext) -> None:
        """Show the share of excluded participants of this study, too."""


class Uncounted:
    """Counts nothing."""

    def voted(self) -> None:
        """See `StudyFigures`."""

    def refused(self, reason: str) -> None:
        """See `StudyFigures`."""

    def waited(self, seconds: float) -> None:
        """See `StudyFigures`."""

    def watch(self, context: StudyContext) -> None:
        """See `StudyFigures`."""


@cache
def figures() -> StudyFigures:
    """The one set of figures of this process, in Prometheus' own registry: whoever shows that shows them."""
    return PrometheusFigures() if find_spec("prometheus_client") else Uncounted()


class PrometheusFigures:
    """Counts for Prometheus."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Histogram

        self._votes = Counter("study_votes", "Votes stored.")
        self._refused = Counter("study_refused", "Requests refused, by code.", ["reason"])
        self._waits = Histogram(
            "study_write_wait_seconds", "Waiting for the turn to write.", buckets=WAITS
        )
        self._excluded: ExcludedShare | None = None

    def voted(self) -> None:
        """See `StudyFigures`."""
        self._votes.inc()

    def refused(self, reason: str) -> None:
        """See `StudyFigures`."""
        self._refused.labels(reason).inc()

    def waited(self, seconds: float) -> None:
        """See `StudyFigures`."""
        self._waits.observe(seconds)

    def watch(self, context: StudyContext) -> None:
        """See `StudyFigures`; the newest study of a process is the one that is shown."""
        from prometheus_client import REGISTRY

        if self._excluded is None:
            self._excluded = ExcludedShare(context)
            REGISTRY.register(self._excluded)
        self._excluded.context = context


class ExcludedShare:
    """The share of finished participants who fail a check, reckoned beside the requests once a minute."""

    def __init__(self, context: StudyContext) -> None:
        self.context = context
        self._share: float | None = None
        self._asked = float("-inf")
        self._reckoning = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        """Yield the share as it is known; whoever asks does not wait for a newer one."""
        from prometheus_client.core import GaugeMetricFamily

        if time.monotonic() - self._asked > FRESH_SECONDS:
            self._asked = time.monotonic()
            threading.Thread(target=self.reckon, daemon=True).start()
        if self._share is not None:
            words = "Share of finished participants who fail a check."
            yield GaugeMetricFamily("study_excluded_ratio", words, self._share)

    def reckon(self) -> None:
        """Judge everybody."""
        with self._reckoning:
            try:
                dataset = read(self.context)
            except StudyError as error:
                _log.warning("the excluded share is not known: %s", error)
                return
            verdicts = judgements(dataset)
            finished = [verdicts[p.code].verdict for p in dataset.people if p.state == "finished"]
            self._share = finished.count("fail") / len(finished) if finished else 0.0
