"""(i) a whole participation in a real Chromium, on a desk and on a phone."""

import os
import shutil
from pathlib import Path

import pytest
import yaml
from sqlalchemy import select

from study import builder, lifecycle, stimuli
from study.load import free_port, start_server
from study.models import Participant, Vote
from tests.study.tiny import SMALL, configuration, make_sources

sync_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
SIZES = {"desk": (1280, 800), "phone": (390, 844)}
SECONDS = 3.0
SHOTS = os.environ.get("STUDY_SCREENSHOTS")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """A study with three-second clips behind a real server: (place, address)."""
    folder = tmp_path_factory.mktemp("browser")
    smooth = SMALL.model_copy(update={"width": 240, "height": 240, "fps": 25})
    trials = {"per_participant": 2, "training": 1}
    trials["catch"] = {"identical": 0, "shifted": 0, "repeated": 0, "items": 1}
    config = configuration(
        stimuli=smooth.model_dump(), trials=trials, recruitment={"codes": {"finished": "CODE-7"}}
    )
    raw = config.model_dump(mode="json", exclude_none=True)
    (folder / "study.yaml").write_text(yaml.safe_dump(raw, allow_unicode=True))
    manifest = stimuli.read(make_sources(folder / "sources", SECONDS))
    index = builder.build(config, manifest, folder / "stimuli")
    place = lifecycle.open_study(folder, config, index)
    port = free_port()
    server = start_server(folder, port)
    yield place, f"http://127.0.0.1:{port}"
    server.terminate()
    server.wait(timeout=30)
    place.store.close()


@pytest.fixture(scope="module")
def browser():
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt install chromium)")
    with sync_api.sync_playwright() as playwright:
        flags = ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield chromium
        chromium.close()


def shot(page, name: str) -> None:
    """Keep a picture for people to look at, when they ask for it."""
    if SHOTS:
        Path(SHOTS).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"))


def challenge(place) -> str:
    with place.store.read() as session:
        newest = select(Participant.challenge).order_by(Participant.id.desc()).limit(1)
        return session.scalar(newest) or ""


def admit(page, place, size: str) -> None:
    """Consent and sound check."""
    page.get_by_role("heading", name="Which one?").wait_for()
    shot(page, f"{size}-1-consent")
    begin = page.get_by_role("button", name="Begin")
    assert begin.is_disabled()
    page.get_by_role("checkbox").check()
    begin.click()
    page.get_by_role("button", name="Play the digits").click()
    page.get_by_role("button", name="Play them again").wait_for()
    page.locator("#digits").fill(challenge(place))
    shot(page, f"{size}-2-sound")
    page.get_by_role("button", name="Check", exact=True).click()
    page.locator(".trial.ready").wait_for()


def watch(page, size: str, name: str) -> None:
    """Play both to the end; nothing can be answered before."""
    choices = page.locator(".choice")
    assert all(choices.nth(n).is_disabled() for n in range(choices.count()))
    assert page.locator(".send").is_disabled()
    page.keyboard.press("1")
    assert page.locator('[aria-checked="true"].choice').count() == 0
    page.keyboard.press(" ")
    page.locator(".trial.playing").wait_for()
    page.wait_for_timeout(1000)
    shot(page, f"{size}-{name}-playing")
    page.locator(".trial.watched").wait_for(timeout=60_000)
    page.wait_for_timeout(200)


def answer(page, keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


@pytest.mark.parametrize("size", SIZES)
def test_a_participation(served, browser, size):
    place, address = served
    width, height = SIZES[size]
    context = browser.new_context(
        viewport={"width": width, "height": height}, locale="en-US", has_touch=size == "phone"
    )
    page = context.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(address)
    admit(page, place, size)

    watch(page, size, "3-practice")
    answer(page, "11111")
    page.keyboard.press("Enter")
    page.locator(".feedback").wait_for()
    shot(page, f"{size}-4-feedback")
    page.get_by_role("button", name="Next pair").click()

    page.locator(".trial.ready:not(.training)").wait_for()
    assert page.locator(".count").inner_text() == "Pair 2 of 3"
    page.reload()
    page.locator(".trial.ready:not(.training)").wait_for()
    assert page.locator(".count").inner_text() == "Pair 2 of 3"
    shot(page, f"{size}-5-pair")
    watch(page, size, "6")
    answer(page, "130")
    shot(page, f"{size}-7-answering")
    answer(page, "22")
    shot(page, f"{size}-8-complete")
    fits = page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert fits, "the page scrolls sideways"
    page.locator(".send").click()

    page.get_by_text("Pair 3 of 3").wait_for()
    page.locator(".trial.ready").wait_for()
    watch(page, size, "9")
    answer(page, "22222")
    page.keyboard.press("Enter")
    page.get_by_text("CODE-7").wait_for()
    shot(page, f"{size}-10-thanks")
    assert problems == []
    context.close()

    with place.store.read() as session:
        person = session.scalars(select(Participant).order_by(Participant.id.desc())).first()
        votes = session.scalars(
            select(Vote).where(Vote.participant_id == person.id).order_by(Vote.id)
        ).all()
    assert [vote.record["position"] for vote in votes] == [0, 1, 2]
    assert list(votes[1].record["choices"].values()) == ["left", "right", "cannot", "same", "same"]
    for vote in votes:
        assert vote.record["playback"]["drift_samples"] > 10
        assert vote.record["playback"]["drift_p95_ms"] < 80


def test_chinese_and_withdrawal(served, browser):
    place, address = served
    page = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN").new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(address)
    page.get_by_role("heading", name="哪一个？").wait_for()
    shot(page, "phone-zh-consent")
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="开始").click()
    page.get_by_role("button", name="播放数字").wait_for()
    page.get_by_role("button", name="退出研究").click()
    shot(page, "phone-zh-ask")
    assert problems == []
    page.get_by_role("button", name="删除我的回答").click()
    page.get_by_text("您的回答已删除").wait_for()
    shot(page, "phone-zh-withdrawn")
    with place.store.read() as session:
        assert "zh" not in [row.locale for row in session.scalars(select(Participant))]
