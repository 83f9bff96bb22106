"""The reference of all keys of study.yaml, made from the models that check them."""

from __future__ import annotations

import textwrap
import types
import typing
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from study.design.config import StudyConfig

HEAD = """# Settings of a study

Every key of `study.yaml`. This page is printed by `python -m study settings`, from the code that checks them. Unknown
keys are refused.
"""


WIDTH = 118
LIMITS = {
    "ge": "at least",
    "gt": "above",
    "le": "at most",
    "lt": "below",
    "multiple_of": "a multiple of",
}


def markdown() -> str:
    """The reference: one table a section."""
    parts = [HEAD]
    for name, model in _sections("", StudyConfig):
        text = textwrap.fill(" ".join((model.__doc__ or "").split()), WIDTH)
        parts.append(f"## {name or 'Top level'}\n\n{text}\n")
        parts.append("| key | values | default | meaning |\n|---|---|---|---|")
        parts += [_row(key, field) for key, field in model.model_fields.items()]
        parts.append("")
    return "\n".join(parts)


def _sections(name: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """This model, then those of its keys, with the path that leads to each."""
    yield name, model
    for key, field in model.model_fields.items():
        inner, many = _model(field.annotation)
        if inner is not None:
            path = f"{name}.{key}" if name else key
            yield from _sections(f"{path}[]" if many else path, inner)


def _model(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    for argument in typing.get_args(annotation):
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            return argument, True
    return None, False


def _row(key: str, field: FieldInfo) -> str:
    inner, many = _model(field.annotation)
    values = ("a list of sections" if many else "a section") if inner else _values(field)
    default = "required" if field.is_required() else _default(field, inner is not None)
    cells = (f"`{key}`", values, default, field.description or "")
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _default(field: FieldInfo, section: bool) -> str:
    if section:
        return "its own defaults"
    if field.default is None:
        return "none"
    return f"`{field.default!r}`" if field.default not in ((), {}, "") else "empty"


def _values(field: FieldInfo) -> str:
    words = _type(field.annotation)
    for limit in field.metadata:
        for name, before in LIMITS.items():
            value = getattr(limit, name, None)
            if value is not None:
                words += f", {before} {value}"
    return words


def _type(annotation: Any) -> str:
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return " or ".join(f"`{value}`" for value in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(part) for part in arguments if part is not type(None))
    if origin is typing.Annotated:
        return _type(arguments[0])
    if origin is dict:
        return f"{_type(arguments[1])} for each {_type(arguments[0])}"
    if origin is tuple:
        return f"a list of {_type(arguments[0])}"
    names = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    return names.get(annotation, str(annotation))
