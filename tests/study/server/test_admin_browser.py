"""The operators' page in a real Chromium: sign in, watch, exclude, close, read the results, take them out."""

import dataclasses
import random

import pytest

from study.analysis.dataset import read
from study.analysis.verify import verify
from study.checks.simulated_participant import SimulatedParticipant
from study.server import admin_auth
from tests.study.chromium import fits, served, shot, visit
from tests.study.tiny import SYSTEMS, TO_ANSWER, Clock, api_client

WORD = "correct horse battery"
PEOPLE = 8


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A study in which people have voted, each with a mind of their own: (place, address)."""

    def fill(context) -> None:
        earlier = dataclasses.replace(context, clock=Clock())
        dice = random.Random(3)

        def undecided(_served, _dimension: str) -> str:
            return dice.choice(("left", "same", "right"))

        def pass_time(seconds: float) -> None:
            earlier.clock.pass_time(seconds + TO_ANSWER)

        for _ in range(PEOPLE):
            client = api_client(earlier)
            person = SimulatedParticipant(client, earlier, undecided, pass_time)
            person.admit()
            for _served in person.trials():
                pass

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(admin_auth.PASSWORD, WORD)
        with served(tmp_path_factory.mktemp("admin"), 1.0, fill) as found:
            yield found


def sign_in(page, address: str, size: str) -> None:
    page.goto(f"{address}/admin/")
    shot(page, f"admin-{size}-1-login")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("That is not the password.").wait_for()
    page.get_by_label("Password").fill(WORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("heading", name="tiny").wait_for()


def show(page, tab: str) -> None:
    page.get_by_role("tab", name=tab).click()


def no_system_is_named(page) -> bool:
    return not any(name in page.content() for name in SYSTEMS)


@pytest.mark.parametrize("size", ["phone", "desk"])
def test_an_operator_watches_without_learning_who_is_ahead(running, browser, size):
    context, address = running
    page, problems = visit(browser, size)
    sign_in(page, address, size)
    page.get_by_text("Comparison A").first.wait_for()
    shot(page, f"admin-{size}-2-now")
    assert fits(page), "the page scrolls sideways"
    show(page, "Participants")
    page.get_by_text(read(context).people[0].code).wait_for()
    shot(page, f"admin-{size}-3-participants")
    show(page, "Plan")
    page.get_by_role("button", name="Estimate").click()
    page.get_by_text("Votes on the smallest comparison so far").wait_for()
    shot(page, f"admin-{size}-4-plan")
    show(page, "Results")
    page.get_by_role("button", name="Compute").click()
    page.get_by_text("Results by system stay hidden").wait_for()
    shot(page, f"admin-{size}-5-hidden")
    show(page, "Exports")
    shot(page, f"admin-{size}-6-exports")
    assert no_system_is_named(page)
    assert problems == []
    page.context.close()


def test_an_operator_excludes_closes_and_takes_the_results_out(running, browser, tmp_path):
    context, address = running
    page, problems = visit(browser, "desk")
    sign_in(page, address, "desk")
    page.get_by_role("button", name="Pause").click()
    page.locator(".state.paused").wait_for()
    page.get_by_role("button", name="Resume").click()
    page.locator(".state.open").wait_for()
    page.get_by_role("button", name="Close for good").click()
    page.get_by_text("Type CLOSE to close the study").wait_for()

    show(page, "Participants")
    page.get_by_placeholder("p-…").fill(read(context).people[1].code)
    page.get_by_placeholder("reason, as it will be published").fill("asked to be left out")
    page.get_by_role("button", name="Exclude").click()
    page.get_by_role("cell", name="asked to be left out").wait_for()

    show(page, "Now")
    page.get_by_placeholder("type CLOSE").fill("CLOSE")
    page.get_by_role("button", name="Close for good").click()
    page.locator(".state.closed").wait_for()
    show(page, "Results")
    page.get_by_role("button", name="Compute").click()
    page.get_by_role("cell", name=SYSTEMS[1]).first.wait_for()
    shot(page, "admin-desk-7-results")
    page.get_by_text("Strengths (Davidson)").scroll_into_view_if_needed()
    shot(page, "admin-desk-8-results")
    page.set_viewport_size({"width": 390, "height": 844})
    shot(page, "admin-phone-7-results")
    page.set_viewport_size({"width": 1280, "height": 800})

    show(page, "Exports")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="bundle.zip").click()
    waiting.value.save_as(tmp_path / "bundle.zip")
    assert [outcome for outcome in verify(tmp_path / "bundle.zip") if outcome.problem] == []
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("Password").wait_for()
    assert problems == []
    page.context.close()
