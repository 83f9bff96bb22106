"""What a design can and cannot show: told before the build, before opening, and from the votes so far."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from study.design import assignment
from study.design.config import StudyConfig
from study.statistics import power
from study.statistics.gatekeeping import Families
from study.statistics.power import POWER, Expected

RATERS = (12, 20, 30, 50, 100, 200)  # rows of the table, beside the planned number
MORE_ITEMS = (1, 1.5, 2, 3)  # columns of the table, as multiples of the items needed


@dataclass(frozen=True)
class FamilyPlan:
    """What one family of tests needs.

    Attributes:
        questions: the ids of its questions.
        tests: comparisons times questions.
        alpha: what the first of them has to reach.
        items: fewest items, and raters, with which any result is possible.
        power: with the planned raters.
        raters: fewest for a power of `power.POWER`; None when no number is enough with these items.
    """

    questions: tuple[str, ...]
    tests: int
    alpha: float
    items: int
    power: float
    raters: int | None


@dataclass(frozen=True)
class StudyPlan:
    """The plan of a study. `table` holds the power on the primary question: [raters][items]."""

    items: int
    pairs: int
    planned: int
    each: float
    expected: Expected
    primary: FamilyPlan
    others: FamilyPlan | None
    table_items: tuple[int, ...]
    table: dict[int, tuple[float, ...]]


def pairs(config: StudyConfig, systems: int) -> int:
    """Comparisons of the design: with the candidate, or of each system with each."""
    return math.comb(systems, 2) if config.comparisons == "all" else systems - 1


def families(config: StudyConfig, systems: int) -> Families:
    """Tests on the primary question, and on all others."""
    compared = pairs(config, systems)
    return Families(compared, compared * (len(config.dimensions) - 1))


def expectation(config: StudyConfig) -> Expected:
    """What `analysis` of the configuration expects."""
    rule = config.analysis
    return power.expected(
        rule.expected_true_rate,
        rule.expected_tie_share,
        rule.expected_rater_sd,
        rule.expected_item_sd,
    )


def plan(
    config: StudyConfig, systems: int, items: int, expected: Expected | None = None
) -> StudyPlan:
    """The plan for so many systems and items; `expected` replaces the configuration's own guess."""
    expected = expected or expectation(config)
    compared, counts = pairs(config, systems), families(config, systems)
    each = assignment.mains(config.trials, compared * items) / compared
    alpha, planned = config.analysis.alpha, config.recruitment.raters

    def family(questions: Sequence[str], tests: int, fewest: int) -> FamilyPlan:
        level = alpha / tests
        return FamilyPlan(
            tuple(questions),
            tests,
            level,
            fewest,
            power.power(expected, planned, items, each, level),
            power.raters_needed(expected, items, each, level),
        )

    first, second = counts.needed(alpha)
    others = [name for name in config.dimension_ids if name != config.analysis.primary_dimension]
    columns = sorted({items, *(math.ceil(first * more) for more in MORE_ITEMS)})
    return StudyPlan(
        items=items,
        pairs=compared,
        planned=planned,
        each=each,
        expected=expected,
        primary=family([config.analysis.primary_dimension], counts.primary, first),
        others=family(others, counts.others, second) if second else None,
        table_items=tuple(columns),
        table={
            raters: tuple(
                power.power(expected, raters, number, each, alpha / counts.primary)
                for number in columns
            )
            for raters in sorted({planned, *RATERS})
        },
    )


def shortfalls(config: StudyConfig, systems: int, items: int) -> list[str]:
    """A sentence for each family of tests that this design can never decide, whatever the votes."""
    counts = families(config, systems)
    first, second = counts.needed(config.analysis.alpha)
    raters, primary = config.recruitment.raters, config.analysis.primary_dimension
    found = []
    for name, tests, fewest in (
        (f"{primary!r}", counts.primary, first),
        ("the other questions", counts.others, second),
    ):
        if fewest is None:
            continue
        if items < fewest:
            found.append(
                f"{items} items can show nothing on {name}, whatever the votes: {tests} tests need "
                f"{fewest} items; add {fewest - items}, or compare or ask less"
            )
        if raters < fewest:
            found.append(
                f"{raters} raters can show nothing on {name}, whatever the votes: {tests} tests need "
                f"{fewest} raters (recruitment.raters)"
            )
    return found


def lines(made: StudyPlan) -> list[str]:
    """The plan in words and a table, for a terminal."""
    expected = made.expected
    text = [
        f"{made.items} items, {made.pairs} comparisons, {made.planned} raters with {made.each:.3g} votes "
        "on each comparison.",
        f"Expected: net preference {expected.net:+.2f}, varying by {expected.rater_sd:.2f} between raters "
        f"and by {expected.item_sd:.2f} between items (standard deviations).",
        _family("First", made.primary, made),
    ]
    if made.others is not None:
        text.append(_family("Then, once all of these have succeeded,", made.others, made))
    text += ["", f"Power on {made.primary.questions[0]!r}, one comparison:", ""]
    text.append("raters  " + "".join(f"{number:>6} items" for number in made.table_items))
    for raters, row in made.table.items():
        text.append(f"{raters:>6}  " + "".join(f"{value:>12.2f}" for value in row))
    return text


def _family(when: str, family: FamilyPlan, made: StudyPlan) -> str:
    asked = ", ".join(family.questions)
    head = f"{when} {family.tests} tests ({asked}), the hardest at p < {family.alpha:.4f}:"
    if made.items < family.items:
        return f"{head} CANNOT SHOW ANYTHING with {made.items} items, needs {family.items}."
    if family.raters is None:
        return (
            f"{head} power {family.power:.2f}; no number of raters gives {POWER:.2f} with "
            f"{made.items} items."
        )
    return f"{head} power {family.power:.2f}; {family.raters} raters give {POWER:.2f}."
