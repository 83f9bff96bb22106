"""What a program is told when something cannot be done: a code that stays, and a sentence."""

from __future__ import annotations

from collections.abc import Container
from typing import Final

from pydantic import BaseModel, Field

from flowact.errors import UserError


class Problem(BaseModel):
    """A refusal. Programs act on `code`; `message` is for people and may change.

    Attributes:
        code: what is wrong, in lower case with underscores.
        message: one sentence.
        retryable: whether the same thing may succeed a moment later.
        fatal: whether the session is over.
    """

    code: str
    message: str
    retryable: bool = False
    fatal: bool = False


class ProblemBody(BaseModel):
    """The body of every HTTP answer that is a refusal."""

    error: Problem = Field(description="What is wrong.")


class ApiError(UserError):
    """A refusal with a code.

    Attributes:
        code: see `Problem`.
        status: of the HTTP answer.
        retryable, fatal: see `Problem`.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int = 400,
        retryable: bool = False,
        fatal: bool = False,
    ) -> None:
        super().__init__(message)
        self.code, self.status = code, status
        self.retryable, self.fatal = retryable, fatal


REFUSED: Final = "refused"
"""The code of a refusal that has no code of its own."""


def problem_of(error: UserError) -> Problem:
    """Say any refusal as a problem."""
    if isinstance(error, ApiError):
        return Problem(
            code=error.code, message=str(error), retryable=error.retryable, fatal=error.fatal
        )
    return Problem(code=REFUSED, message=str(error))


def check_voice(voice: str | None, engines: Container[str]) -> None:
    """Refuse a voice that this server has not; none at all is the usual one.

    Raises:
        ApiError: there is no such voice.
    """
    if voice and voice not in engines:
        raise ApiError("unknown_voice", "There is no such voice; see GET /v1/voices.", status=404)
