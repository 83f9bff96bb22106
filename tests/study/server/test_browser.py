"""A whole participation in a real Chromium, on a desk and on a phone."""

from dataclasses import dataclass

import pytest
from sqlalchemy import select

from study.checks import audit
from study.checks.simulated_participant import HttpReply
from study.database.models import Participant, Vote
from study.design import stimuli
from study.design.translations import texts
from tests.study.chromium import SHOTS, fits, served, shot, visit

SECONDS = 1.0
CASES = [("desk", "en"), ("phone", "en"), ("phone", "zh")]
TITLE = {"en": "Which one?", "zh": "哪一个？"}


@dataclass(frozen=True)
class Received:
    """A reply as the browser got it, in the form of `study.checks.simulated_participant.HttpReply`."""

    status_code: int
    headers: dict[str, str]
    content: bytes


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A study behind a real server: (place, address)."""
    trials = {"per_participant": 2, "training": 1}
    trials["catch"] = {"identical": 0, "shifted": 0, "repeated": 0, "items": 1}
    codes = {"finished": "CODE-7"}
    folder = tmp_path_factory.mktemp("browser")
    with served(folder, SECONDS, trials=trials, recruitment={"codes": codes}) as found:
        yield found


def challenge(context) -> str:
    with context.store.read() as session:
        newest = select(Participant.challenge).order_by(Participant.id.desc()).limit(1)
        return session.scalar(newest) or ""


def admit(page, context, locale: str, size: str) -> None:
    """Consent and sound check."""
    words = texts(locale)
    page.get_by_role("heading", name=TITLE[locale]).wait_for()
    shot(page, f"{size}-{locale}-1-consent")
    begin = page.get_by_role("button", name=words["page"]["begin"])
    assert begin.is_disabled()
    page.get_by_role("checkbox").check()
    begin.click()
    page.get_by_role("button", name=words["sound"]["play"]).click()
    page.get_by_role("button", name=words["sound"]["again"]).wait_for()
    page.locator("#digits").fill(challenge(context))
    shot(page, f"{size}-{locale}-2-sound")
    page.get_by_role("button", name=words["sound"]["submit"], exact=True).click()
    page.locator(".trial.ready").wait_for()


def watch(page, name: str) -> None:
    """Play both to the end; nothing can be answered before."""
    choices = page.locator(".choice")
    assert all(choices.nth(n).is_disabled() for n in range(choices.count()))
    assert page.locator(".send").is_disabled()
    page.keyboard.press("1")
    assert page.locator('[aria-checked="true"].choice').count() == 0
    page.keyboard.press(" ")
    if SHOTS:
        page.locator(".trial.playing").wait_for()
        page.wait_for_timeout(400)
        shot(page, f"{name}-playing")
    watched(page)


def watched(page) -> None:
    """Wait for the end of both clips; that they play is too short to be seen for certain on a busy machine."""
    page.locator(".trial.watched").wait_for()


def answer(page, keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def position(page, words, number: int) -> None:
    """Wait for the pair with this number (from 1) to be ready."""
    page.get_by_text(words["page"]["pair"].format(n=number, total=2), exact=True).wait_for()
    page.locator(".trial.ready").wait_for()


@pytest.mark.parametrize(("size", "locale"), CASES)
def test_a_participation(running, browser, size, locale):
    context, address = running
    name, words = f"{size}-{locale}", texts(locale)
    page, problems = visit(browser, size, {"en": "en-US", "zh": "zh-CN"}[locale])
    page.goto(address)
    admit(page, context, locale, size)

    watch(page, f"{name}-3-practice")
    answer(page, "11111")
    page.keyboard.press("Enter")
    page.locator(".feedback").wait_for()
    shot(page, f"{name}-4-feedback")
    page.get_by_role("button", name=words["training"]["next"]).click()

    position(page, words, 1)
    page.reload()
    position(page, words, 1)
    shot(page, f"{name}-5-pair")
    watch(page, f"{name}-6")
    answer(page, "130")
    shot(page, f"{name}-7-answering")
    answer(page, "22")
    shot(page, f"{name}-8-complete")
    assert fits(page), "the page scrolls sideways"
    page.locator(".send").click()

    position(page, words, 2)
    watch(page, f"{name}-9")
    answer(page, "22222")
    page.keyboard.press("Enter")
    page.get_by_text("CODE-7").wait_for()
    shot(page, f"{name}-10-thanks")
    assert problems == []
    page.context.close()

    with context.store.read() as session:
        person = session.scalars(select(Participant).order_by(Participant.id.desc())).first()
        votes = session.scalars(
            select(Vote).where(Vote.participant_id == person.id).order_by(Vote.id)
        ).all()
    assert (person.locale, person.state) == (locale, "finished")
    assert [vote.record["position"] for vote in votes] == [0, 1, 2]
    assert list(votes[1].record["choices"].values()) == ["left", "right", "cannot", "same", "same"]
    for vote in votes:
        assert vote.record["playback"]["plays"] == 1
        assert vote.record["playback"]["heard"] == "left"


ALONE = """async () => {
  const { PairPlayer } = await import('/page/player.js');
  const [left, right] = ['video', 'video'].map((name) => document.createElement(name));
  const player = new PairPlayer(left, right);
  player.hear('left');
  const corrected = (lead) => { player.correct(lead); return [left.playbackRate, right.playbackRate] };
  const rates = [corrected(0.005), corrected(0.1), corrected(-0.02), corrected(0)];
  [left.currentTime, right.currentTime] = [0.3, 0.2];
  player.playing = true;
  player.keepTogether();
  player.playing = false;
  const { drift_samples: samples, drift_p95_ms: drift } = player.report();
  return { rates, samples, drift, after: right.playbackRate };
}"""
"""The part of the page that plays both clips, without clips: its figures do not depend on the machine."""


def test_only_the_silent_side_is_hurried_or_held_until_both_are_together(running, browser):
    """`lead` is how far the heard side is ahead, in seconds."""
    _, address = running
    page, problems = visit(browser, "desk")
    page.goto(address)
    page.get_by_role("heading", name=TITLE["en"]).wait_for()
    seen = page.evaluate(ALONE)
    assert seen["rates"] == [[1, 1], [1, 1.15], [1, pytest.approx(0.92)], [1, 1]]
    assert (seen["samples"], seen["drift"], seen["after"]) == (1, pytest.approx(100), 1.15)
    assert problems == []
    page.context.close()


def test_withdrawing_on_the_page_erases(running, browser):
    context, address = running
    words = texts("zh")["withdraw"]
    page, problems = visit(browser, "phone", "zh-CN")
    page.goto(address)
    page.get_by_role("heading", name=TITLE["zh"]).wait_for()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name=texts("zh")["page"]["begin"]).click()
    page.get_by_role("button", name=texts("zh")["sound"]["play"]).wait_for()
    with context.store.read() as session:
        before = set(session.scalars(select(Participant.code)))
    page.get_by_role("button", name=texts("zh")["page"]["withdraw"]).click()
    shot(page, "phone-zh-11-ask")
    page.get_by_role("button", name=words["confirm"]).click()
    page.get_by_text(words["done_title"]).wait_for()
    shot(page, "phone-zh-12-withdrawn")
    assert problems == []
    page.context.close()
    with context.store.read() as session:
        assert len(before - set(session.scalars(select(Participant.code)))) == 1


def test_nothing_that_the_browser_loads_names_a_system_and_all_of_it_is_ours(running, browser):
    """With the real page: every byte of every file and reply that Chromium asks for."""
    context, address = running
    page, _ = visit(browser, "desk")
    loaded: list[tuple[str, HttpReply]] = []

    def keep(route) -> None:
        reply = route.fetch()
        path = reply.url.removeprefix(address).lstrip("/")
        loaded.append((path, Received(reply.status, reply.headers, reply.body())))
        route.fulfill(response=reply)

    page.route("**/*", keep)
    page.goto(address)
    admit(page, context, "en", "loaded")
    page.context.close()

    names = stimuli.read(context.directory / "sources" / "manifest.csv").secrets()
    paths = [path for path, _ in loaded]
    assert {"page/main.js", "page/options", "api/next"} <= set(paths)
    assert sum(path.startswith("media/") for path in paths) == 2
    assert [path for path in paths if path.startswith("http")] == []
    assert audit.leaks(loaded, names) == ""
