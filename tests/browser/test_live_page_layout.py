"""How the live page looks in a real Chromium: sizes, themes, words on the picture, aids."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe

MARK_SHARE = 0.22
"""Of the picture's width, from its left edge to the end of "AI-generated"."""


@pytest.mark.parametrize("size", [(1280, 860), (390, 844)], ids=["desk", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(visit, server, size, scheme):
    axe = Axe()
    visitor = visit()
    visitor.page.set_viewport_size({"width": size[0], "height": size[1]})
    visitor.page.emulate_media(color_scheme=scheme)
    visitor.wait_painted(4)
    found = []
    for tab in ("talk", "say", "act", "more"):
        visitor.tab(tab)
        found += axe.run(visitor.page).response["violations"]
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    visitor.page.goto(f"{server.address}about")
    found += axe.run(visitor.page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"][:120]) for each in found] == []


def test_what_is_typed_and_what_is_answered_is_shown_on_the_picture(visit):
    visitor = visit()
    visitor.wait_painted(4)
    visitor.tab("talk")
    visitor.page.evaluate("""() => {
        const hear = (message) => flowactSession.dispatchEvent(
            new CustomEvent(message.type, { detail: message }));
        hear({ type: "user.speech_started" });
        window.first = document.querySelector("[data-part=state]").textContent;
        hear({ type: "user.speech_stopped", quiet_ms: 300 });
        window.second = document.querySelector("[data-part=state]").textContent;
        hear({ type: "transcript.final", text: "Are you there?" });
        hear({ type: "reply.delta", text: "Yes," });
        hear({ type: "reply.delta", text: " I am." });
        window.third = document.querySelector("[data-part=transcript]").lastElementChild.innerText;
        hear({ type: "reply.done", text: "Yes, I am." });
    }""")
    told = visitor.page.evaluate("[first, second, third]")
    assert told == ["you speak", "thinking", "Mira\nYes, I am."]
    assert visitor.page.locator("[data-part=transcript] li").all_inner_texts() == [
        "You\nAre you there?",
        "Mira\nYes, I am.",
    ]
    assert visitor.page.inner_text("[data-part=captions]") == "Yes, I am."


def test_a_desk_shows_all_people_and_what_can_be_said_without_scrolling(visit):
    visitor = visit(start=False)
    visitor.page.set_viewport_size({"width": 1280, "height": 800})
    bottom = visitor.page.evaluate("""() => {
        const people = document.querySelector(".people");
        while (people.children.length < 15) people.append(people.firstElementChild.cloneNode(true));
        return people.getBoundingClientRect().bottom;
    }""")
    assert bottom <= 800
    assert visitor.page.is_visible("[data-part=text]")


@pytest.mark.parametrize("width", [1280, 1000, 390, 320])
def test_nothing_covers_the_mark_and_a_notice_moves_nothing(visit, width):
    visitor = visit()
    visitor.wait_painted(1)
    visitor.page.set_viewport_size({"width": width, "height": 800})
    free, moved = visitor.page.evaluate("""() => {
        const part = (name) => document.querySelector(`[data-part=${name}]`);
        const top = () => document.querySelector(".people").getBoundingClientRect().top;
        part("talk-label").textContent = "Mute";
        part("interrupt").hidden = false;
        const picture = part("stage").getBoundingClientRect();
        const bar = document.querySelector(".bar").getBoundingClientRect();
        const before = top();
        part("notice").hidden = false;
        part("notice").textContent = "A sentence.";
        return [(bar.left - picture.left) / picture.width, Math.abs(top() - before)];
    }""")
    assert free > MARK_SHARE
    assert moved < 1


def test_the_page_is_usable_on_a_phone_and_by_keyboard(visit):
    visitor = visit(start=False)
    visitor.page.set_viewport_size({"width": 390, "height": 844})
    assert visitor.page.evaluate("document.documentElement.scrollWidth") <= 390
    names = []
    for _ in range(24):
        visitor.page.keyboard.press("Tab")
        names.append(
            visitor.page.evaluate(
                "document.activeElement.dataset.part ?? document.activeElement.dataset.tab"
            )
        )
    assert {"start", "say", "text", "voice"} <= set(names), "no model answers here: Say is open"
    visitor.page.focus("[data-tab=say]")
    visitor.page.keyboard.press("ArrowLeft")
    assert visitor.page.is_visible("[data-part=device]")
    visitor.page.focus("[data-part=start]")
    visitor.page.keyboard.press("Enter")
    assert visitor.page.evaluate("document.activeElement.closest('[data-part=stage]') !== null")
    assert visitor.page.locator("main").count() == 1
    visitor.wait_painted(4)
