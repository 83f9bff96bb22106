"""Running the sections, each under its own limit of time."""

from __future__ import annotations

import logging
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import NoReturn

import torch

from flowact.bench.gpu.report import GpuReport, Row, Rows, SectionReport
from flowact.bench.gpu.subject import BenchSubject

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BenchSection:
    """A part of the benchmark.

    Attributes:
        name: of it.
        limit_s: seconds after which it is stopped; what it has measured is kept.
        measure: yields its numbers, the most telling first.
    """

    name: str
    limit_s: float
    measure: Callable[[BenchSubject], Rows]


class SectionTimeout(BaseException):
    """A section's time is over; no `except Exception` inside it may catch this."""


def run_sections(
    sections: Sequence[BenchSection],
    subject: BenchSubject,
    report: GpuReport,
    told: Callable[[str, Row], None] = lambda _section, _row: None,
) -> None:
    """Run sections in order; whatever happens in one, the next begins, and the file is complete.

    Args:
        sections: what to run.
        subject: what is measured.
        report: is written after every number.
        told: is shown every number.
    """
    for section in sections:
        part = SectionReport(section.name)
        report.sections.append(part)
        start = time.perf_counter()
        try:
            with _limited(section.limit_s):
                for row in section.measure(subject):
                    part.rows.append(row)
                    part.seconds = round(time.perf_counter() - start, 1)
                    report.write()
                    told(section.name, row)
            part.state = "done" if part.rows else "skipped"
            part.why = "" if part.rows else "nothing here can be measured on this device"
        except SectionTimeout:
            part.state, part.why = "stopped", f"its {section.limit_s:g} seconds were over"
        except Exception as error:  # a section that breaks must not cost the others
            _log.warning("section %s failed", section.name, exc_info=error)
            part.state, part.why = "failed", _first_line(error)
        part.seconds = round(time.perf_counter() - start, 1)
        report.write()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def attempt(what: str, unit: str, measure: Callable[[], float], note: str = "") -> Row:
    """A number, or why it cannot be had: not every device multiplies in every format."""
    try:
        return Row(what, measure(), unit, note=note)
    except Exception as error:  # whatever a driver or compiler says
        return Row(what, None, unit, note=_first_line(error))


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    def over(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise SectionTimeout

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
