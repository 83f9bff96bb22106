"""The live page in a real Chromium, driven as a visitor would."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from flowact.errors import UserError

FLAGS: Final = (
    *("--no-sandbox", "--disable-gpu", "--mute-audio", "--disable-background-networking"),
    *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
    *("--autoplay-policy=no-user-gesture-required", "--enable-precise-memory-info"),
    "--js-flags=--expose-gc",
)
PATIENCE_MS: Final = 120_000
_PROGRAMS: Final = ("chromium", "chromium-browser", "google-chrome")
_WATCH: Final = """
    window.paints = [];
    flowactSession.addEventListener("painted", ({ detail: { header } }) =>
      paints.push({ at: performance.now(), epoch: header.epoch, flags: header.flags }));
"""


@contextlib.contextmanager
def chromium(microphone: Path | None = None) -> Iterator[Any]:
    """Start Chromium; `microphone` is a WAV file that its microphone hears over and over.

    Raises:
        UserError: there is no Chromium, or no playwright to drive it.
    """
    program = next(filter(None, map(shutil.which, _PROGRAMS)), None)
    if program is None:
        raise UserError("There is no Chromium on this machine; on Debian: apt install chromium.")
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError as error:
        raise UserError("The browser is driven by playwright: pip install playwright.") from error
    heard = [f"--use-file-for-fake-audio-capture={microphone}"] if microphone else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS, *heard])
        try:
            yield browser
        finally:
            browser.close()


class Visitor:
    """One open live page.

    Args:
        browser: from `chromium`.
        address: of the page, with a query if wanted.
        script: JavaScript that runs before the page's own, to take something away from it.
    """

    def __init__(self, browser: Any, address: str, script: str = "") -> None:
        self._context = browser.new_context(viewport={"width": 1280, "height": 800})
        self.page = self._context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        if script:
            self.page.add_init_script(script)
        self.page.goto(address, wait_until="domcontentloaded")
        self.wait(
            "window.flowactTicket && document.querySelector('[data-part=board]:not([inert])')"
        )

    def start(self) -> None:
        """Press Start."""
        self.page.click("[data-part=start]")

    def end(self) -> None:
        """Press End."""
        self.page.click("[data-part=end]")

    def tab(self, name: str) -> None:
        """Turn to one of the tabs: talk, say, act, more."""
        self.page.click(f"[data-tab={name}]")

    def say(self, text: str) -> None:
        """Type a sentence and press Enter."""
        self.tab("say")
        self.page.fill("[data-part=text]", text)
        self.page.press("[data-part=text]", "Enter")

    def sample(self) -> None:
        """Press the button of the first sample."""
        self.tab("say")
        self.page.click("[data-sample]")

    def upload(self, recording: Path) -> None:
        """Choose a recording."""
        self.page.set_input_files("[data-part=recording]", recording)

    def microphone(self, mode: str) -> None:
        """Choose what the microphone is for, and wait until it is."""
        self.tab("talk")
        self.page.locator(f"label:has([name=flowact-microphone][value={mode}])").click()
        self.wait(f"flowactSession.mic.mode === '{mode}'")

    def interrupt(self) -> None:
        """Press Escape."""
        self.page.keyboard.press("Escape")

    def summary(self) -> dict[str, Any]:
        """Return what the page has measured of the running session."""
        found: dict[str, Any] = self.page.evaluate("flowactSession.summary()")
        return found

    def stage(self, name: str) -> dict[str, float] | None:
        """Return median, 95th percentile and number of one of its delays."""
        found: dict[str, float] | None = self.summary()["stages"].get(name)
        return found

    def wait_painted(self, frames: int) -> None:
        """Wait until so many generated frames have been seen."""
        self.wait(f"(window.flowactSession?.figures.painted ?? 0) >= {frames}")

    def wait_stage(self, name: str, count: int = 1) -> None:
        """Wait until a delay has been measured so often."""
        self.wait(f"(window.flowactSession?.figures.series['{name}']?.length ?? 0) >= {count}")

    def wait(self, condition: str) -> None:
        """Wait for a JavaScript condition."""
        self.page.wait_for_function(f"() => {condition}")

    def watch(self) -> None:
        """Note every painted frame from now on."""
        self.page.evaluate(_WATCH)

    def paints(self) -> list[dict[str, float]]:
        """Return what was noted: when (ms), of which epoch, with which flags."""
        found: list[dict[str, float]] = self.page.evaluate("window.paints")
        return found

    def offsets(self, last: int) -> list[float]:
        """Return the newest differences between picture and sound, in ms."""
        found: list[float] = self.page.evaluate(
            f"flowactSession.figures.series['A/V offset'].slice(-{last})"
        )
        return found

    def text(self, part: str) -> str:
        """Return what a part of the page says."""
        found: str = self.page.inner_text(f"[data-part={part}]")
        return found

    def close(self) -> None:
        """Leave the page."""
        with contextlib.suppress(Exception):  # a page that crashed cannot be asked to stop
            self.page.evaluate("window.flowactSession?.stop()")
        self._context.close()


@contextlib.contextmanager
def visiting(browser: Any, address: str, script: str = "") -> Iterator[Visitor]:
    """Open the live page for as long as the block lasts."""
    visitor = Visitor(browser, address, script)
    try:
        yield visitor
    finally:
        visitor.close()
