"""Raters with every kind of trouble, in a real Chromium: no vote is lost without a word."""

import time

import pytest
from sqlalchemy import func, select

from study.checks.simulated_participant import SimulatedParticipant
from study.database.models import Vote
from study.design import builder
from study.design.sections import SoundCheck
from study.design.translations import texts
from study.voting import lifecycle
from tests.study.chromium import behind_a_server, served, shot, visit
from tests.study.server.test_browser import admit, answer, challenge, watch
from tests.study.tiny import api_client

WORDS = texts("en")
MAIN = 2  # pairs after the practice


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A study with clips of one second and two questions: (context, address)."""
    trials = {"per_participant": MAIN, "training": 1}
    trials["catch"] = {"identical": 0, "shifted": 0, "repeated": 0, "items": 1}
    dimensions = [{"id": "lip_sync"}, {"id": "overall"}]
    folder = tmp_path_factory.mktemp("raters")
    with served(folder, 1.0, trials=trials, dimensions=dimensions) as found:
        yield found


@pytest.fixture
def begun(running, browser):
    """A rater after the practice pair, which needs no browser, at the first pair that counts."""
    context, address = running
    person = SimulatedParticipant(api_client(context), context, lambda *_: "left", time.sleep)
    person.admit()
    person.post("vote", person.ballot(person.next()))
    page, problems = visit(browser, "desk")
    page.goto(f"{address}/#p={person.token}")
    ready(page, 1)
    yield page
    assert problems == []
    page.context.close()


def ready(page, number: int) -> None:
    words = WORDS["page"]["pair"].format(n=number, total=MAIN)
    page.get_by_text(words, exact=True).wait_for()
    page.locator(".trial.ready").wait_for()


def rate(page) -> None:
    watch(page, "raters")
    answer(page, "12")
    page.keyboard.press("Enter")


def stored(context) -> int:
    with context.store.read() as session:
        return session.scalar(select(func.count()).select_from(Vote)) or 0


def finish(page, context, before: int, number: int = 1) -> None:
    """Rate what is left; every pair of this rater has its vote at the end."""
    for left in range(number, MAIN + 1):
        ready(page, left)
        rate(page)
    page.get_by_text(WORDS["done"]["title"]).wait_for()
    assert stored(context) - before == MAIN


def test_a_reload_keeps_what_was_watched_and_answered(running, begun):
    context, _ = running
    before = stored(context)
    watch(begun, "reload")
    answer(begun, "1")
    begun.reload()
    ready(begun, 1)
    assert begun.locator('.choice[aria-checked="true"]').count() == 1
    answer(begun, "3")
    begun.keyboard.press("Enter")
    finish(begun, context, before, 2)


def test_back_and_forward_lead_to_the_same_pair(running, begun):
    context, _ = running
    before = stored(context)
    begun.goto("about:blank")
    begun.go_back()
    finish(begun, context, before)


def test_a_second_tab_says_why_and_loses_no_answer(running, begun):
    context, _ = running
    before = stored(context)
    watch(begun, "tabs")
    answer(begun, "12")
    other = begun.context.new_page()
    other.goto(begun.url)
    ready(other, 1)
    other.close()
    begun.keyboard.press("Enter")
    begun.get_by_text(WORDS["errors"]["unknown_trial"]).wait_for()
    ready(begun, 1)
    assert begun.locator('.choice[aria-checked="true"]').count() == 2
    begun.keyboard.press("Enter")
    finish(begun, context, before, 2)


def test_a_slow_connection_is_given_up_with_a_way_on(running, browser):
    """Bytes that never come, no connection, no video; the page's own patience is cut short so as not to wait."""
    context, address = running
    page, problems = visit(browser, "desk")

    def impatient(route) -> None:
        body = route.fetch().text()
        assert "PATIENCE = 20000" in body
        route.fulfill(
            body=body.replace("PATIENCE = 20000", "PATIENCE = 300"), content_type="text/javascript"
        )

    page.route("**/page/api.js", impatient)
    page.route("**/media/*", lambda route: None)
    page.goto(address)
    before = stored(context)
    consent_and_sound(page, context)
    page.get_by_text(WORDS["errors"]["slow"]).wait_for()
    page.evaluate("window.same = true")
    again = page.get_by_role("button", name=WORDS["errors"]["retry"])
    page.context.set_offline(True)
    again.click()
    page.get_by_text(WORDS["errors"]["network"]).wait_for()
    page.context.set_offline(False)
    page.unroute("**/media/*")
    page.route("**/media/*", lambda route: route.fulfill(body="no video"))
    again.click()
    page.get_by_text(WORDS["errors"]["media"]).wait_for()
    page.unroute("**/media/*")
    again.click()
    page.locator(".trial.ready").wait_for()
    assert page.evaluate("window.same"), "it was not loaded anew, which fails without a connection"
    assert (stored(context), problems) == (before, [])
    page.context.close()


def test_offline_every_button_answers_and_the_vote_arrives_later(running, begun):
    context, _ = running
    before = stored(context)
    watch(begun, "offline")
    answer(begun, "12")
    begun.context.set_offline(True)
    begun.keyboard.press("Enter")
    begun.get_by_text(WORDS["errors"]["network"]).wait_for()
    shot(begun, "desk-en-offline")
    begun.context.set_offline(False)
    finish(begun, context, before, 2)


def test_the_sound_check_says_when_it_cannot_reach_the_server(running, browser):
    _, address = running
    page, problems = visit(browser, "desk")
    page.goto(address)
    consent(page)
    page.get_by_role("button", name=WORDS["sound"]["play"]).wait_for()
    page.context.set_offline(True)
    page.get_by_role("button", name=WORDS["sound"]["play"]).click()
    page.get_by_text(WORDS["errors"]["network"]).wait_for()
    page.context.set_offline(False)
    assert problems == []
    page.context.close()


def test_a_weak_device_is_told_before_the_work(running, browser):
    """The page's own report of a machine that cannot keep both sides together."""
    context, address = running
    page, _ = visit(browser, "phone")

    def weaken(route) -> None:
        body = route.request.post_data_json
        body["playback"]["drift_p95_ms"] = 500
        route.continue_(post_data=body)

    page.route("**/api/vote", weaken)
    page.goto(address)
    admit(page, context, "en", "weak")
    rate(page)
    page.locator(".feedback .weak").wait_for()
    shot(page, "phone-en-weak")
    page.context.close()


def test_a_browser_that_refuses_to_play_is_told_what_to_do(running, begun):
    begun.evaluate(
        "() => { window.play = HTMLMediaElement.prototype.play;"
        "HTMLMediaElement.prototype.play = () => Promise.reject(new DOMException('', 'NotAllowedError')) }"
    )
    begun.locator(".play").click()
    begun.get_by_text(WORDS["trial"]["refused"]).wait_for()
    begun.evaluate("() => { HTMLMediaElement.prototype.play = window.play }")
    begun.locator(".play").click()
    begun.locator(".trial.watched").wait_for()


@pytest.mark.parametrize("key", ["Enter", " "])
def test_withdrawing_by_keyboard_erases_and_does_not_vote(running, begun, key):
    context, _ = running
    watch(begun, "withdraw")
    answer(begun, "12")
    before = stored(context)
    begun.get_by_role("button", name=WORDS["page"]["withdraw"]).click()
    begun.get_by_role("button", name=WORDS["withdraw"]["confirm"]).focus()
    begun.keyboard.press("1")
    begun.keyboard.press(key)
    begun.get_by_text(WORDS["withdraw"]["done_title"]).wait_for()
    assert stored(context) == before - 1  # the practice vote is erased


def test_answers_can_be_chosen_with_space_and_arrows(running, begun):
    watch(begun, "keys")
    first = begun.locator('[data-dimension="lip_sync"] .choice')
    first.nth(0).focus()
    begun.keyboard.press(" ")
    assert first.nth(0).get_attribute("aria-checked") == "true"
    assert not begun.locator(".trial.playing").count()
    begun.keyboard.press("ArrowRight")
    assert first.nth(1).get_attribute("aria-checked") == "true"


def test_a_phone_can_enlarge_the_pair(running, browser):
    context, address = running
    page, problems = visit(browser, "phone")
    page.goto(address)
    admit(page, context, "en", "enlarge")
    width = page.locator(".side.left").bounding_box()["width"]
    page.locator(".enlarge").click()
    shot(page, "phone-en-enlarged")
    assert page.locator(".side.left").bounding_box()["width"] > max(380, 1.3 * width)
    page.locator(".play").click()
    page.locator(".trial.watched").wait_for()
    page.locator(".enlarge").click()
    answer(page, "12")
    page.locator(".send").click()
    page.locator(".feedback").wait_for()
    assert problems == []
    page.context.close()


def test_headphones_are_asked_for_round_by_round(running, browser, tmp_path):
    context, _ = running
    rules = context.config.model_copy(update={"sound_check": SoundCheck(headphones=True)})
    index, url = builder.read_index(context.stimuli), f"sqlite:///{tmp_path}/headphones.db"
    strict = lifecycle.open_study(context.directory, rules, index, url=url)
    with behind_a_server(strict) as address:
        page, problems = visit(browser, "phone")
        page.goto(address)
        page.get_by_text(WORDS["consent"]["headphones"]).wait_for()
        consent_and_sound(page, strict)
        page.get_by_role("button", name=WORDS["headphones"]["play"]).click()
        page.locator(".noise:enabled").first.wait_for()
        shot(page, "phone-en-headphones")
        for mistakes in (6, 0):
            for heard in challenge(strict):
                page.locator(".noise:enabled").nth((int(heard) - 1 + bool(mistakes)) % 3).click()
            if mistakes:
                page.get_by_text(WORDS["headphones"]["wrong"]).wait_for()
                page.get_by_role("button", name=WORDS["headphones"]["play"]).click()
                page.locator(".noise:enabled").first.wait_for()
        page.locator(".trial.ready").wait_for()
        assert problems == []
        page.context.close()


def test_closed_means_closed_on_the_first_page(running, browser):
    context, address = running
    lifecycle.set_state(context.store, "paused", context.clock())
    page, _ = visit(browser, "phone")
    page.goto(address)
    page.get_by_text(WORDS["errors"]["study_paused"]).wait_for()
    assert page.get_by_role("checkbox").count() == 0
    lifecycle.set_state(context.store, "open", context.clock())
    page.context.close()


def consent(page) -> None:
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name=WORDS["page"]["begin"]).click()


def consent_and_sound(page, context) -> None:
    consent(page)
    page.get_by_role("button", name=WORDS["sound"]["play"]).click()
    page.get_by_role("button", name=WORDS["sound"]["again"]).wait_for()
    page.locator("#digits").fill(challenge(context))
    page.get_by_role("button", name=WORDS["sound"]["submit"], exact=True).click()
