"""Davidson's model of paired comparisons with ties, and with a preference for the left side.

    P(left)  ~ exp(s_left + d)          s: strength of a system (they sum to zero)
    P(right) ~ exp(s_right)             d: advantage of the left side
    P(tie)   ~ nu * exp((s_left + d + s_right) / 2)

Davidson (1970), "On extending the Bradley-Terry model to accommodate ties in paired comparison experiments";
side term after Davidson and Beaver (1977). The strengths are regularised by a normal prior, so that a system
that won every vote keeps a finite strength.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
PRIOR = 0.02  # 1 / variance of the normal prior on strengths and on log nu


class DisconnectedError(ValueError):
    """The systems fall into groups that were never compared with each other."""


@dataclass(frozen=True)
class Votes:
    """Votes in the frame of the display. Arrays [rows]; outcome +1 left, 0 tie, -1 right."""

    left: Indices
    right: Indices
    outcome: Indices
    weight: Array


@dataclass(frozen=True)
class DavidsonFit:
    """Fitted parameters: strengths [systems] that sum to zero, tie parameter nu, left advantage d."""

    strengths: Array
    nu: float
    left_advantage: float


def fit(votes: Votes, systems: int, start: DavidsonFit | None = None) -> DavidsonFit:
    """Maximum a posteriori fit; raises DisconnectedError, or ValueError when it does not converge."""
    require_connected(votes, systems)
    first = np.zeros(systems + 2)
    if start is not None:
        first = np.array([*start.strengths, np.log(start.nu), start.left_advantage])
    result = optimize.minimize(_loss, first, (votes, systems), method="BFGS", jac=True)
    # BFGS reports lost precision at the optimum of a large sum; a small gradient is what counts.
    if not result.success and np.abs(result.jac).max() > 1e-3 * max(1.0, votes.weight.sum()):
        raise ValueError(f"the Davidson model did not converge: {result.message}")
    strengths = result.x[:systems] - result.x[:systems].mean()
    return DavidsonFit(strengths, float(np.exp(result.x[systems])), float(result.x[systems + 1]))


def require_connected(votes: Votes, systems: int) -> None:
    """Raise DisconnectedError naming the groups when strengths are not comparable."""
    voted = votes.weight > 0
    edges = (votes.left[voted], votes.right[voted])
    graph = coo_matrix((np.ones(voted.sum()), edges), shape=(systems, systems))
    groups, label = connected_components(graph, directed=False)
    if groups > 1:
        members = [np.flatnonzero(label == group).tolist() for group in range(groups)]
        raise DisconnectedError(f"systems {members} were never compared across these groups")


def probabilities(fitted: DavidsonFit, left: int, right: int) -> dict[str, float]:
    """Chances of left, tie and right for one pair, without the side advantage."""
    a, b = fitted.strengths[left], fitted.strengths[right]
    terms = np.exp([a, np.log(fitted.nu) + (a + b) / 2, b])
    left_chance, tie, right_chance = (terms / terms.sum()).tolist()
    return {"left": left_chance, "tie": tie, "right": right_chance}


def _loss(parameters: Array, votes: Votes, systems: int) -> tuple[float, Array]:
    """Negative log posterior and its gradient [systems + 2]."""
    log_nu, side = parameters[systems], parameters[systems + 1]
    a = parameters[votes.left] + side
    b = parameters[votes.right]
    logits = np.stack([a, log_nu + (a + b) / 2, b])
    logits -= logits.max(axis=0)
    chance = np.exp(logits)
    chance /= chance.sum(axis=0)
    hit = np.stack([votes.outcome == 1, votes.outcome == 0, votes.outcome == -1])
    loss = -(votes.weight * np.log(chance[hit.argmax(axis=0), np.arange(a.size)])).sum()
    error = votes.weight * (chance - hit)
    to_a, to_b = error[0] + error[1] / 2, error[2] + error[1] / 2
    gradient = PRIOR * parameters
    gradient[systems + 1] = to_a.sum()
    gradient[systems] += error[1].sum()
    np.add.at(gradient, votes.left, to_a)
    np.add.at(gradient, votes.right, to_b)
    penalty = 0.5 * PRIOR * (parameters[: systems + 1] ** 2).sum()
    return float(loss + penalty), gradient
