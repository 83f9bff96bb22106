"""The tidy frame: one row per vote and dimension, in the frame of the systems."""

from __future__ import annotations

from typing import Any

import pandas as pd

from study.analysis.dataset import Dataset, StoredVote, judgements
from study.statistics.bootstrap import Table, tabulate
from study.voting import quality
from study.voting.quality import Judgement

COLUMNS = {
    "vote": "random name of the vote",
    "participant": "random name of the participant",
    "position": "number of the trial, from 0",
    "kind": "training, main, identical, shifted, frozen or repeated",
    "item": "picture and sound that both systems were given",
    "first": "system of interest (the candidate wherever it takes part)",
    "second": "system compared with it",
    "first_side": "side on which `first` was shown: left or right",
    "dimension": "the question",
    "choice": "answer as displayed: left, same, right, cannot, or a rating of left/right from 1 to 5",
    "score": "+1 first is better, 0 same, -1 second is better, empty for cannot",
    "rating_first": "rating of `first` from 1 (bad) to 5 (excellent), where the question asks for one",
    "rating_second": "rating of `second`",
    "verdict": "pass, fail or unchecked: the vote's playback and its participant together",
    "reasons": "names of the checks behind a fail or unchecked",
    "included": "whether the row enters the primary analysis",
    "drift_p95_ms": "95th percentile of the distance between the two sides' media times",
    "seconds_since_served": "from serving the pair to receiving the vote, by the server's clock",
    "received_at": "seconds since 1970 (UTC)",
}
SCORES = {"left": 1.0, "same": 0.0, "right": -1.0}


def tidy(dataset: Dataset) -> pd.DataFrame:
    """All votes with the columns of `COLUMNS`, ordered by participant and position."""
    verdicts = judgements(dataset)
    order = {key: number for number, key in enumerate(dataset.systems)}
    candidate = dataset.config.candidate
    rank = {key: (-1 if key == candidate else number) for key, number in order.items()}
    rows = [row for vote in dataset.votes for row in _rows(vote, verdicts, rank)]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["score"] = frame["score"].astype(float)
    frame["included"] = frame["included"].astype(bool)
    return frame.sort_values(["participant", "position"], kind="stable", ignore_index=True)


def tabulated(part: pd.DataFrame) -> Table:
    """Scores by participant and item, for votes of one comparison on one question."""
    people, items = pd.factorize(part["participant"])[0], pd.factorize(part["item"])[0]
    return tabulate(people, items, part["score"].to_numpy(float))


def coverage(frame: pd.DataFrame) -> dict[tuple[str, str], int]:
    """Votes by (pair of systems, item), of a frame made by `tidy`."""
    votes = frame[frame["kind"] == "main"].drop_duplicates("vote")
    pairs = votes["first"] + " : " + votes["second"]
    return {
        (str(pair), str(item)): int(number)
        for (pair, item), number in votes.groupby([pairs, votes["item"]]).size().items()
    }


def _rows(
    vote: StoredVote, verdicts: dict[str, Judgement], rank: dict[str, int]
) -> list[dict[str, Any]]:
    record = vote.record
    left, right = record["left"]["system"], record["right"]["system"]
    first_left = rank[left] <= rank[right]
    own = Judgement(record["verdict"], tuple(record["reasons"]))
    judged = quality.combine([own, verdicts[record["participant"]]])
    shared = {
        "vote": record["vote"],
        "participant": record["participant"],
        "position": record["position"],
        "kind": record["kind"],
        "item": record["item"],
        "first": left if first_left else right,
        "second": right if first_left else left,
        "first_side": "left" if first_left else "right",
        "verdict": judged.verdict,
        "reasons": " ".join(judged.reasons),
        "drift_p95_ms": record["playback"].get("drift_p95_ms"),
        "seconds_since_served": record["seconds_since_served"],
        "received_at": record["received_at"],
    }
    return [
        shared | _answer(name, record["choices"][name], first_left, record["kind"], judged)
        for name in record["order"]
    ]


def _answer(
    dimension: str, choice: str, first_left: bool, kind: str, judged: Judgement
) -> dict[str, Any]:
    shown = SCORES.get(quality.side(choice))
    rated = choice.split("/") if "/" in choice else [None, None]
    own, other = rated if first_left else rated[::-1]
    score = None if shown is None else shown if first_left else -shown
    included = kind == "main" and score is not None and judged.verdict != "fail"
    return {
        "dimension": dimension,
        "choice": choice,
        "score": score,
        "rating_first": None if own is None else int(own),
        "rating_second": None if other is None else int(other),
        "included": included,
    }
