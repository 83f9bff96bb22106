"""Which pair comes next and on which side: pure functions of the seed, the coverage and the history."""

from __future__ import annotations

import hashlib
import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from study.design.sections import Trials

REPEAT_DISTANCE = 3  # trials between a pair and its swapped repetition


@dataclass(frozen=True, order=True)
class Cell:
    """A pair of systems on one item. `first` is the candidate wherever the candidate takes part."""

    first: int
    second: int
    item: int


@dataclass(frozen=True)
class Shown:
    """A cell as it was displayed."""

    cell: Cell
    first_on_left: bool


def cells(
    candidate: int, others: Sequence[int], items: Sequence[int], all_pairs: bool
) -> list[Cell]:
    """Every comparison of the design: candidate against each other system, or a round robin."""
    pairs = [(candidate, other) for other in others]
    if all_pairs:
        pairs += list(itertools.combinations(others, 2))
    return [Cell(first, second, item) for first, second in pairs for item in items]


def schedule(trials: Trials, cell_count: int, seed: int, participant: int) -> tuple[str, ...]:
    """The kinds of trial of one participant, in order: training first, catch trials spread out."""
    kinds = ["main"] * mains(trials, cell_count)
    catch = trials.catch
    extra = ["identical"] * catch.identical + ["shifted"] * catch.shifted
    extra += ["frozen"] * catch.frozen
    extra = sorted(extra, key=lambda kind: draw(seed, participant, kind, extra.index(kind)))
    for number, kind in enumerate(extra):
        kinds.insert(_spread(len(kinds), number, len(extra), draw(seed, participant, number)), kind)
    for number in range(catch.repeated):
        earliest = _nth_main(kinds, number) + REPEAT_DISTANCE + 1
        span = max(1, len(kinds) + 1 - earliest)
        position = min(len(kinds), earliest + draw(seed, participant, "repeat", number) % span)
        kinds.insert(position, "repeated")
    return ("training",) * trials.training + tuple(kinds)


def mains(trials: Trials, cell_count: int) -> int:
    """How many different pairs one participant judges: as many as asked for, or all there are."""
    return min(trials.per_participant, cell_count)


def length(trials: Trials, cell_count: int) -> int:
    """How many trials one participant sees, of all kinds."""
    catch = trials.catch
    return trials.training + mains(trials, cell_count) + catch.hidden + catch.repeated


def choose(
    design: Sequence[Cell],
    coverage: Mapping[Shown, int],
    history: Sequence[Shown],
    seed: int,
    participant: int,
) -> Shown:
    """The least-covered cell that this participant has not seen, with the sides in balance.

    `coverage` counts displays by all participants. Ties are broken by what this participant has seen
    less of (pair, then item), then by a hash of the seed. Raises ValueError when all were seen.
    """
    seen = {shown.cell for shown in history}
    pairs = Counter((shown.cell.first, shown.cell.second) for shown in history)
    items = Counter(shown.cell.item for shown in history)
    last = history[-1].cell.item if history else None

    def rank(cell: Cell) -> tuple[int, int, int, bool, int]:
        shown = sum(coverage.get(Shown(cell, side), 0) for side in (True, False))
        pair = pairs[cell.first, cell.second]
        tie = draw(seed, participant, cell.first, cell.second, cell.item)
        return (shown, pair, items[cell.item], cell.item == last, tie)

    open_cells = [cell for cell in design if cell not in seen]
    if not open_cells:
        raise ValueError(f"participant {participant} has seen all {len(design)} pairs")
    cell = min(open_cells, key=rank)
    return Shown(cell, _side(cell, coverage, history, seed, participant))


def repeatable(history: Sequence[Shown], repeats: int) -> int:
    """Index in `history` (main trials in order) of the one that the next repetition shows swapped."""
    return min(repeats, len(history) - 1)


def draw(*parts: object) -> int:
    """A 63-bit number that depends on `parts` only: the study's random source."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def _side(
    cell: Cell,
    coverage: Mapping[Shown, int],
    history: Sequence[Shown],
    seed: int,
    participant: int,
) -> bool:
    """True to show `first` on the left: balance the participant, then the cell, then toss.

    A participant's sides of one pair of systems are balanced in blocks of two or four, whose lengths are
    drawn, so that the next one can be told from those so far much less often than in blocks of two.
    """
    pair = (cell.first, cell.second)
    own = [s.first_on_left for s in history if (s.cell.first, s.cell.second) == pair]
    block, length = _block(own, seed, participant, pair)
    for side in (True, False):
        if 2 * block.count(side) == length:
            return not side
    left, right = (coverage.get(Shown(cell, side), 0) for side in (True, False))
    if left != right:
        return left < right
    return draw(seed, participant, "side", cell) % 2 == 0


def _block(
    own: list[bool], seed: int, participant: int, pair: tuple[int, int]
) -> tuple[list[bool], int]:
    """The sides in the block that has not ended yet, and that block's length."""
    lengths = (2 + 2 * (draw(seed, participant, "block", pair, n) % 2) for n in itertools.count())
    length = next(lengths)
    while len(own) >= length:
        own, length = own[length:], next(lengths)
    return own, length


def _spread(length: int, number: int, total: int, toss: int) -> int:
    """A position in the `number`-th of `total` equal parts, never the very first."""
    start = 1 + (length - 1) * number // max(1, total)
    end = 1 + (length - 1) * (number + 1) // max(1, total)
    return start + toss % max(1, end - start)


def _nth_main(kinds: Sequence[str], number: int) -> int:
    mains = [position for position, kind in enumerate(kinds) if kind == "main"]
    return mains[min(number, len(mains) - 1)]
