"""Who speaks when, what is remembered of it, and what is said when something fails."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest

from flowact.live.dialogue.dialogue import FAILED
from flowact.live.endpoints import Endpoint, Endpoints
from flowact.live.persona import Persona
from flowact.live.protocol.events import (
    ErrorEvent,
    NoticeEvent,
    ReplyDelta,
    ReplyDone,
    SpeechStopped,
    TranscriptFinal,
)
from flowact.live.speech.services import SpeechServices
from flowact.serving.messages import MediaSegment
from tests.live.dialogue.room import TIMES, Beeps, Room, room
from tests.live.speech.services import FaultyScript, events, services, status

HEAR, CHAT = "audio/transcriptions", "chat/completions"
WAVE = {
    "index": 0,
    "id": "a",
    "function": {"name": "set_action", "arguments": '{"action": "waving"}'},
}


def run(scene, script: FaultyScript | None = None, **options: object) -> None:
    """Play a scene in a room with faulty services."""

    async def play(endpoints, script) -> None:
        async with room(endpoints, **options) as made:
            made.dialogue.set_microphone("conversation")
            await scene(made, script)

    script = script or FaultyScript(answer="Yes, of course I can do that for you.")
    with services(script) as endpoints:
        asyncio.run(play(endpoints, script))


def asked(script: FaultyScript, number: int = -1) -> list[tuple[str, str]]:
    """The turns that the language model was shown, without the system prompt."""
    messages = json.loads(script.bodies(CHAT)[number])["messages"]
    assert messages[0]["role"] == "system"
    return [(message["role"], message["content"]) for message in messages[1:]]


def words(*texts: str):
    """A recogniser that hears one text after the other, and nothing after the last."""
    left = list(texts)
    return lambda handler, _: handler.send_json({"text": left.pop(0) if left else ""})


def test_a_turn_is_heard_answered_shown_and_spoken():
    async def scene(made, script):
        await made.speak(1.5, 1.0)
        await made.until(lambda: made.told(ReplyDone))
        (heard,) = made.told(TranscriptFinal)
        assert heard.text == script.question
        grown = made.told(ReplyDelta)
        assert made.events.index(heard) < made.events.index(grown[0])
        (reply,) = made.told(ReplyDone)
        assert "".join(more.text for more in grown) == reply.text == script.answer
        assert await made.play() > 2
        assert made.dialogue._conversation.history.messages("")[-1] == {
            "role": "assistant",
            "content": script.answer,
        }
        heard = script.bodies(HEAR)[0]
        assert b"RIFF" in heard and len(heard) > 40_000

    run(scene)


def test_the_words_are_known_when_the_silence_has_lasted_long_enough():
    async def scene(made, script):
        await made.speak(1.5, 0.45)
        await made.until(lambda: made.told(TranscriptFinal))
        assert len(script.bodies(HEAR)) == 1, "what was written down in the pause is used"

    run(scene, FaultyScript(question="That is all."))


def test_speech_a_pause_and_speech_is_one_question_and_nothing_is_lost():
    async def scene(made, script):
        await made.speak(1.5, 1.2)
        await made.until(lambda: script.bodies(CHAT))
        await made.speak(1.5, 1.2)
        await made.until(lambda: len(script.bodies(CHAT)) == 2 and made.told(ReplyDelta))
        assert asked(script) == [("user", "I have a question. Where is the sea?")]

    slow = FaultyScript(chat_s=1.0, answer="Over there.")
    slow.reactions = {HEAR: words("I have a question.", "Where is the sea?")}
    run(scene, slow)


def test_a_pause_while_the_words_are_still_being_written_down_loses_nothing():
    def slow_words(handler, body):
        import time

        time.sleep(0.6)
        texts(handler, body)

    texts = words("First half,", "second half.")

    async def scene(made, script):
        await made.speak(1.5, 0.8, patient=False)
        await made.until(lambda: made.told(SpeechStopped))
        await made.speak(1.5, 1.5, patient=False)
        await made.until(lambda: script.bodies(CHAT))
        assert asked(script) == [("user", "First half, second half.")]
        assert len(script.bodies(CHAT)) == 1

    run(scene, FaultyScript(reactions={HEAR: slow_words}))


def test_what_was_not_heard_of_an_answer_is_not_in_the_history():
    async def scene(made, script):
        await made.speak(1.5, 1.0)
        await made.until(lambda: made.dialogue.mouth.speaks)
        assert await made.play(0.96) == pytest.approx(0.96)
        await made.speak(1.5, 1.0)
        await made.until(lambda: len(script.bodies(CHAT)) == 2)
        (_, first), (role, heard), (_, second) = asked(script)
        assert first == second == script.question and role == "assistant"
        assert script.answer.startswith(heard) and 0 < len(heard.split()) < 5

    run(scene)


def test_a_noise_does_not_end_what_the_avatar_says():
    async def scene(made, script):
        await made.speak(1.5, 1.0)
        await made.until(lambda: made.dialogue.mouth.speaks)
        before = await made.play(0.48)
        await made.speak(0.6, 1.0)
        await made.until(lambda: made.dialogue.mouth.speaks)
        after = await made.play()
        assert len(script.bodies(CHAT)) == 1
        assert before + after == pytest.approx(len(script.answer.split()) / 3, abs=0.6)
        assert asked(script) == [("user", "Can you?")]

    run(
        scene,
        FaultyScript(answer="Yes, of course I can do that.", reactions={HEAR: words("Can you?")}),
    )


def test_silence_that_was_taken_for_speech_asks_nobody():
    async def scene(made, script):
        await made.speak(1.5, 1.0)
        await made.until(lambda: script.bodies(HEAR) and not made.dialogue.answering)
        assert (
            not script.bodies(CHAT) and not made.told(TranscriptFinal) and not made.told(ErrorEvent)
        )

    run(scene, FaultyScript(reactions={HEAR: words()}))


@pytest.mark.parametrize(
    "nothing",
    [
        events({"content": None}),
        events({"content": "<think>Hm.</think>"}),
        events(),
        events({"content": '```json\n{"answer": "Yes."}\n```'}),
        events({"content": '{"id": 5}'}),
        events({"tool_calls": [WAVE]}),
    ],
    ids=["null", "thoughts only", "empty", "code", "JSON", "tool calls only"],
)
def test_an_answer_without_words_is_said_to_be_none_and_forgotten(nothing):
    async def scene(made, script):
        made.dialogue.ask("Are you there?")
        await made.until(lambda: made.told(ErrorEvent))
        assert not made.dialogue.mouth.speaks
        script.reactions = {}
        before = len(script.bodies(CHAT))
        made.dialogue.ask("And now?")
        await made.until(lambda: len(script.bodies(CHAT)) > before)
        assert asked(script) == [("user", "And now?")]

    run(scene, FaultyScript(reactions={CHAT: nothing}))


def test_a_failure_is_told_and_the_next_question_is_answered_without_it():
    async def scene(made, script):
        made.dialogue.ask("First?")
        await made.until(lambda: made.told(ErrorEvent))
        assert "cannot answer just now" in made.told(ErrorEvent)[0].message
        script.reactions = {}
        made.dialogue.ask("Second?")
        await made.until(lambda: made.told(ReplyDelta))
        assert asked(script) == [("user", "Second?")]

    run(scene, FaultyScript(reactions={CHAT: status(500)}))


def test_a_voice_that_crashes_is_told_and_does_not_leave_the_mouth_open():
    class Crashing(Beeps):
        async def speak(self, clause: str):
            async for sound in super().speak(clause):
                yield sound
            raise RuntimeError("the library is gone")

    async def scene(made, _script):
        made.dialogue.say_text("One two three.", "")
        await made.until(lambda: made.told(ErrorEvent))
        assert made.told(ErrorEvent)[0].message == FAILED
        assert await made.play(5) < 2, "the reply ends"
        assert not made.dialogue.mouth.speaks

    run(scene, engines={"beeps": Crashing()})


def test_a_text_that_no_voice_reads_is_refused_and_an_answer_is_shown_all_the_same():
    async def scene(made, script):
        with pytest.raises(Exception, match="No voice on this machine reads Cyrillic"):
            made.dialogue.say_text("Привет, как дела?", "")
        made.dialogue.ask("Do you speak Chinese?")
        await made.until(lambda: made.told(ErrorEvent))
        assert made.told(ReplyDone)[-1].text == script.answer
        assert "reads Chinese" in made.told(ErrorEvent)[0].message

    run(scene, FaultyScript(answer="你好。我会说中文。"))


@pytest.mark.parametrize(("for_all", "own"), [("alloy", "slt"), ("beeps", "")])
def test_a_person_has_a_voice_of_its_own_unless_one_is_for_everybody(for_all, own):
    services = SpeechServices({"beeps": Beeps()}, None, None, Endpoints(voice=for_all))
    assert Room(services, persona=Persona(voice="slt")).dialogue.voice == own


def test_a_tool_call_acts_and_its_answer_is_spoken():
    replies = [events({"tool_calls": [WAVE]}), events({"content": "There you are."})]

    async def scene(made, script):
        made.dialogue.ask("Wave, please.")
        await made.until(lambda: made.told(ReplyDone))
        assert made.acted == ["waving"] and made.told(ReplyDone)[-1].text == "There you are."
        assert asked(script)[-1] == ("tool", "It is being done.")

    run(scene, FaultyScript(reactions={CHAT: lambda handler, body: replies.pop(0)(handler, body)}))


def test_a_long_answer_begins_as_soon_as_a_short_one():
    async def scene(made, _script):
        made.dialogue.ask("Tell me everything.")
        await made.until(lambda: made.dialogue.mouth.speaks)
        assert made.told(ReplyDelta) and not made.told(ReplyDone), (
            "the answer is still being written"
        )

    run(scene, FaultyScript(answer="Well, it is a long story. " * 40, word_s=0.01))


def test_a_character_greets_once_and_the_model_knows():
    async def scene(made, script):
        await made.until(lambda: made.dialogue.mouth.speaks)
        assert made.told(ReplyDone)[0].text == "Hello, I am Mira."
        made.dialogue.set_microphone("off")
        made.dialogue.set_microphone("conversation")
        made.dialogue.ask("Who are you?")
        await made.until(lambda: script.bodies(CHAT))
        system = json.loads(script.bodies(CHAT)[0])["messages"][0]["content"]
        assert "You are Mira." in system and "Hello, I am Mira." in system
        assert [told.text.startswith("Hello") for told in made.told(ReplyDone)].count(True) == 1

    run(scene, persona=Persona("Mira", "You are Mira.", "Hello, I am Mira."))


def test_where_nothing_hears_typing_still_converses():
    async def scene(endpoints):
        async with room(endpoints) as made:
            made.dialogue.set_microphone("conversation")
            assert "type to talk" in made.told(NoticeEvent)[0].message
            made.dialogue.ask("Hello?")
            await made.until(lambda: made.dialogue.mouth.speaks)

    with services(FaultyScript(), hearing=Endpoint()) as endpoints:
        asyncio.run(scene(endpoints))


def test_what_is_being_said_gives_way_to_something_new_at_once():
    async def scene(made, _script):
        made.dialogue.say_text("One two three four five six.", "")
        await made.until(lambda: made.dialogue._work.done())  # all of it is on its way
        await made.play(0.48)
        made.dialogue.say_text("Something else.", "")
        await made.until(lambda: made.dialogue.mouth.speaks)
        kinds = [told.type for told in made.events if "playback" in told.type]
        assert kinds == ["playback.started", "playback.flushed", "playback.started"]

    run(scene)


def test_a_microphone_that_goes_off_in_a_barge_in_ends_what_was_stopped():
    async def scene(made, script):
        await made.speak(1.5, 1.0)
        await made.until(lambda: made.dialogue.mouth.speaks)
        await made.play(0.96)
        await made.speak(0.8)
        assert made.dialogue._held is not None
        made.dialogue.set_microphone("off")
        made.dialogue.ask("And then?")
        await made.until(lambda: len(script.bodies(CHAT)) == 2)
        (_, first), (role, heard), (_, second) = asked(script)
        assert (first, role, second) == (script.question, "assistant", "And then?")
        assert heard and script.answer.startswith(heard)

    run(scene)


def test_what_was_being_said_when_the_worker_died_goes_on_where_it_was_heard_to_stop():
    async def scene(made, script):
        await made.speak(1.5, 1.0)
        await made.until(lambda: made.dialogue.mouth.speaks)
        before = await made.play(0.48)
        made.dialogue.restarted()
        await made.until(lambda: made.dialogue.mouth.speaks)
        after = await made.play()
        assert before + after == pytest.approx(len(script.answer.split()) / 3, abs=0.6)
        last = made.dialogue._conversation.history.messages("")[-1]
        assert last == {"role": "assistant", "content": script.answer}
        assert made.expected == [True, True], "the viewer waits for the same reply"

    run(scene)


def test_what_was_being_made_when_the_worker_died_is_said_all_the_same():
    async def scene(made, script):
        made.dialogue.ask("Can you?")
        made.dialogue.restarted()
        await made.until(lambda: made.dialogue.mouth.speaks)
        assert len(script.bodies(CHAT)) == 1 and await made.play() > 2

    run(scene)


def test_another_server_goes_on_with_an_answer_at_the_word_where_it_stopped():
    async def scene(made, script):
        await made.speak(1.5, 1.0)
        await made.until(lambda: made.dialogue.mouth.speaks)
        before = await made.play(0.96)
        kept = made.elsewhere()
        assert kept.said and f"{kept.said} {kept.rest}" == script.answer
        made.dialogue.go_on(kept, epoch=7, worker_speaks=False)
        await made.until(lambda: made.dialogue.mouth.speaks)
        assert made.dialogue.mouth.epoch == 8 and made.dialogue.mode == "conversation"
        after = await made.play()
        assert before + after == pytest.approx(len(script.answer.split()) / 3, abs=0.7)
        history = made.dialogue._conversation.history.messages("")
        assert history[1:] == [
            {"role": "user", "content": script.question},
            {"role": "assistant", "content": script.answer},
        ]

    run(scene)


def test_what_a_worker_takes_along_is_not_said_again():
    async def scene(made, _script):
        made.dialogue.say_text("One two three four five six seven eight. Nine ten.", "")
        await made.until(lambda: made.dialogue.mouth.speaks)
        made.dialogue.mouth.utterance.sent(0)  # or the rest would not be made yet
        await made.until(lambda: made.dialogue._work.done())  # all of it is with the worker
        assert made.dialogue.kept(on_their_way=8 * 5_333).rest == "Nine ten."
        assert made.dialogue.kept(on_their_way=10 * 5_333).rest == ""
        assert made.dialogue.kept().rest == "One two three four five six seven eight. Nine ten."
        kept = replace(made.elsewhere(), rest="Nine ten.")
        made.dialogue.go_on(kept, epoch=1, worker_speaks=True)
        await asyncio.sleep(0.05)
        assert not made.dialogue.mouth.speaks, "the worker is still speaking"
        assert made.dialogue.kept().rest == "Nine ten."
        made.dialogue.shown(MediaSegment("room", 1, 5, (), b"", True, 0, True, False, TIMES, None))
        await made.until(lambda: made.dialogue.mouth.speaks)
        assert await made.play() == pytest.approx(2 / 3, abs=0.5)

    run(scene)
