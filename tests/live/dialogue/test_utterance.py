"""What counts as heard of an utterance: the sound that was played, and the words that it carried."""

from __future__ import annotations

import asyncio

import pytest

from flowact.live.dialogue.mouth import AvatarMouth
from flowact.live.dialogue.spoken import spoken
from flowact.live.dialogue.utterance import SAMPLES_PER_WORD, SpokenUtterance
from flowact.serving.messages import MediaSegment, Timings
from flowact.timebase import SAMPLES_PER_LATENT
from tests.live.dialogue.room import Beeps

CLAUSES = ("One two three.", "Four five six seven.")
WORD = 5_333


async def said(*clauses: str):
    for clause in clauses:
        yield clause


def told(heard: int, taken: int, *clauses: str) -> str:
    """The words that were heard, when so many samples were played and so many pieces were asked for."""

    async def scene() -> str:
        utterance = SpokenUtterance(spoken(said(*clauses), {"beeps": Beeps()}, ""), "voice")
        utterance.sent(0)  # it is seen, so all of it may be made
        sounds = utterance.sounds()
        for _ in range(taken):
            await anext(sounds)
        utterance.heard(heard)
        utterance.close()
        return utterance.words_heard()

    return asyncio.run(scene())


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (0.5, ""),
        (1.5, "One"),
        (3.0, "One two three."),
        (3.9, "One two three."),
        (5.2, "One two three. Four five"),
        (7.0, "One two three. Four five six seven."),
    ],
)
def test_words_are_heard_one_after_the_other_across_clauses(words, expected):
    assert told(round(words * WORD), 7, *CLAUSES) == expected


def test_an_interruption_after_the_first_clause_leaves_all_of_it_and_nothing_else():
    assert told(3 * WORD, 4, *CLAUSES) == "One two three."


def test_a_clause_whose_sound_is_still_being_made_is_not_taken_for_heard():
    assert told(WORD, 1, "One two three four five six.") == "One"
    assert pytest.approx(WORD, abs=1) == SAMPLES_PER_WORD


def segment(epoch: int, index: int) -> MediaSegment:
    sound, times = bytes(2 * SAMPLES_PER_LATENT), Timings(0, 0, 0, 0, 0, 0, 0)
    return MediaSegment("m", epoch, index, (), sound, True, 9, False, False, times, None)


def test_what_was_sent_and_not_yet_played_was_not_heard():
    async def scene() -> tuple[str, int]:
        clock, sent = [0.0], []
        mouth = AvatarMouth(
            "m", sent.append, lambda _event: None, lambda: None, lambda: None, lambda: clock[0]
        )
        utterance = SpokenUtterance(spoken(said(*CLAUSES), {"beeps": Beeps()}, ""), "voice")
        utterance.sent(0)
        await mouth.say(utterance)
        for index in range(6):  # almost a second, sent at once
            mouth.shown(segment(mouth.epoch, index))
        assert utterance.clause == CLAUSES[0]
        mouth.shown(segment(mouth.epoch, 6))
        assert utterance.clause == CLAUSES[1], "the gesture is made with its words"
        clock[0] = 0.4
        stopped = mouth.hush()
        rest = sum([len(sound) async for sound in stopped.sounds()])
        stopped.close()
        return stopped.words_heard(), rest

    words, rest = asyncio.run(scene())
    assert words == "One" and rest == pytest.approx(7 * WORD - 6_400, abs=32)


def test_no_more_is_made_than_is_needed_until_the_first_of_it_is_seen():
    async def scene() -> tuple[int, int]:
        spoken_so_far = []

        class Counting(Beeps):
            async def speak(self, clause: str):
                spoken_so_far.append(clause)
                async for sound in super().speak(clause):
                    yield sound

        made = spoken(said(*CLAUSES * 4), {"beeps": Counting()}, "")
        utterance = SpokenUtterance(made, "voice")
        sounds = utterance.sounds()
        for _ in range(6):
            await anext(sounds)
        await asyncio.sleep(0.05)
        before = len(spoken_so_far)
        utterance.sent(1)
        await asyncio.sleep(0.05)
        utterance.close()
        return before, len(spoken_so_far)

    before, after = asyncio.run(scene())
    assert before == 2 and after > before
