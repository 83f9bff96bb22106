"""JSON that programs send: read with a bound, refused with a code."""

from __future__ import annotations

from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from flowact.live.protocol.problem import ApiError

LONGEST_BODY: int = 65_536
Model = TypeVar("Model", bound=BaseModel)


def described(model: type[BaseModel]) -> dict[str, Any]:
    """Return how a route's description names the JSON that it reads with `read_body`."""
    schema = {"schema": model.model_json_schema()}
    return {"requestBody": {"required": True, "content": {"application/json": schema}}}


async def read_body(request: Request, model: type[Model]) -> Model:
    """Read what is wanted, but never more than that takes.

    Raises:
        ApiError: too long, or not what the model says.
    """
    body = await bounded(request, LONGEST_BODY)
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the body"
        raise ApiError("invalid_request", f"{place}: {first['msg']}.", status=422) from error


async def bounded(request: Request, most: int) -> bytes:
    """Read a body, but never more than it may have.

    Raises:
        ApiError: it is longer.
    """
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise ApiError("too_large", f"A request has at most {most} bytes.", status=413)
    return bytes(body)
