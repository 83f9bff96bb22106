"""What a model may answer: some steps from a closed list. Anything else is no plan."""

from __future__ import annotations

import json
import re
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from flowact.conditioning.actions import PHRASES

LONGEST_SECONDS: Final = 8
MOST_STEPS: Final = 3
LONGEST_WHY: Final = 60
LONGEST_REPLY: Final = 20_000
"""Characters of a reply that are looked at; a plan has less than three hundred."""
_OBJECT: Final = re.compile(r"\{.*\}", re.DOTALL)


class PlanStep(BaseModel):
    """One behaviour: `in_s` seconds from now, for `for_s` seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    in_s: int = Field(ge=0, le=LONGEST_SECONDS)
    behaviour: str
    for_s: int = Field(ge=1, le=LONGEST_SECONDS)

    @field_validator("behaviour")
    @classmethod
    def _is_known(cls, name: str) -> str:
        if name not in PHRASES:
            raise ValueError("no behaviour of the list")
        return name


class ActionPlan(BaseModel):
    """What to do in the next seconds, and why in printable ASCII."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: tuple[PlanStep, ...] = Field(min_length=1, max_length=MOST_STEPS)
    why: str = Field(pattern=rf"^[ -~]{{0,{LONGEST_WHY}}}$")

    def at(self, seconds: float) -> PlanStep | None:
        """Return the step for a moment after the plan was made; the later of two that overlap."""
        running = [step for step in self.steps if step.in_s <= seconds < step.in_s + step.for_s]
        return running[-1] if running else None


def schema() -> dict[str, Any]:
    """Return the JSON schema that servers are asked to keep to."""
    step = {
        "type": "object",
        "additionalProperties": False,
        "required": ["in_s", "behaviour", "for_s"],
        "properties": {
            "in_s": {"type": "integer", "minimum": 0, "maximum": LONGEST_SECONDS},
            "behaviour": {"type": "string", "enum": list(PHRASES)},
            "for_s": {"type": "integer", "minimum": 1, "maximum": LONGEST_SECONDS},
        },
    }
    return {
        "type": "object",
        "additionalProperties": False,
        "required": ["steps", "why"],
        "properties": {
            "steps": {"type": "array", "items": step, "minItems": 1, "maxItems": MOST_STEPS},
            "why": {"type": "string", "pattern": f"^[ -~]{{0,{LONGEST_WHY}}}$"},
        },
    }


def parse_plan(reply: str) -> ActionPlan:
    """Read a model's reply; a fence or a thought around the object is forgiven, its content never.

    Raises:
        ValueError: no plan; the message says why and repeats nothing of the reply.
    """
    found = _OBJECT.search(reply[:LONGEST_REPLY])
    if found is None:
        raise ValueError("the reply holds no JSON object")
    try:
        return ActionPlan.model_validate(json.loads(found.group()))
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"])) or "the object"
        raise ValueError(f"{place}: {first['msg'].lower()}") from error
    except (ValueError, RecursionError) as error:
        raise ValueError("the reply is no JSON") from error
