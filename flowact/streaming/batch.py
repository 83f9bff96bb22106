"""Batches of dataclasses and tuples whose tensors all begin with the batch dimension."""

from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def stack(values: Sequence[T]) -> T:
    """Concatenate along the batch; whatever is no tensor is taken from the first value."""
    stacked: T = _map_tensors(torch.cat, values)
    return stacked


def select(value: T, rows: Tensor) -> T:
    """Take the batch entries with indices `rows [n]`."""
    chosen: T = _map_tensors(lambda tensors: tensors[0][rows.to(tensors[0].device)], [value])
    return chosen


def scatter(value: T, rows: Tensor, update: T) -> T:
    """Return `value` with the batch entries `rows [n]` replaced by those of `update`."""
    updated: T = _map_tensors(
        lambda tensors: tensors[0].index_copy(0, rows.to(tensors[0].device), tensors[1]),
        [value, update],
    )
    return updated


def move(value: T, device: torch.device) -> T:
    """The same on another device."""
    moved: T = _map_tensors(lambda tensors: tensors[0].to(device), [value])
    return moved


def _map_tensors(function: Callable[[list[Tensor]], Tensor], values: Sequence[Any]) -> Any:
    first = values[0]
    if isinstance(first, Tensor):
        return function(list(values))
    if type(first) is tuple:
        return tuple(
            _map_tensors(function, entries) for entries in zip(*values, strict=bool(first))
        )
    if not is_dataclass(first) or isinstance(first, type):
        return first
    return replace(
        first,
        **{
            field.name: _map_tensors(function, [getattr(value, field.name) for value in values])
            for field in fields(first)
        },
    )
