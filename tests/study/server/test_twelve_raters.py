"""Twelve raters at once, each with a trouble of their own: every pair has its vote, and every trouble its word."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from study.analysis import dataset
from study.design.translations import texts
from tests.study.chromium import served, visit
from tests.study.server.test_browser import admit, answer, watched

WORDS = texts("en")
TROUBLES = ("reload", "back", "second tab", "slow", "offline", "weak device")
PAIRS = 3  # after the practice
SLOW = {"offline": False, "latency": 400, "downloadThroughput": 40_000, "uploadThroughput": 20_000}


@dataclass
class Rater:
    """A window of somebody who has one trouble on every pair. `told` counts the sentences about it."""

    trouble: str
    page: Any
    problems: list[str]
    told: Counter = field(default_factory=Counter)

    def ready(self, number: int) -> None:
        """Wait for a pair, the practice being number 0."""
        words = (
            WORDS["page"]["pair"].format(n=number, total=PAIRS)
            if number
            else WORDS["page"]["practice"]
        )
        self.page.get_by_text(words, exact=True).wait_for()
        self.page.locator(".trial.ready").wait_for()

    def begin(self, number: int) -> None:
        """Press play, after a way back where that is the trouble."""
        self.ready(number)
        if self.trouble == "back":
            self.page.goto("about:blank")
            self.page.go_back()
            self.ready(number)
        self.page.keyboard.press(" ")

    def rate(self, number: int) -> None:
        """Answer and send, in spite of the trouble."""
        watched(self.page)
        answer(self.page, "1")
        if self.trouble == "reload":
            self.page.reload()
            self.ready(number)
        answer(self.page, "2")
        assert self.page.locator('.choice[aria-checked="true"]').count() == 2
        if self.trouble == "second tab":
            self.open_second_tab(number)
        if self.trouble == "offline":
            self.page.context.set_offline(True)
        self.page.keyboard.press("Enter")
        self.hear(number)

    def open_second_tab(self, number: int) -> None:
        other = Rater("", self.page.context.new_page(), [])
        other.page.goto(self.page.url)
        other.ready(number)
        other.page.close()

    def hear(self, number: int) -> None:
        """Wait for the sentence that the trouble deserves, and do what it asks for."""
        if self.trouble == "second tab":
            self.expect(WORDS["errors"]["unknown_trial"])
            self.ready(number)
            self.page.keyboard.press("Enter")
        if self.trouble == "offline":
            self.expect(WORDS["errors"]["network"])
            self.page.context.set_offline(False)
        if number == 0:
            if self.trouble == "weak device":
                self.expect(WORDS["training"]["weak"])
            self.page.locator(".feedback .primary").click()

    def expect(self, sentence: str) -> None:
        self.page.get_by_text(sentence).wait_for()
        self.told[sentence] += 1


def enter(browser, context, address: str, trouble: str, size: str) -> Rater:
    page, problems = visit(browser, size)
    if trouble == "slow":
        page.context.new_cdp_session(page).send("Network.emulateNetworkConditions", SLOW)
    if trouble == "weak device":
        page.route("**/api/vote", weaken)
    page.goto(address)
    admit(page, context, "en", size)
    return Rater(trouble, page, problems)


def weaken(route) -> None:
    """The report of a machine that cannot keep both sides together."""
    body = route.request.post_data_json
    body["playback"]["drift_p95_ms"] = 500
    route.continue_(post_data=body)


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_twelve_raters_lose_no_vote_without_a_word(tmp_path, browser):
    trials = {"per_participant": PAIRS, "training": 1}
    trials["catch"] = {"identical": 0, "shifted": 0, "repeated": 0, "items": 1}
    dimensions = [{"id": "lip_sync"}, {"id": "overall"}]
    with served(tmp_path, 1.0, trials=trials, dimensions=dimensions) as (context, address):
        raters = [
            enter(browser, context, address, trouble, size)
            for size in ("desk", "phone")
            for trouble in TROUBLES
        ]
        for number in range(PAIRS + 1):
            for rater in raters:
                rater.begin(number)
            for rater in raters:
                rater.rate(number)
        for rater in raters:
            rater.page.get_by_text(WORDS["done"]["title"]).wait_for()
            assert rater.problems == []
        stored = dataset.read(context)
    votes = Counter(vote.record["participant"] for vote in stored.votes)
    assert list(votes.values()) == [PAIRS + 1] * len(raters)
    assert {vote.record["position"] for vote in stored.votes} == set(range(PAIRS + 1))
    weak = Counter(
        vote.record["participant"] for vote in stored.votes if "drift" in vote.record["reasons"]
    )
    assert sum(rater.told.total() for rater in raters) == 2 * (2 * (PAIRS + 1) + 1)
    assert sum(number == PAIRS + 1 for number in weak.values()) >= 2  # and what this machine did
