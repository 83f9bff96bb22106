"""The numbers of a study, from its data alone: the same input gives the same report, digit by digit."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from study.analysis import progress, ranking, ratings
from study.analysis.dataset import Dataset, excluded_after_unblinding, exclusions, judgements
from study.analysis.tidy_table import tabulated, tidy
from study.design import plan
from study.design.assignment import draw
from study.statistics import agreement, bootstrap, clustered, gatekeeping, gsb, permutation

DIGITS = 6
AGREEMENT_SHARE = 0.1  # of analysis.resamples: alpha costs far more than a reweighted mean


def report(dataset: Dataset) -> dict[str, Any]:
    """All published numbers as JSON values, rounded to six digits."""
    frame = tidy(dataset)
    main = _scored(frame)
    included = main[main["included"]]
    made = {
        "study": dataset.meta | {"formulas": gsb.FORMULAS, "alpha": dataset.config.analysis.alpha},
        "flow": flow(dataset, frame, included),
        "primary": comparisons(included, dataset),
        "all_votes": comparisons(main, dataset),
        "opinions": ratings.opinions(included, dataset),
        "items": by_item(included),
        "side_bias": side_bias(included),
        "agreement": agreements(included, dataset),
        "strengths": ranking.strengths(included, dataset),
        "plan": progress.so_far(included, dataset),
    }
    rounded: dict[str, Any] = _rounded(made)
    return rounded


def plan_so_far(dataset: Dataset) -> dict[str, Any]:
    """`report(dataset)["plan"]` without the numbers that it does not need."""
    main = _scored(tidy(dataset))
    made: dict[str, Any] = _rounded(progress.so_far(main[main["included"]], dataset))
    return made


def comparisons(frame: pd.DataFrame, dataset: Dataset) -> list[dict[str, Any]]:
    """One row per pair of systems and dimension, with p values adjusted for all tests of the design."""
    rows = [
        _comparison(part, first, second, dimension, dataset)
        for first, second in _pairs(frame)
        for dimension in dataset.config.dimension_ids
        if len(part := _select(frame, first, second, dimension))
    ]
    first = [row for row in rows if row["family"] == "primary"]
    others = [row for row in rows if row["family"] == "other"]
    made = gatekeeping.adjusted(
        [row["p"]["p"] for row in first],
        [row["p"]["p"] for row in others],
        plan.families(dataset.config, len(dataset.systems)),
    )
    for row, p in zip([*first, *others], [*made[0], *made[1]], strict=True):
        row["p_adjusted"] = p
    return rows


def _comparison(
    part: pd.DataFrame, first: str, second: str, dimension: str, dataset: Dataset
) -> dict[str, Any]:
    rule = dataset.config.analysis
    scores = part["score"].to_numpy(float)
    table = tabulated(part)
    seed = draw(dataset.config.seed, "report", first, second, dimension) % 2**31
    counts = gsb.count(scores)
    return {
        "first": first,
        "second": second,
        "name": second if first == dataset.config.candidate else f"{first} : {second}",
        "role": dataset.systems[second],
        "dimension": dimension,
        "family": "primary" if dimension == rule.primary_dimension else "other",
        "good": counts.good,
        "same": counts.same,
        "bad": counts.bad,
        "votes": counts.total,
        "participants": table.sums.shape[0],
        "items": table.sums.shape[1],
        "forms": counts.forms(),
        "interval": clustered.two_way_interval(table, rule.alpha),
        "at_the_floor": clustered.at_the_floor(table, rule.alpha),
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
    voters = {vote.record["participant"] for vote in dataset.votes}
    kinds = Counter(entry.kind for entry in dataset.entries)
    votes = frame.drop_duplicates("vote")
    main = votes[votes["kind"] == "main"]
    reasons = Counter(reason for part in verdicts.values() for reason in part.reasons)
    return {
        "entered": kinds["entered"],
        "consented": kinds["consented"],
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
        "participants": dict(
            sorted(Counter(v.verdict for code, v in verdicts.items() if code in voters).items())
        ),
        "reasons": dict(sorted(reasons.items())),
        "votes": len(votes),
        "median_seconds_a_pair": _median_seconds(dataset),
        "main_votes": dict(sorted(Counter(main["verdict"]).items())),
        "cannot_judge": int((frame["choice"] == "cannot").sum()),
    }


def _median_seconds(dataset: Dataset) -> float | None:
    """From being given a pair of systems to the vote on it."""
    records = [vote.record for vote in dataset.votes if vote.record["kind"] == "main"]
    return float(np.median([r["seconds_since_served"] for r in records])) if records else None


def by_item(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Counts and net preference of each comparison on each question and item: descriptive."""
    made = []
    for keys, part in frame.groupby(["first", "second", "dimension", "item"], sort=True):
        counts = gsb.count(part["score"].to_numpy(float))
        row = dict(zip(("first", "second", "dimension", "item"), map(str, keys), strict=True))
        made.append(
            row
            | {"good": counts.good, "same": counts.same, "bad": counts.bad, "votes": counts.total}
            | {"net": counts.forms()["net"]}
        )
    return made


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
