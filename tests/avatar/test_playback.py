import pytest

from flowact.avatar.playback import PlaybackClock


class Hands:
    now = 10.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hands():
    return Hands()


def test_segments_play_one_after_the_other_from_when_they_come(hands):
    clock = PlaybackClock(hands)
    for _ in range(3):
        clock.add(1, voiced=True)
    assert clock.played_ms(1) == 0
    hands.now += 0.2
    assert clock.played_ms(1) == 200
    assert clock.voice_left == pytest.approx(0.28)
    hands.now += 5
    assert clock.played_ms(1) == 480
    assert clock.voice_left == 0


def test_a_gap_and_silence_are_not_counted(hands):
    clock = PlaybackClock(hands)
    clock.add(1, voiced=True)
    hands.now += 1
    clock.add(1, voiced=False)
    clock.add(1, voiced=True)
    hands.now += 0.2
    assert clock.played_ms(1) == 200  # 160 before the gap, 40 after the silence


def test_another_reply_and_what_was_flushed_do_not_count(hands):
    clock = PlaybackClock(hands)
    clock.add(1, voiced=True)
    hands.now += 0.1
    clock.flush()
    assert clock.voice_left == 0
    clock.add(2, voiced=True)
    hands.now += 0.05
    assert (clock.played_ms(1), clock.played_ms(2)) == (0, 50)
