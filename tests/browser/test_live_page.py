"""The live page in a real Chromium, with tiny weights and a real worker.

How fast it is, `flowact bench --live` measures; here nothing depends on the speed of the machine.
"""

from __future__ import annotations

import pytest
from PIL import Image

from flowact.bench.server import is_running
from flowact.bench.wire import wired
from flowact.commands.verify import verify

VOICE = "asked to first frame with voice"
NO_SOCKET = "delete window.WebSocket; window.WebSocket = class { constructor() { throw 0; } };"
NO_DECODER = "delete window.VideoDecoder;"
NO_WORKLET = "delete AudioContext.prototype.__proto__.audioWorklet;"
CAN_BE_HIDDEN = """
    let away = false;
    window.hide = (yes) => { away = yes; };
    Object.defineProperty(document, "hidden", { get: () => away });
    const request = window.requestAnimationFrame.bind(window);
    window.requestAnimationFrame = (act) => request((at) => (away ? requestAnimationFrame(act) : act(at)));
"""
"""What a browser does with a tab that is not seen; a headless one cannot put a tab away."""
FAR_APART_MS = 250
COUNTS = """
    window.packets = 0;
    window.tracks = [];
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (message) {
      if (typeof message !== "string") window.packets++;
      return send.call(this, message);
    };
    const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = async (wanted) => {
      await window.permission;
      const stream = await open(wanted);
      window.tracks.push(...stream.getTracks());
      return stream;
    };
"""
"""Counts what the microphone sends, and lets permission be late."""


def wait_in_sync(visitor) -> None:
    """Wait until most of twenty frames in a row were painted close to their sound."""
    recent = "flowactSession.figures.series['A/V offset'].slice(-20)"
    visitor.wait(f"{recent}.filter((ms) => Math.abs(ms) < {FAR_APART_MS}).length > 10")


@pytest.mark.parametrize(
    ("script", "query", "transport", "codec"),
    [
        ("", "", "websocket", "h264"),
        ("", "?codec=jpeg", "websocket", "jpeg"),
        (NO_DECODER, "", "websocket", "jpeg"),
        (NO_SOCKET, "", "http", "h264"),
        (NO_WORKLET, "", "websocket", "h264"),
    ],
    ids=["usual", "jpeg", "no WebCodecs", "no WebSocket", "no AudioWorklet"],
)
def test_the_picture_moves_by_every_way_that_a_browser_may_need(
    visit, script, query, transport, codec
):
    visitor = visit(script, query)
    visitor.wait_painted(24)
    figures = visitor.summary()
    assert (figures["transport"], figures["codec"]) == (transport, codec)
    wait_in_sync(visitor)
    assert visitor.text("status") == "live"


FIGURES = """async () => {
    const { Figures } = await import(new URL("live/static/figures.js", location.href));
    const waits = (act) => {
      const figures = new Figures();
      const paint = (epoch, mediaMs) => figures.paintedFrame({ epoch, mediaMs, madeMs: 0, startedMs: 0 }, mediaMs);
      figures.asked();
      figures.voiceBegins({ epoch: 1, mediaMs: 1000 });
      act(figures, paint);
      return figures.series["asked to first frame with voice"]?.length ?? 0;
    };
    return {
      early: waits((_, paint) => { paint(0, 900); paint(1, 960); }),
      usual: waits((_, paint) => { paint(1, 1000); paint(1, 1040); }),
      late: waits((_, paint) => paint(1, 5000)),
      next: waits((_, paint) => paint(2, 1900)),
      begunAnew: waits((figures, paint) => { figures.flushed(1); paint(1, 40); }),
      interrupted: waits((figures, paint) => { figures.flushed(2); paint(2, 5000); }),
    };
}"""
"""A voice of the epoch 1 begins at 1000 ms of media time: how often its wait is noted."""
WORKLET = """async () => {
    window.AudioWorkletProcessor = class { port = { postMessage() {} }; };
    let Speaker;
    Object.assign(window, { sampleRate: 16000, currentTime: 0, registerProcessor: (_, made) => { Speaker = made; } });
    await import(new URL("live/static/speaker-worklet.js", location.href));
    const speaker = new Speaker(), output = new Float32Array(128);
    const late = (chunk) => (chunk === 4 ? 0.25 : 0.01 * (chunk % 3));
    const arrivals = Array.from({ length: 90 }, (_, n) => {
      const chunk = Math.floor(n / 3);
      return 0.48 * chunk + late(chunk) + 0.06 * (n % 3);
    });
    let inHand = Infinity, underruns = 0;
    for (; currentTime < 14; window.currentTime += 128 / 16000) {
      while (arrivals[0] <= currentTime) {
        if (currentTime > 11) inHand = Math.min(inHand, speaker.seconds());
        speaker.push({ samples: new Float32Array(2560), mediaMs: 0, speaking: true, live: true });
        arrivals.shift();
      }
      speaker.process([], [[output]]);
      if (currentTime < 4) underruns = speaker.underruns;
    }
    return [inHand, speaker.underruns - underruns];
}"""
"""A microphone's sound comes in chunks, one of them late: what is in hand long after that, and how often it ran dry."""


def test_a_wait_is_noted_whatever_the_browser_leaves_out_and_one_late_chunk_does_not_last(visit):
    visitor = visit(start=False)
    assert visitor.page.evaluate(FIGURES) == {
        "early": 0,
        "usual": 1,
        "late": 1,
        "next": 1,
        "begunAnew": 1,
        "interrupted": 0,
    }
    in_hand, ran_dry = visitor.page.evaluate(WORKLET)
    assert in_hand < 0.06 and ran_dry == 0


def test_typed_text_is_spoken_and_escape_ends_it(visit):
    visitor = visit(start=False)
    visitor.say("Hello. This is a sentence that takes a while, so that it can be interrupted.")
    visitor.wait_stage(VOICE)
    plan = visitor.page.text_content("[data-part=plan]")
    assert "waving" in plan, "the text greets"
    visitor.interrupt()
    visitor.wait_stage("interrupt to silence")
    visitor.wait_painted(visitor.summary()["frames_painted"] + 12)
    wait_in_sync(visitor)


def test_a_puppet_says_what_the_microphone_hears_and_shows_the_delay(visit):
    visitor = visit()
    visitor.wait_painted(12)
    visitor.microphone("puppet")
    visitor.wait_stage("microphone to lips", 12)
    visitor.wait(
        "document.querySelector('[data-part=meter]').textContent.includes('arrives after')"
    )
    visitor.microphone("conversation")
    visitor.wait(
        "document.querySelector('[data-part=notice]').textContent.includes('cannot answer')"
    )


SHOWN = "document.querySelector('[name=flowact-microphone]:checked').value"


def is_silent(visitor) -> bool:
    """Whether every track has ended and nothing more is sent, while the page says Off."""
    visitor.wait(f"{SHOWN} === 'off' && tracks.every((track) => track.readyState === 'ended')")
    sent = visitor.page.evaluate("packets")
    visitor.page.wait_for_timeout(600)
    return visitor.page.evaluate("packets") == sent


@pytest.mark.parametrize(
    "ends",
    [
        lambda visitor: visitor.interrupt(),
        lambda visitor: visitor.page.click("[data-part=interrupt]"),
        lambda visitor: visitor.say("Something else now."),
        lambda visitor: visitor.sample(),
        lambda visitor: visitor.end(),
        lambda visitor: visitor.microphone("off"),
        lambda visitor: visitor.page.evaluate(
            "tracks[0].stop(), tracks[0].dispatchEvent(new Event('ended'))"
        ),
        lambda visitor: visitor.page.evaluate("flowactSession.mic.told('off', 'so it is')"),
    ],
    ids=["Escape", "Stop", "text", "sample", "End", "Off", "unplugged", "server"],
)
def test_what_the_page_says_of_the_microphone_is_what_the_track_does(visit, ends):
    visitor = visit(COUNTS)
    visitor.wait_painted(4)
    visitor.microphone("puppet")
    visitor.wait("packets > 5")
    assert visitor.page.evaluate(SHOWN) == "puppet"
    ends(visitor)
    assert is_silent(visitor)


def test_permission_that_comes_after_the_visitor_has_left_opens_nothing(visit):
    visitor = visit(
        COUNTS + "window.permission = new Promise((give) => { window.permit = give; });"
    )
    visitor.wait_painted(4)
    visitor.page.click("[data-part=talk]")
    assert visitor.page.evaluate(SHOWN) == "off", "until there is a track"
    visitor.end()
    visitor.page.evaluate("permit()")
    visitor.wait("tracks.length")
    assert is_silent(visitor)


def test_another_person_goes_on_with_the_microphone_and_says_so(visit):
    visitor = visit(COUNTS)
    visitor.wait_painted(4)
    visitor.microphone("puppet")
    visitor.page.click("[data-character]")
    # The notice fades after some seconds, which opening a microphone may take on a busy machine.
    assert "goes on with your microphone" in visitor.text("notice")
    visitor.wait(
        "tracks.length === 2 && tracks[1].readyState === 'live' && flowactSession.painting"
    )
    visitor.wait(f"{SHOWN} === 'puppet'")


def test_what_went_wrong_is_gone_when_something_works(visit):
    visitor = visit()
    visitor.wait_painted(4)
    visitor.page.evaluate("flowactSession.send({ type: 'sound.play', sound_id: 'nothing' })")
    visitor.wait("!document.querySelector('[data-part=notice]').hidden")
    visitor.sample()
    visitor.wait("document.querySelector('[data-part=notice]').hidden")


def test_an_action_is_done_and_explained(visit):
    visitor = visit()
    visitor.wait_painted(4)
    visitor.tab("act")
    visitor.page.click("[data-action=nod]")
    visitor.page.click("text=What it chose, and why")
    visitor.wait("document.querySelector('[data-part=plan]').textContent.includes('you asked for')")
    assert visitor.text("doing") == "nodding"


def test_a_cut_network_is_mended_and_what_was_asked_meanwhile_is_done(visit, server):
    with wired(server.port) as wire:
        visitor = visit(address=wire.address)
        visitor.wait_painted(12)
        session = visitor.page.evaluate("flowactSession.id")
        wire.cut()
        visitor.wait(
            "document.querySelector('[data-part=status]').textContent.includes('reconnecting')"
        )
        visitor.sample()
        visitor.page.wait_for_timeout(5_000)
        painted = visitor.summary()["frames_painted"]
        wire.mend()
        visitor.wait_painted(painted + 25)
        wait_in_sync(visitor)
        visitor.wait_stage(VOICE)
        assert visitor.text("status") == "live"
        assert server.health()["sessions"] == 1
        assert session and session == visitor.page.evaluate("flowactSession.id")
        visitor.close()


def test_a_tab_that_was_away_is_in_sync_when_it_comes_back(visit):
    visitor = visit(CAN_BE_HIDDEN)
    visitor.wait_painted(12)
    visitor.page.evaluate("hide(true)")
    visitor.page.wait_for_timeout(6_000)
    waiting = visitor.page.evaluate("flowactSession.painter.waiting.length")
    visitor.page.evaluate("hide(false)")
    visitor.wait_painted(visitor.summary()["frames_painted"] + 25)
    wait_in_sync(visitor)
    assert waiting < 50


def test_two_see_their_own_person_and_a_third_is_told_its_place(visit):
    first, second = visit(), visit()
    for visitor in (first, second):
        visitor.wait_painted(8)
        visitor.watch()
    third = visit()
    third.wait("document.querySelector('[data-part=status]').textContent.includes('number 1')")
    first.sample()
    first.wait_stage(VOICE)
    second.wait("paints.length > 12")
    assert not any(int(paint["flags"]) & 4 for paint in second.paints())
    first.end()
    third.wait_painted(4)


def test_a_killed_worker_is_replaced_and_nothing_is_left_of_it(visit, server):
    visitor = visit()
    visitor.wait_painted(12)
    visitor.sample()
    visitor.wait_stage(VOICE)
    victim = server.kill_worker()
    visitor.wait(
        "document.querySelector('[data-part=notice]').textContent.includes('started again')"
    )
    visitor.wait_painted(visitor.summary()["frames_painted"] + 25)
    visitor.say("I am back.")
    visitor.wait_stage(VOICE, 2)
    assert not is_running(victim)


def test_a_picture_of_ones_own_needs_consent(visit, tmp_path):
    visitor = visit(start=False)
    picture = tmp_path / "wall.png"
    Image.new("RGB", (600, 500), "#b0a090").save(picture)
    visitor.tab("more")
    visitor.page.click("text=Bring a picture of your own")
    assert visitor.page.is_disabled("[data-part=picture]")
    visitor.page.check("[data-part=consent]")
    visitor.page.set_input_files("[data-part=picture]", picture)
    visitor.wait_painted(8)
    assert visitor.page.evaluate("flowactSession.options.picture")
    assert visitor.text("notice").startswith("No face was found")
    ringed = visitor.page.locator('[data-character][aria-pressed="true"]')
    assert ringed.count() == 0
    visitor.page.click("[data-part=end]")
    assert ringed.get_attribute("data-character") == "mira"


def test_the_last_minutes_are_saved_with_their_marks(visit, tmp_path):
    visitor = visit()
    visitor.wait_painted(30)
    visitor.tab("more")
    visitor.page.click("text=Save the last minutes")
    with visitor.page.expect_download() as download:
        visitor.page.click("[data-part=keep]")
    download.value.save_as(tmp_path / "kept.mp4")
    verdict = verify(tmp_path / "kept.mp4")
    assert verdict.marked and '"ai_generated": true' in verdict.metadata["comment"]


def test_a_file_that_is_not_sound_is_refused_in_a_sentence(visit, tmp_path):
    visitor = visit()
    (tmp_path / "song.wav").write_text("this is not sound")
    visitor.upload(tmp_path / "song.wav")
    visitor.wait("document.querySelector('[data-part=notice]').dataset.kind === 'error'")
    assert visitor.text("notice").startswith("song.wav is not audio")
