"""Questions about the participant, before and after the pairs: settings, texts and valid answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from study.design.config import StudyConfig
from study.design.sections import Question
from study.design.translations import texts
from study.errors import Refused

LONGEST = 2000  # characters of a free text

When = Literal["before", "after"]


def asked(config: StudyConfig, when: When) -> tuple[Question, ...]:
    """The questions of one page."""
    return config.questionnaire.before if when == "before" else config.questionnaire.after


def pending(config: StudyConfig, state: str, answers: Mapping[str, Any]) -> When | None:
    """The page of questions that is due in this state, None when there is none."""
    due: When = "before" if state == "consented" else "after"
    if state not in ("consented", "finished"):
        return None
    return due if any(question.id not in answers for question in asked(config, due)) else None


def page(config: StudyConfig, locale: str) -> dict[str, list[dict[str, Any]]]:
    """Both pages as the browser needs them, in one language."""
    return {
        when: [_worded(question, locale) for question in asked(config, when)]
        for when in ("before", "after")
    }


def checked(config: StudyConfig, when: When, given: Mapping[str, str]) -> dict[str, str | None]:
    """The answers of one page, None for what was left out; raises Refused for any other answer."""
    questions = asked(config, when)
    unknown = sorted(given.keys() - {question.id for question in questions})
    if unknown:
        raise Refused(422, "incomplete", f"{unknown[0]!r} was not asked")
    return {question.id: _valid(question, given.get(question.id)) for question in questions}


def wording(question: Question, locale: str) -> str:
    """The text of a question: the study's own, or that of the locale."""
    own = {str(key): text for key, text in question.text.items()}.get(locale)
    return own or str(texts(locale)["questionnaire"]["questions"][question.id]["text"])


def _valid(question: Question, answer: str | None) -> str | None:
    answer = (answer or "").strip() or None
    if answer is None:
        if question.required:
            raise Refused(422, "incomplete", f"{question.id!r} needs an answer")
        return None
    options = _options(question, "en")
    if options and answer not in options:
        raise Refused(422, "incomplete", f"{answer!r} is not one of {sorted(options)}")
    return answer[:LONGEST]


def _options(question: Question, locale: str) -> dict[str, str]:
    """Ids and texts of the answers to choose from; empty for a free text."""
    if question.options:
        return {
            option.id: {str(key): text for key, text in option.text.items()}.get(locale, option.id)
            for option in question.options
        }
    known = texts(locale)["questionnaire"]["questions"].get(question.id, {})
    return {} if question.text else dict(known.get("options", {}))


def _worded(question: Question, locale: str) -> dict[str, Any]:
    options = [{"id": key, "text": text} for key, text in _options(question, locale).items()]
    return {
        "id": question.id,
        "text": wording(question, locale),
        "options": options,
        "required": question.required,
    }
