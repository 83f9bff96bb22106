"""The switch `--linear`: which arithmetic a user asks for."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, cast, get_args

from flowact.errors import UserError

Backend = Literal["torch", "torchao", "te"]

NATIVE: Final = "native"
LINEAR_HELP: Final = (
    "arithmetic of the video layers: auto, native, int8 or fp8; int8:torchao, fp8:torchao and fp8:te "
    "by another library (auto)"
)


class LinearChoice(NamedTuple):
    """What a user asks for.

    Attributes:
        form: `auto` for what the precision plan says.
        backend: the library that multiplies.
    """

    form: str = "auto"
    backend: Backend = "torch"


def parse_linear(text: str) -> LinearChoice:
    """Read the value of `--linear`.

    Raises:
        UserError: it is none.
    """
    form, _, backend = text.partition(":")
    backend = backend or "torch"
    known = form in ("int8", "fp8") and backend in get_args(Backend)
    if not (known or text in ("auto", NATIVE)) or (form, backend) == ("int8", "te"):
        raise UserError(
            "--linear takes auto, native, int8 or fp8, the last two perhaps with :torchao or :te "
            f"behind (te only behind fp8), not {text!r}."
        )
    return LinearChoice(form, cast(Backend, backend))
