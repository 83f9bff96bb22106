"""`study simulate`: made-up studies with a known truth, to show that plan, intervals and tests hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from study.statistics import clustered, davidson, gatekeeping, power
from study.statistics.bootstrap import Table
from study.statistics.gatekeeping import Families

Array = NDArray[np.float64]
Dice = np.random.Generator
ALPHA = 0.05
SEED = 20261129


@dataclass(frozen=True)
class Setting:
    """A population of raters and items, and a design.

    `rater` and `item` are standard deviations on the scale on which a single judgement varies by 1.
    """

    rate: float
    ties: float
    rater: float
    item: float
    items: int
    each: int
    tests: int


POWER_SETTINGS = (
    Setting(0.65, 0.3, 0.3, 0.3, 12, 12, 1),
    Setting(0.65, 0.3, 0.3, 0.2, 20, 10, 3),
    Setting(0.65, 0.3, 0.3, 0.3, 40, 10, 12),
    Setting(0.65, 0.3, 0.5, 0.2, 12, 6, 3),
    Setting(0.60, 0.3, 0.3, 0.2, 20, 5, 1),
    Setting(0.75, 0.2, 0.5, 0.5, 12, 12, 3),
    Setting(0.70, 0.5, 0.0, 0.0, 10, 10, 5),
    Setting(0.70, 0.3, 0.4, 0.4, 16, 8, 4),
)
STRENGTH_DESIGNS = ((12, 6, 18, 0.5, 0.5), (30, 12, 20, 0.5, 0.5), (24, 10, 20, 0.3, 0.3))
STRENGTHS, TIES, LEFT = np.array([0.5, 0.0, -0.5]), 0.9, 0.1
ERROR_DESIGNS = ((24, 12, 2, 5), (24, 12, 3, 5), (40, 20, 3, 3))
NEAR_UNANIMOUS = ((12, 6, 0.96), (12, 6, 0.99), (24, 12, 0.96))


def report(runs: int) -> Iterator[str]:
    """The lines of all four tables; the same for the same number of runs."""
    yield f"Power: raters as planned for {power.POWER:.2f}, and how often {runs} studies found it."
    yield "  rate  ties  rater sd  item sd  items  each  tests   raters  promised   got"
    for number, setting in enumerate(POWER_SETTINGS):
        yield power_row(setting, runs, np.random.default_rng(SEED + number))
    yield f"Strengths of three systems: coverage of {1 - ALPHA:.0%} intervals."
    yield "  raters  items  each  rater sd  item sd   coverage"
    for design in STRENGTH_DESIGNS:
        covered = strength_coverage(*design, runs, np.random.default_rng(SEED))
        raters, items, each, rater, item = design
        yield f"{raters:>8}{items:>7}{each:>6}{rater:>10.2f}{item:>9.2f}{covered:>11.3f}"
    yield f"No true difference: how often a whole study claims one, at {ALPHA}."
    yield "  raters  items  systems  questions   family-wise error"
    for raters, items, systems, questions in ERROR_DESIGNS:
        rate = familywise_error(
            raters, items, systems, questions, runs, np.random.default_rng(SEED)
        )
        yield f"{raters:>8}{items:>7}{systems:>9}{questions:>11}{rate:>20.3f}"
    yield f"Near unanimity: coverage of {1 - ALPHA:.0%} intervals of the net preference."
    yield "  raters  items  true net   coverage"
    for raters, items, net in NEAR_UNANIMOUS:
        covered = unanimous_coverage(raters, items, net, runs, np.random.default_rng(SEED))
        yield f"{raters:>8}{items:>7}{net:>10.2f}{covered:>11.3f}"


def power_row(setting: Setting, runs: int, dice: Dice) -> str:
    """One planned study: what was promised and what came out."""
    raters, promised, got = promised_and_got(setting, runs, dice)
    expected = known(setting)
    return (
        f"{setting.rate:>6.2f}{setting.ties:>6.2f}{expected.rater_sd:>10.2f}{expected.item_sd:>9.2f}"
        f"{setting.items:>7}{setting.each:>6}{setting.tests:>7}{raters:>9}{promised:>10.2f}{got:>6.2f}"
    )


def promised_and_got(setting: Setting, runs: int, dice: Dice) -> tuple[int, float, float]:
    """Raters that the plan asks for, the power it promises, and the share of studies that found it."""
    expected, alpha = known(setting), ALPHA / setting.tests
    raters = power.raters_needed(expected, setting.items, setting.each, alpha)
    if raters is None:
        raise ValueError(f"no number of raters is enough for {setting}")
    promised = power.power(expected, raters, setting.items, setting.each, alpha)
    found = [clustered.two_way_test(_table(setting, raters, dice)) <= alpha for _ in range(runs)]
    return raters, promised, float(np.mean(found))


def known(setting: Setting) -> power.Expected:
    """The setting's truth on the scale of the net preference."""
    middle, border = _scale(setting)
    points = np.linspace(-6, 6, 2001)
    weight = stats.norm.pdf(points) / stats.norm.pdf(points).sum()

    def spread(own: float, other: float) -> float:
        rest = np.sqrt(1 + other**2)
        above = stats.norm.cdf((middle - border + own * points) / rest)
        below = stats.norm.cdf((-border - middle - own * points) / rest)
        net = above - below
        return float(np.sqrt((weight * net**2).sum() - (weight * net).sum() ** 2))

    return power.expected(
        setting.rate,
        setting.ties,
        spread(setting.rater, setting.item),
        spread(setting.item, setting.rater),
    )


def strength_coverage(
    raters: int, items: int, each: int, rater: float, item: float, runs: int, dice: Dice
) -> float:
    """Share of the strengths' intervals that hold the strength in a large population."""
    votes, _, _ = _davidson_votes(6000, 400, each, rater, item, np.random.default_rng(SEED))
    truth = davidson.fit(votes, len(STRENGTHS)).strengths
    held = []
    for _ in range(runs):
        votes, people, shown = _davidson_votes(raters, items, each, rater, item, dice)
        bounds = davidson.intervals(votes, people, shown, len(STRENGTHS), ALPHA)
        if bounds is not None:
            held.append((bounds[:, 0] <= truth) & (truth <= bounds[:, 1]))
    return float(np.mean(held))


def familywise_error(
    raters: int, items: int, systems: int, questions: int, runs: int, dice: Dice
) -> float:
    """Share of studies of equal systems in which any adjusted p value is at most `ALPHA`.

    Raters and items prefer systems for reasons of their own, alike on all questions in half the variance.
    """
    pairs = [(a, b) for a in range(systems) for b in range(a + 1, systems)]
    counts = Families(len(pairs), len(pairs) * (questions - 1))
    wrong = 0
    for _ in range(runs):
        taste = _leanings(dice, systems, raters, questions) / 3
        fits = _leanings(dice, systems, items, questions) / 3
        primary, others = [], []
        for a, b in pairs:
            noise = _leanings(dice, 1, raters * items, questions)[0]
            latent = (taste[a] - taste[b])[:, None] + (fits[a] - fits[b])[None]
            scores = _scored(latent + noise.reshape(raters, items, questions), 0.4)
            values = [clustered.two_way_test(_full(scores[..., q])) for q in range(questions)]
            primary.append(values[0])
            others += values[1:]
        adjusted = gatekeeping.adjusted(primary, others, counts)
        wrong += min(adjusted[0] + adjusted[1]) <= ALPHA
    return wrong / runs


def unanimous_coverage(raters: int, items: int, net: float, runs: int, dice: Dice) -> float:
    """Share of intervals that hold a net preference close to 1, without differences between clusters."""
    held = 0
    for _ in range(runs):
        scores = np.where(dice.random((raters, items)) < (1 + net) / 2, 1.0, -1.0)
        bounds = clustered.two_way_interval(_full(scores), ALPHA)
        held += bounds is not None and bounds[0] <= net <= bounds[1]
    return held / runs


def _scale(setting: Setting) -> tuple[float, float]:
    """Middle of the judgements and border of a tie that give the setting's rate and ties."""
    spread = np.sqrt(1 + setting.rater**2 + setting.item**2)
    win = stats.norm.ppf(setting.rate * (1 - setting.ties)) * spread
    lose = stats.norm.ppf((1 - setting.rate) * (1 - setting.ties)) * spread
    return float(win - lose) / 2, float(-win - lose) / 2


def _table(setting: Setting, raters: int, dice: Dice) -> Table:
    """The votes of one study; every rater sees the next `each` items in turn."""
    middle, border = _scale(setting)
    shape = (raters, setting.items)
    person, item = (
        dice.normal(0, setting.rater, (raters, 1)),
        dice.normal(0, setting.item, shape[1]),
    )
    scores = _scored(middle + person + item + dice.normal(size=shape), border)
    first = np.arange(raters)[:, None] * setting.each
    shown = ((np.arange(setting.items) - first) % setting.items < setting.each).astype(float)
    return Table(scores * shown, shown)


def _davidson_votes(
    raters: int, items: int, each: int, rater: float, item: float, dice: Dice
) -> tuple[davidson.Votes, NDArray[np.int64], NDArray[np.int64]]:
    """Votes whose strengths vary with the rater and with the item; then rater and item of each vote."""
    systems = len(STRENGTHS)
    taste, fits = dice.normal(0, rater, (raters, systems)), dice.normal(0, item, (items, systems))
    people = np.repeat(np.arange(raters), each)
    shown = dice.integers(0, items, len(people))
    left = dice.integers(0, systems, len(people))
    right = (left + dice.integers(1, systems, len(people))) % systems
    a = STRENGTHS[left] + taste[people, left] + fits[shown, left] + LEFT
    b = STRENGTHS[right] + taste[people, right] + fits[shown, right]
    chance = np.exp(np.stack([a, np.log(TIES) + (a + b) / 2, b]))
    borders = np.cumsum(chance / chance.sum(axis=0), axis=0)
    picked = (dice.random(len(people)) > borders[:2]).sum(axis=0)
    return davidson.Votes(left, right, 1 - picked, np.ones(len(people))), people, shown


def _leanings(dice: Dice, systems: int, number: int, questions: int) -> Array:
    """Of variance 1, half of it common to all questions: [systems, number, questions]."""
    common = dice.normal(size=(systems, number, 1))
    return np.asarray((common + dice.normal(size=(systems, number, questions))) / np.sqrt(2))


def _scored(latent: Array, border: float) -> Array:
    return np.where(latent > border, 1.0, np.where(latent < -border, -1.0, 0.0))


def _full(scores: Array) -> Table:
    return Table(scores, np.ones_like(scores))
