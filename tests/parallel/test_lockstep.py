"""Leader and followers over real pipes; the ranks are threads here."""

import threading
from dataclasses import replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection

import pytest
import torch

from flowact.parallel import lockstep
from flowact.parallel.lockstep import Alone, DivergedError, Leader, Recent, digest, follow
from flowact.streaming.state import SessionState
from tests.parallel.sessions import SETTINGS, conditions, start
from tests.tiny_transformer import tiny_transformer

NAMES = ("a", "b")


class Follower(threading.Thread):
    """Follows in a thread and keeps what it did."""

    def __init__(self, leader: Connection) -> None:
        super().__init__(daemon=True)
        self.leader, self.states, self.error = leader, [], None
        self.alone = Alone(tiny_transformer(), SETTINGS)
        self.start()

    def __call__(self, names, state, asked):
        made = self.alone(names, state, asked)
        self.states.append(digest(made[0]))
        return made

    @property
    def transformer(self):
        return self.alone.transformer

    def run(self) -> None:
        try:
            follow(self.leader, self)
        except DivergedError as error:
            self.error = error


@pytest.fixture
def pair():
    ours, theirs = Pipe()
    leader = Leader(Alone(tiny_transformer(), SETTINGS), [ours])
    follower = Follower(theirs)
    yield leader, follower, ours
    ours.close()
    follower.join(10)
    assert not follower.is_alive()


def test_followers_take_the_same_steps_and_states_are_sent_once(pair, monkeypatch) -> None:
    leader, follower, pipe = pair
    sent: list[int] = []
    monkeypatch.setattr(lockstep.pickle, "dumps", _counting(lockstep.pickle.dumps, sent))
    state, seen = start(torch.float32), []
    for chunk in range(5):
        if chunk == 3:
            state = state.restarted()  # as an interrupt does: the followers cannot know of it
        state, _ = leader(NAMES, state, conditions(state))
        seen.append(digest(state))
    pipe.close()
    follower.join(30)
    assert follower.states == seen
    assert follower.error is None
    assert [count > 0 for count in sent] == [True, False, False, True, False]


def _counting(dumps, sent: list[int]):
    def counted(order):
        sent.append(len(order.given))
        return dumps(order)

    return counted


def test_a_follower_that_has_gone_another_way_ends(pair) -> None:
    leader, follower, _ = pair
    state, _ = leader(NAMES, start(torch.float32), conditions(start(torch.float32)))
    drifted = replace(state, stream=state.stream + 1e-3)
    for name, one in zip(NAMES, lockstep.split_sessions(drifted), strict=True):
        leader._known.keep(name, digest(one))  # takes for known what the follower has not
    leader(NAMES, drifted, conditions(drifted))
    follower.join(30)
    assert isinstance(follower.error, DivergedError)


def test_an_error_of_a_step_is_everybodys_and_they_go_on(pair) -> None:
    leader, follower, pipe = pair
    state = start(torch.float32)
    broken = replace(state, stream=state.stream * float("nan"))
    with pytest.raises(FloatingPointError):
        leader(NAMES, broken, conditions(broken))
    moved, _ = leader(NAMES, state, conditions(state))
    pipe.close()
    follower.join(30)
    assert follower.states == [digest(moved)]


def test_a_digest_sees_every_part_of_a_state() -> None:
    state = start(torch.float32)
    others: list[SessionState] = [
        replace(state, stream=state.stream + 1e-6),
        replace(state, emitted=state.emitted + 1),
        replace(state, generators=state.generators + 1),
        replace(state, levels=(1.0, 1.0, 0.5)),
        replace(state, memory=replace(state.memory, long_term=state.memory.reference)),
        replace(state, memory=replace(state.memory, ages=(3,))),
    ]
    assert len({digest(state), *map(digest, others)}) == 7
    assert digest(state) == digest(start(torch.float32))


def test_the_same_sessions_are_forgotten_everywhere() -> None:
    recent = Recent()
    for number in range(lockstep.MOST_SESSIONS + 2):
        recent.keep(str(number), number)
        recent.keep("0", 0)
    assert len(recent.entries) == lockstep.MOST_SESSIONS
    assert "0" in recent.entries
    assert "1" not in recent.entries
