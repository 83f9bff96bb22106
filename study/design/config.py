"""`study.yaml`: everything an operator decides before the first vote, checked strictly.

The hash of the whole configuration is stored with every vote, so that a published number can always be
traced to the rules under which it was collected.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from study import canonical
from study.design.sections import (
    DEFAULT_DIMENSIONS,
    KNOWN_QUESTIONS,
    Analysis,
    Catch,
    Consent,
    Dimension,
    Identifier,
    Limits,
    LocalText,
    Part,
    Quality,
    Questionnaire,
    Recruitment,
    Server,
    SoundCheck,
    Stimuli,
    SystemName,
    Trials,
)
from study.encoding import plain_yaml
from study.errors import StudyError

OPERATIONAL = ("database", "limits", "server")
"""Sections that say how a study is run, and not what is asked of whom."""


class StudyConfig(Part):
    """A whole study. Systems are named as in the manifest."""

    name: Identifier
    """of the study, in its files"""
    title: LocalText = Field(min_length=1)
    """in each language that the study is offered in"""
    seed: int = Field(ge=0, lt=2**31)
    """of every random choice"""
    candidate: SystemName
    """the system of interest"""
    anchor: SystemName | None = None
    """a system known to be best, from which catch trials are made"""
    comparisons: Literal["candidate", "all"] = "candidate"
    """the candidate with each other system, or each with each"""
    dimensions: tuple[Dimension, ...] = DEFAULT_DIMENSIONS
    """the questions on a pair"""
    database: str = "sqlite:///study.db"
    """its URL; `STUDY_DATABASE` wins"""
    trials: Trials = Trials()
    """what one participant sees"""
    stimuli: Stimuli = Stimuli()
    """the form of the clips"""
    quality: Quality = Quality()
    """what passes"""
    limits: Limits = Limits()
    """rate limits; may change while the study is open"""
    consent: Consent = Consent()
    """what participants agree to"""
    questionnaire: Questionnaire = Questionnaire()
    """what they are asked about themselves"""
    sound_check: SoundCheck = SoundCheck()
    """what they have to hear"""
    recruitment: Recruitment = Recruitment()
    """where they come from"""
    analysis: Analysis = Analysis()
    """how the numbers are made"""
    server: Server = Server()
    """proxies; may change while the study is open"""

    @property
    def dimension_ids(self) -> tuple[str, ...]:
        """The dimensions in configured order."""
        return tuple(dimension.id for dimension in self.dimensions)

    def hash(self) -> str:
        """SHA-256 of everything that can change a vote: the place of the database, proxies and limits can not.

        So an operator may list a proxy, or let more people in, while a study is open.
        Settings at their defaults are left out: a program with more settings still knows an older study.
        A default must therefore never change; another rule gets another name.
        """
        return canonical.digest(
            self.model_dump(mode="json", exclude=set(OPERATIONAL), exclude_defaults=True)
        )

    @model_validator(mode="after")
    def _dimensions_agree(self) -> Self:
        ids = self.dimension_ids
        if not ids or len(set(ids)) != len(ids):
            raise ValueError(f"dimensions must be distinct and not empty, not {list(ids)}")
        if self.analysis.primary_dimension not in ids:
            raise ValueError(
                f"analysis.primary_dimension is {self.analysis.primary_dimension!r}, "
                f"expected one of {list(ids)}"
            )
        catch = self.trials.catch
        if (catch.shifted or catch.frozen) and self.trials.catch.lip_sync_dimension not in ids:
            raise ValueError(
                f"trials.catch.lip_sync_dimension is {self.trials.catch.lip_sync_dimension!r}, "
                f"expected one of {list(ids)} (or trials.catch.shifted: 0 and trials.catch.frozen: 0)"
            )
        return self

    @property
    def answer_forms(self) -> dict[str, str]:
        """How each dimension is answered: gsb, forced or rating."""
        return {dimension.id: dimension.answers for dimension in self.dimensions}

    @model_validator(mode="after")
    def _answers_fit(self) -> Self:
        locales = set(self.title)
        for dimension in self.dimensions:
            if dimension.answers == "rating" and not locales <= set(dimension.text):
                raise ValueError(
                    f"dimensions: {dimension.id} is a rating and needs a text of its own"
                )
        if self.trials.catch.identical and all(d.answers == "forced" for d in self.dimensions):
            raise ValueError(
                "trials.catch.identical has no known answer where every question is forced; set it to 0"
            )
        questions = (*self.questionnaire.before, *self.questionnaire.after)
        ids = [question.id for question in questions]
        if len(set(ids)) != len(ids):
            raise ValueError(f"questionnaire: every id is asked once, not {ids}")
        for question in questions:
            if question.id not in KNOWN_QUESTIONS and not locales <= set(question.text):
                raise ValueError(
                    f"questionnaire: {question.id} needs a text in {', '.join(sorted(locales))}"
                )
        return self

    @model_validator(mode="after")
    def _prolific_has_codes(self) -> Self:
        if self.recruitment.mode == "prolific" and "finished" not in self.recruitment.codes:
            raise ValueError(
                "recruitment.codes.finished is needed when recruitment.mode is prolific"
            )
        return self


def load(path: Path) -> StudyConfig:
    """Read and check a configuration file; raises StudyError with file, key and rule."""
    try:
        raw = plain_yaml.read(path)
    except FileNotFoundError:
        raise StudyError(
            f"{path}: there is no such configuration; `study init` makes one"
        ) from None
    if not isinstance(raw, dict):
        raise StudyError(f"{path}: expected keys and values at the top, found {type(raw).__name__}")
    return parse(raw, str(path))


def parse(raw: dict[str, Any], source: str) -> StudyConfig:
    """Check a mapping; `source` is named in the StudyError."""
    try:
        return StudyConfig.model_validate(raw)
    except ValidationError as error:
        raise StudyError(f"{source}: {_first_problem(error)}") from None


def _first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    context = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        return f"{context} is not a setting{_suggestion(str(problem['loc'][-1]))}"
    message = problem["msg"].removeprefix("Value error, ")
    found = "" if problem["type"] in ("missing", "value_error") else f", found {problem['input']!r}"
    return f"{context}: {message}{found}" if context else f"{message}{found}"


def _suggestion(key: str) -> str:
    sections = (
        StudyConfig,
        Trials,
        Catch,
        Stimuli,
        Quality,
        Limits,
        Consent,
        SoundCheck,
        Recruitment,
    )
    known = {name for part in (*sections, Analysis, Server) for name in part.model_fields}
    close = difflib.get_close_matches(key, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
