"""The numbers of a study, from its data alone: the same input gives the same report, digit by digit."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from statsmodels.stats.multitest import multipletests

from study.analysis.dataset import Dataset, excluded_after_unblinding, exclusions, judgements
from study.analysis.tidy_table import tidy
from study.design.assignment import draw
from study.design.config import Analysis
from study.statistics import agreement, bootstrap, clustered, davidson, gsb, permutation, power

DIGITS = 6
REFIT_SHARE = 0.05  # of analysis.resamples: a Davidson fit costs far more than a reweighted mean
AGREEMENT_SHARE = 0.1


def report(dataset: Dataset) -> dict[str, Any]:
    """All published numbers as JSON values, rounded to six digits."""
    frame = tidy(dataset)
    main = _scored(frame)
    included = main[main["included"]]
    primary = comparisons(included, dataset)
    made = {
        "study": dataset.meta | {"formulas": gsb.FORMULAS, "alpha": dataset.config.analysis.alpha},
        "flow": flow(dataset, frame, included),
        "primary": primary,
        "all_votes": comparisons(main, dataset),
        "side_bias": side_bias(included),
        "agreement": agreements(included, dataset),
        "strengths": strengths(included, dataset),
        "plan": stopping_plan(included, primary, dataset),
    }
    rounded: dict[str, Any] = _rounded(made)
    return rounded


def plan_so_far(dataset: Dataset) -> dict[str, Any]:
    """`report(dataset)["plan"]` without the numbers that it does not need."""
    main = _scored(tidy(dataset))
    included = main[main["included"]]
    plan: dict[str, Any] = _rounded(
        stopping_plan(included, comparisons(included, dataset), dataset)
    )
    return plan


def comparisons(frame: pd.DataFrame, dataset: Dataset) -> list[dict[str, Any]]:
    """One row per pair of systems and dimension, with Holm's correction over all of them."""
    rows = [
        _comparison(part, first, second, dimension, dataset)
        for first, second in _pairs(frame)
        for dimension in dataset.config.dimension_ids
        if len(part := _select(frame, first, second, dimension))
    ]
    if rows:
        unvoted = [1.0] * (tests(dataset) - len(rows))  # designed, so corrected for as well
        corrected = multipletests([row["p"]["p"] for row in rows] + unvoted, method="holm")[1]
        for row, p in zip(rows, corrected, strict=False):
            row["p_holm"] = float(p)
    return rows


def tests(dataset: Dataset) -> int:
    """Comparisons of the design times dimensions: what Holm corrects for."""
    systems = len(dataset.systems)
    pairs = math.comb(systems, 2) if dataset.config.comparisons == "all" else systems - 1
    return pairs * len(dataset.config.dimensions)


def _comparison(
    part: pd.DataFrame, first: str, second: str, dimension: str, dataset: Dataset
) -> dict[str, Any]:
    rule = dataset.config.analysis
    scores = part["score"].to_numpy(float)
    people, items = pd.factorize(part["participant"])[0], pd.factorize(part["item"])[0]
    table = bootstrap.tabulate(people, items, scores)
    seed = draw(dataset.config.seed, "report", first, second, dimension) % 2**31
    counts = gsb.count(scores)
    return {
        "first": first,
        "second": second,
        "name": second if first == dataset.config.candidate else f"{first} : {second}",
        "role": dataset.systems[second],
        "dimension": dimension,
        "good": counts.good,
        "same": counts.same,
        "bad": counts.bad,
        "votes": counts.total,
        "participants": table.sums.shape[0],
        "items": table.sums.shape[1],
        "forms": counts.forms(),
        "interval": clustered.two_way_interval(table, rule.alpha),
        "bootstrap_interval": bootstrap.interval(table, rule.alpha, rule.resamples, seed),
        "p": {
            "p": clustered.two_way_test(table),
            "flips_of_participants": permutation.sign_flip(
                table.sums.sum(axis=1), rule.resamples, seed
            ),
            "flips_of_items": permutation.sign_flip(
                table.sums.sum(axis=0), rule.resamples, seed + 1
            ),
        },
        "sign_test": counts.sign_test(),
        "wilson": counts.wilson(rule.alpha),
        "naive_interval": bootstrap.naive_interval(scores, rule.alpha) if len(scores) > 1 else None,
        "design_effect": bootstrap.design_effect(table, scores, rule.resamples, seed),
    }


def flow(dataset: Dataset, frame: pd.DataFrame, included: pd.DataFrame) -> dict[str, Any]:
    """Participants and votes from entry to analysis, and every reason on the way.

    `included` are the rows of `frame` in the primary analysis.
    """
    verdicts = judgements(dataset)
    failed = [part.reasons for part in verdicts.values() if part.verdict == "fail"]
    excluded = verdicts.keys() & exclusions(dataset).keys()
    knowing = len(excluded.intersection(excluded_after_unblinding(dataset)))
    kinds = Counter(entry.kind for entry in dataset.entries)
    votes = frame.drop_duplicates("vote")
    main = votes[votes["kind"] == "main"]
    reasons = Counter(reason for part in verdicts.values() for reason in part.reasons)
    return {
        "entered": kinds["entered"],
        "withdrawn": kinds["withdrawn"],
        "analysed": int(included["participant"].nunique()),
        "failed_playback": sum(
            vote.record["kind"] == "main" and vote.record["verdict"] == "fail"
            for vote in dataset.votes
        ),
        "failed_checks": sum(set(names) != {"operator"} for names in failed),
        "excluded": {
            "before_results": len(excluded) - knowing,
            "after_results": knowing,
        },
        "states": dict(sorted(Counter(person.state for person in dataset.people).items())),
        "participants": dict(sorted(Counter(v.verdict for v in verdicts.values()).items())),
        "reasons": dict(sorted(reasons.items())),
        "votes": len(votes),
        "main_votes": dict(sorted(Counter(main["verdict"]).items())),
        "cannot_judge": int((frame["choice"] == "cannot").sum()),
    }


def side_bias(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Left against right among decisive answers, per dimension, with a binomial test."""
    made = {}
    for dimension, part in frame.groupby("dimension", sort=True):
        left, right = ((part["choice"] == side).sum() for side in ("left", "right"))
        p = stats.binomtest(int(left), int(left + right)).pvalue if left + right else None
        made[str(dimension)] = {"left": int(left), "right": int(right), "p": p}
    return made


def agreements(frame: pd.DataFrame, dataset: Dataset) -> dict[str, dict[str, Any]]:
    """Krippendorff's alpha with its interval, and raw agreement, per dimension."""
    made: dict[str, dict[str, Any]] = {}
    for dimension, part in frame.groupby("dimension", sort=True):
        units = part.groupby(["first", "second", "item"], sort=True).ngroup().to_numpy()
        counts = agreement.value_counts(units, part["score"].to_numpy(float))
        seed = draw(dataset.config.seed, "agreement", dimension) % 2**31
        rule = dataset.config.analysis
        draws = round(rule.resamples * AGREEMENT_SHARE)
        made[str(dimension)] = {
            "alpha": agreement.alpha(counts),
            "interval": agreement.alpha_interval(counts, rule.alpha, draws, seed),
            "raw": agreement.raw_agreement(counts),
            "units": len(counts),
        }
    return made


def strengths(frame: pd.DataFrame, dataset: Dataset) -> dict[str, Any]:
    """Davidson strengths per dimension where there are more than two systems, else nothing."""
    keys = list(dataset.systems)
    if len(keys) < 3:
        return {}
    made = {}
    for dimension, part in frame.groupby("dimension", sort=True):
        seed = draw(dataset.config.seed, "davidson", dimension) % 2**31
        made[str(dimension)] = _strengths(part, keys, dataset.config.analysis, seed)
    return made


def _strengths(part: pd.DataFrame, keys: list[str], rule: Analysis, seed: int) -> dict[str, Any]:
    number = {key: index for index, key in enumerate(keys)}
    first_left = (part["first_side"] == "left").to_numpy()
    first, second = part["first"].map(number), part["second"].map(number)
    left = np.where(first_left, first, second)
    right = np.where(first_left, second, first)
    outcome = np.where(first_left, part["score"], -part["score"]).astype(int)
    people = pd.factorize(part["participant"])[0]
    rows, where = np.unique(np.stack([left, right, outcome], 1), axis=0, return_inverse=True)
    by_person = np.zeros((people.max() + 1, len(rows)))
    np.add.at(by_person, (people, where.ravel()), 1.0)
    columns = (rows[:, 0], rows[:, 1], rows[:, 2])
    votes = davidson.Votes(*columns, weight=by_person.sum(axis=0))
    try:
        fitted = davidson.fit(votes, len(keys))
    except davidson.DisconnectedError as error:
        return {"problem": str(error)}
    rng = np.random.default_rng(seed)
    share = np.full(len(by_person), 1 / len(by_person))
    draws = []
    for _ in range(round(rule.resamples * REFIT_SHARE)):
        weight = (rng.multinomial(len(by_person), share) @ by_person).astype(float)
        try:
            again = davidson.fit(davidson.Votes(*columns, weight=weight), len(keys), fitted)
        except davidson.DisconnectedError:
            continue
        draws.append(again.strengths)
    bounds = (
        np.quantile(draws, [rule.alpha / 2, 1 - rule.alpha / 2], axis=0).T.tolist()
        if draws
        else None
    )
    return {
        "strengths": dict(zip(keys, fitted.strengths.tolist(), strict=True)),
        "intervals": dict(zip(keys, bounds, strict=True)) if bounds else None,
        "nu": fitted.nu,
        "left_advantage": fitted.left_advantage,
    }


def stopping_plan(
    frame: pd.DataFrame, primary: list[dict[str, Any]], dataset: Dataset
) -> dict[str, Any]:
    """Votes needed per comparison, as planned and with tie share and design effect seen so far.

    Both are pooled over systems, so that nobody learns from the plan who is ahead.
    """
    rule, items = dataset.config.analysis, int(dataset.meta["items"])
    alpha = rule.alpha / tests(dataset)
    planned = power.plan(
        rule.expected_true_rate,
        alpha,
        rule.expected_tie_share,
        rule.expected_design_effect,
        items,
    )
    effects = [row["design_effect"] for row in primary if row["design_effect"] is not None]
    seen = None
    if effects and len(frame):
        ties = min(0.95, float((frame["score"] == 0).mean()))
        effect = float(np.median(effects))
        seen = vars(power.plan(rule.expected_true_rate, alpha, ties, effect, items))
    complete = len(primary) == tests(dataset)
    have = min((row["votes"] for row in primary), default=0) if complete else 0
    return {
        "tests": tests(dataset),
        "planned": vars(planned),
        "seen": seen,
        "smallest_comparison": have,
    }


def _scored(frame: pd.DataFrame) -> pd.DataFrame:
    """The answers that say something about two systems."""
    return frame[(frame["kind"] == "main") & frame["score"].notna()]


def _pairs(frame: pd.DataFrame) -> list[tuple[str, str]]:
    pairs = frame[["first", "second"]].drop_duplicates().itertuples(index=False, name=None)
    return sorted(pairs)


def _select(frame: pd.DataFrame, first: str, second: str, dimension: str) -> pd.DataFrame:
    where = (frame["first"] == first) & (frame["second"] == second)
    return frame[where & (frame["dimension"] == dimension)]


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(part) for part in value]
    if isinstance(value, float | np.floating):
        return round(float(value), DIGITS) if np.isfinite(value) else None
    return value
