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
from scipy import stats
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

Array = NDArray[np.float64]
Indices = NDArray[np.int64]
PRIOR = 0.02  # 1 / variance of the normal prior on all parameters
STEPS, TOLERANCE = 60, 1e-9


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


def fit(votes: Votes, systems: int) -> DavidsonFit:
    """Maximum a posteriori fit; raises DisconnectedError, or ValueError when it does not converge."""
    require_connected(votes, systems)
    return _named(_newton(votes, votes.weight[None], systems)[0], systems)


def intervals(
    votes: Votes, people: Indices, items: Indices, systems: int, alpha: float
) -> Array | None:
    """Intervals of the strengths over people and items: [systems, 2]; None for one person or one item.

    Both are samples, so each person and each item is left out in turn (a jackknife on both levels). The
    variance between people, plus that between items, less that of single votes, which both contain, has the
    degrees of freedom of such a sum (Satterthwaite, 1946). `people` and `items` are arrays [rows] that
    count from 0.
    """
    numbers = np.bincount(people, votes.weight), np.bincount(items, votes.weight)
    if min(map(len, numbers)) < 2:
        return None
    pooled, place = _pooled(votes)
    centre = _centred(_newton(pooled, pooled.weight[None], systems), systems)[0]
    without_one = _newton(pooled, pooled.weight - np.eye(len(pooled.weight)), systems)
    moved = _centred(without_one, systems) - centre
    single = (pooled.weight[:, None] * moved**2).sum(axis=0)
    by_person = _jackknife(pooled, place, votes.weight, people, systems)
    by_item = _jackknife(pooled, place, votes.weight, items, systems)
    variance = np.maximum(np.maximum(by_person + by_item - single, by_person), by_item)
    fewest = [max(1e-9, float(n.sum() ** 2 / (n**2).sum()) - 1) for n in numbers]
    freedom = variance**2 / (by_person**2 / fewest[0] + by_item**2 / fewest[1])
    half = stats.t.ppf(1 - alpha / 2, np.maximum(freedom, min(fewest))) * np.sqrt(variance)
    bounds: Array = np.stack([centre - half, centre + half], axis=1)
    return bounds


def require_connected(votes: Votes, systems: int) -> None:
    """Raise DisconnectedError naming the groups when strengths are not comparable."""
    groups, label = _groups(votes, votes.weight, systems)
    if groups > 1:
        members = [np.flatnonzero(label == group).tolist() for group in range(groups)]
        raise DisconnectedError(f"systems {members} were never compared across these groups")


def probabilities(fitted: DavidsonFit, left: int, right: int) -> dict[str, float]:
    """Chances of left, tie and right for one pair, without the side advantage."""
    a, b = fitted.strengths[left], fitted.strengths[right]
    terms = np.exp([a, np.log(fitted.nu) + (a + b) / 2, b])
    left_chance, tie, right_chance = (terms / terms.sum()).tolist()
    return {"left": left_chance, "tie": tie, "right": right_chance}


def _groups(votes: Votes, weight: Array, systems: int) -> tuple[int, Indices]:
    voted = weight > 0
    edges = (votes.left[voted], votes.right[voted])
    graph = coo_matrix((np.ones(voted.sum()), edges), shape=(systems, systems))
    groups, label = connected_components(graph, directed=False)
    return int(groups), label


def _pooled(votes: Votes) -> tuple[Votes, Indices]:
    """One row for each pair, side and outcome, and the row of each vote."""
    rows = np.stack([votes.left, votes.right, votes.outcome], 1)
    different, place = np.unique(rows, axis=0, return_inverse=True)
    place = place.ravel()
    weight = np.bincount(place, votes.weight, len(different)).astype(float)
    return Votes(different[:, 0], different[:, 1], different[:, 2], weight), place


def _jackknife(votes: Votes, place: Indices, weight: Array, level: Indices, systems: int) -> Array:
    """Variance of the strengths [systems] from leaving out each cluster of `level` [votes] in turn."""
    clusters = int(level.max()) + 1
    own = np.zeros((clusters, len(votes.left)))
    np.add.at(own, (level, place), weight)
    strengths = _centred(_newton(votes, votes.weight - own, systems), systems)
    spread = ((strengths - strengths.mean(axis=0)) ** 2).sum(axis=0)
    return np.asarray((clusters - 1) / clusters * spread)


def _centred(parameters: Array, systems: int) -> Array:
    strengths = parameters[:, :systems]
    return np.asarray(strengths - strengths.mean(axis=1, keepdims=True))


def _named(parameters: Array, systems: int) -> DavidsonFit:
    strengths = parameters[:systems] - parameters[:systems].mean()
    return DavidsonFit(strengths, float(np.exp(parameters[systems])), float(parameters[-1]))


def _features(votes: Votes, systems: int) -> Array:
    """What each parameter adds to the logit of left, tie and right: [rows, 3, systems + 2]."""
    rows = np.arange(len(votes.left))
    made = np.zeros((len(rows), 3, systems + 2))
    made[rows, 0, votes.left] = 1.0
    made[:, 0, systems + 1] = 1.0
    made[rows, 2, votes.right] = 1.0
    made[:, 1] = (made[:, 0] + made[:, 2]) / 2
    made[:, 1, systems] = 1.0
    return made


def _newton(votes: Votes, weights: Array, systems: int) -> Array:
    """Parameters [sets, systems + 2] at the posterior's one maximum, for weights [sets, rows].

    The logits are linear in the parameters, so the posterior is concave. Steps are shortened where they
    would leave the range in which its curvature is known.
    """
    features = _features(votes, systems)
    hit = features[np.arange(len(votes.left)), 1 - votes.outcome]
    parameters = np.zeros((len(weights), systems + 2))
    for _ in range(STEPS):
        logits = np.einsum("rok,sk->sro", features, parameters)
        chance = np.exp(logits - logits.max(axis=2, keepdims=True))
        chance /= chance.sum(axis=2, keepdims=True)
        mean = np.einsum("sro,rok->srk", chance, features)
        gradient = np.einsum("sr,srk->sk", weights, hit - mean) - PRIOR * parameters
        squares = np.einsum(
            "sr,sro,rok,rol->skl", weights, chance, features, features, optimize=True
        )
        curve = squares - np.einsum("sr,srk,srl->skl", weights, mean, mean, optimize=True)
        curve += PRIOR * np.eye(systems + 2)
        step = np.linalg.solve(curve, gradient[..., None])[..., 0]
        parameters += step / np.maximum(1.0, np.abs(step).max(axis=1, keepdims=True))
        if np.abs(step).max() < TOLERANCE:
            return parameters
    raise ValueError(f"the Davidson model did not converge in {STEPS} steps")
