"""Three-valued verdicts: pass, fail, unchecked. What could not be measured never counts as a fail.

Nothing here deletes a vote. Verdicts say which votes enter the primary analysis, and the report gives the
analysis with all votes beside it.
"""

from __future__ import annotations

import json
import logging
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Literal

from study.design.config import StudyConfig
from study.design.sections import Quality

_log = logging.getLogger(__name__)

CATCHES = ("identical", "shifted", "frozen")
DEVICE_CHECKS = ("drift", "stalls", "dropped")  # what a weak device fails, whoever sits before it
Verdict = Literal["pass", "fail", "unchecked"]


@dataclass(frozen=True)
class Judgement:
    """A verdict with the names of the checks that led to it."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()


def combine(parts: Iterable[Judgement]) -> Judgement:
    """One fail is a fail; otherwise one unchecked is unchecked; otherwise pass."""
    parts = list(parts)
    for verdict in ("fail", "unchecked"):
        hit = [part for part in parts if part.verdict == verdict]
        if hit:
            reasons = dict.fromkeys(reason for part in hit for reason in part.reasons)
            return Judgement(verdict, tuple(reasons))
    return Judgement("pass")


def side(choice: str) -> str:
    """left, same, right or cannot: a rating of both sides says which of them is better."""
    if "/" not in choice:
        return choice
    left, right = (int(part) for part in choice.split("/"))
    return "left" if left > right else "right" if right > left else "same"


def judge_playback(playback: Mapping[str, Any], limits: Quality) -> Judgement:
    """Was the pair shown as intended? `playback` is the telemetry of one trial (see study.server.api).

    Every browser can count how often it played: a vote without that was not made on the page.
    """
    if not playback.get("plays"):
        return Judgement("fail", ("unplayed",))
    frames, dropped = playback.get("frames"), playback.get("dropped")
    share = dropped / frames if frames and dropped is not None else None
    hidden = playback.get("hidden_ms")
    return combine(
        [
            _at_most("drift", playback.get("drift_p95_ms"), limits.drift_ms),
            _at_most("stalls", playback.get("stalls"), limits.stalls),
            _at_most("hidden", hidden, 1000 * limits.hidden_seconds),
            _at_most("dropped", share, limits.dropped_share),
        ]
    )


def judge_speed(
    answer_ms: float | None, spare: float, questions: int, limits: Quality
) -> Judgement:
    """Was there time to read and answer? By the page's clock and by the server's (`spare`, seconds)."""
    needed = questions * limits.answer_seconds
    claimed = spare if answer_ms is None else answer_ms / 1000
    return Judgement("pass") if min(claimed, spare) >= needed else Judgement("fail", ("fast",))


def judge_catch(kind: str, expected: Mapping[str, str], choices: Mapping[str, str]) -> Judgement:
    """Was a trial with a known answer answered so? "Cannot judge" is unchecked, not wrong.

    For an identical pair a majority of "same" is enough; for a spoilt one every expected answer.
    """
    answers = [
        (side(choices[name]), wanted) for name, wanted in expected.items() if name in choices
    ]
    answers = [(given, wanted) for given, wanted in answers if given != "cannot"]
    if not answers:
        return Judgement("unchecked", (f"catch_{kind}",))
    right = sum(given == wanted for given, wanted in answers)
    needed = len(answers) / 2 if kind == "identical" else len(answers) - 0.5
    return Judgement("pass") if right > needed else Judgement("fail", (f"catch_{kind}",))


def judge_participant(records: Sequence[Mapping[str, Any]], config: StudyConfig) -> Judgement:
    """Verdict over one participant's vote records (see study.voting.votes), from the votes alone."""
    limits = config.quality
    return combine(
        [
            _catches(records, config),
            _one_sided(records, limits),
            _varied(records),
            _repeats(records, limits),
        ]
    )


def reversal_share(first: Mapping[str, str], second: Mapping[str, str]) -> float | None:
    """Share of decided dimensions whose preference turned round when the pair came back swapped."""
    value = {"left": 1, "same": 0, "right": -1}
    given = [(side(first[name]), side(second.get(name, "cannot"))) for name in first]
    both = [(value[a], -value[b]) for a, b in given if a in value and b in value]
    if not both:
        return None
    return sum(a * b < 0 for a, b in both) / len(both)


def ask_service(limits: Quality, body: Mapping[str, Any]) -> Judgement:
    """Ask an external check of participants; anything but a clear answer is unchecked.

    The service receives JSON by POST and answers {"verdict": "pass"} or {"verdict": "fail"}.
    """
    if limits.service_url is None:
        return Judgement("pass")
    request = urllib.request.Request(  # noqa: S310 - the operator's own configured address
        limits.service_url,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=limits.service_seconds) as reply:  # noqa: S310
            verdict = json.loads(reply.read(10_000))["verdict"]
    except (OSError, HTTPException, ValueError, KeyError, TypeError, RecursionError) as error:
        _log.warning("the check of participants gave no verdict: %r", error)
        return Judgement("unchecked", ("service",))
    if verdict in ("pass", "fail"):
        return Judgement(verdict, () if verdict == "pass" else ("service",))
    return Judgement("unchecked", ("service",))


def alarms(verdicts: Sequence[Verdict], limits: Quality) -> list[str]:
    """Names of the alarms over the newest participants: a jump means that something broke.

    An arena once lost three months of honest votes to a captcha service that was down.
    """
    newest = verdicts[-limits.alarm_window :]
    if len(newest) < min(5, limits.alarm_window):
        return []
    raised = []
    for verdict, name, limit in (
        ("fail", "excluded", limits.alarm_excluded_share),
        ("unchecked", "unchecked", limits.alarm_unchecked_share),
    ):
        if sum(value == verdict for value in newest) / len(newest) > limit:
            raised.append(name)
    return raised


def _at_most(name: str, value: float | None, limit: float) -> Judgement:
    if value is None:
        return Judgement("unchecked", (name,))
    return Judgement("pass") if value <= limit else Judgement("fail", (name,))


def _catches(records: Sequence[Mapping[str, Any]], config: StudyConfig) -> Judgement:
    """Too many failed catch trials are a fail; votes without one that could be judged are unchecked."""
    catch = config.trials.catch
    voted = any(record["kind"] == "main" for record in records)
    caught = [
        judge_catch(record["kind"], record["expected"], record["choices"])
        for record in records
        if record["kind"] in CATCHES
    ]
    failed = [part for part in caught if part.verdict == "fail"]
    if len(failed) > config.quality.catch_failures:
        return Judgement("fail", tuple(reason for part in failed for reason in part.reasons))
    if voted and catch.hidden and all(part.verdict == "unchecked" for part in caught):
        return Judgement("unchecked", ("catch",))
    return Judgement("pass")


def _varied(records: Sequence[Mapping[str, Any]]) -> Judgement:
    """One and the same answer throughout may be honest or not: unchecked, over at least three trials."""
    main = [record for record in records if record["kind"] == "main"]
    given = {choice for record in main for choice in record["choices"].values()}
    if len(main) < 3 or len(given) > 1:
        return Judgement("pass")
    return Judgement("unchecked", ("constant",))


def _one_sided(records: Sequence[Mapping[str, Any]], limits: Quality) -> Judgement:
    """The same side in nearly every decided answer, over at least ten answers on three trials."""
    main = [record for record in records if record["kind"] == "main"]
    answers = [side(choice) for record in main for choice in record["choices"].values()]
    sides = [answer for answer in answers if answer in ("left", "right")]
    if len(sides) < 10 or len(main) < 3:
        return Judgement("pass")
    share = max(sides.count("left"), sides.count("right")) / len(sides)
    return (
        Judgement("pass") if share <= limits.same_side_share else Judgement("fail", ("one_side",))
    )


def _repeats(records: Sequence[Mapping[str, Any]], limits: Quality) -> Judgement:
    by_position = {record["position"]: record for record in records}
    shares = [
        reversal_share(by_position[record["repeat_of"]]["choices"], record["choices"])
        for record in records
        if record["kind"] == "repeated" and record["repeat_of"] in by_position
    ]
    known = [share for share in shares if share is not None]
    if known and sum(known) / len(known) > 1 - limits.repeat_agreement:
        return Judgement("fail", ("repeat",))
    return Judgement("pass")
