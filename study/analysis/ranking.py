"""Strengths of all systems on one scale, where there are more than two."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from study.analysis.dataset import Dataset
from study.statistics import davidson


def strengths(frame: pd.DataFrame, dataset: Dataset) -> dict[str, Any]:
    """Davidson strengths per dimension where there are more than two systems, else nothing."""
    keys = list(dataset.systems)
    if len(keys) < 3:
        return {}
    alpha = dataset.config.analysis.alpha
    return {
        str(dimension): _strengths(part, keys, alpha)
        for dimension, part in frame.groupby("dimension", sort=True)
    }


def _strengths(part: pd.DataFrame, keys: list[str], alpha: float) -> dict[str, Any]:
    number = {key: index for index, key in enumerate(keys)}
    first_left = (part["first_side"] == "left").to_numpy()
    first, second = part["first"].map(number), part["second"].map(number)
    votes = davidson.Votes(
        left=np.where(first_left, first, second),
        right=np.where(first_left, second, first),
        outcome=np.where(first_left, part["score"], -part["score"]).astype(int),
        weight=np.ones(len(part)),
    )
    people, items = pd.factorize(part["participant"])[0], pd.factorize(part["item"])[0]
    try:
        fitted = davidson.fit(votes, len(keys))
    except davidson.DisconnectedError as error:
        return {"problem": str(error)}
    bounds = davidson.intervals(votes, people, items, len(keys), alpha)
    return {
        "strengths": dict(zip(keys, fitted.strengths.tolist(), strict=True)),
        "intervals": None if bounds is None else dict(zip(keys, bounds.tolist(), strict=True)),
        "nu": fitted.nu,
        "left_advantage": fitted.left_advantage,
    }
