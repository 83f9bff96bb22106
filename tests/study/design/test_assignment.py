"""Sides and pairs in balance, whatever the seed."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from study.design.assignment import REPEAT_DISTANCE, cells, choose, length, schedule
from study.design.sections import Trials


def simulate(seed: int, people: int, per_person: int, others: int = 3, items: int = 5):
    design = cells(0, list(range(1, others + 1)), list(range(items)), all_pairs=False)
    coverage: Counter = Counter()
    histories = []
    for person in range(people):
        history = []
        for _ in range(per_person):
            shown = choose(design, coverage, history, seed, person)
            coverage[shown] += 1
            history.append(shown)
        histories.append(history)
    return design, coverage, histories


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), per_person=st.integers(1, 15))
def test_sides_are_balanced_within_participant_and_pair(seed, per_person):
    _, _, histories = simulate(seed, 4, per_person)
    for history in histories:
        assert len({shown.cell for shown in history}) == per_person
        balance: Counter = Counter()
        for shown in history:
            balance[shown.cell.first, shown.cell.second] += 1 if shown.first_on_left else -1
        assert max(map(abs, balance.values())) <= 2  # half of the longest block


def test_the_next_side_cannot_be_told_from_the_sides_so_far():
    """A guess that balances what was shown of the pair is right no more often than blocks of four allow."""
    _, _, histories = simulate(3, 60, 15)
    right = guessed = 0
    for history in histories:
        balance: Counter = Counter()
        for shown in history:
            pair = (shown.cell.first, shown.cell.second)
            if balance[pair]:
                guessed += 1
                right += shown.first_on_left == (balance[pair] < 0)
            balance[pair] += 1 if shown.first_on_left else -1
    assert guessed > 200
    assert 0.5 < right / guessed < 0.85  # in blocks of two it would always be right


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_coverage_stays_level(seed):
    design, coverage, _ = simulate(seed, 12, 7)
    shown = [sum(n for s, n in coverage.items() if s.cell == cell) for cell in design]
    assert max(shown) - min(shown) <= 1


def test_sides_are_balanced_over_the_study():
    _, coverage, _ = simulate(3, 40, 9)
    left = sum(n for shown, n in coverage.items() if shown.first_on_left)
    assert abs(left / coverage.total() - 0.5) < 0.06


def test_the_same_seed_gives_the_same_study():
    assert simulate(8, 3, 6)[2] == simulate(8, 3, 6)[2]
    assert simulate(8, 3, 6)[2] != simulate(9, 3, 6)[2]


def test_a_round_robin_has_every_pair_once():
    design = cells(0, [1, 2], [7], all_pairs=True)
    assert {(cell.first, cell.second) for cell in design} == {(0, 1), (0, 2), (1, 2)}


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 1000), person=st.integers(0, 50), mains=st.integers(1, 20))
def test_catch_trials_are_hidden_among_the_others(seed, person, mains):
    trials = Trials(per_participant=mains)
    kinds = schedule(trials, 20, seed, person)
    counts = Counter(kinds)
    assert counts["main"] == mains
    assert counts["training"] == trials.training
    assert counts["identical"] == counts["shifted"] == 2 * counts["repeated"] == 2
    assert kinds[: trials.training] == ("training",) * trials.training
    assert kinds[trials.training] == "main"
    if mains > REPEAT_DISTANCE + 1:
        assert kinds.index("repeated") - kinds.index("main") > REPEAT_DISTANCE


def test_where_fewer_pairs_exist_everybody_sees_all():
    trials = Trials(per_participant=6)
    kinds = schedule(trials, 5, 0, 0)
    assert kinds.count("main") == 5
    assert len(kinds) == length(trials, 5)
