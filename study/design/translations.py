"""The page's texts in every language, with the study's own texts laid over them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from study.design.config import StudyConfig
from study.design.sections import LOCALES, Locale, LocalText
from study.errors import StudyError

FOLDER = Path(__file__).parent / "locales"


@cache
def texts(locale: str) -> dict[str, Any]:
    """All texts of one language as nested dictionaries."""
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / f"{locale}.yaml").read_text("utf-8"))
    return loaded


def page_texts(config: StudyConfig) -> dict[str, dict[str, Any]]:
    """What the voting page needs in each language that the study offers."""
    return {locale: _overlaid(config, locale) for locale in offered(config)}


def offered(config: StudyConfig) -> list[Locale]:
    """The languages that the study has a title in, the first being the default."""
    return [locale for locale in LOCALES if locale in config.title]


def consent_text(config: StudyConfig, locale: str) -> str:
    """The exact text a participant agrees to: paragraph and statement."""
    consent = texts(locale)["consent"]
    return f"{_pick(config.consent.text, locale) or consent['text']}\n{consent['agree']}"


def dimension_text(config: StudyConfig, name: str, locale: str) -> str:
    """The question for one dimension; raises StudyError when nobody has worded it."""
    dimension = next(part for part in config.dimensions if part.id == name)
    text = _pick(dimension.text, locale) or texts(locale)["dimensions"].get(name)
    if text is None:
        raise StudyError(f"dimension {name!r} has no text in {locale!r}; add dimensions.text")
    return str(text)


def _overlaid(config: StudyConfig, locale: Locale) -> dict[str, Any]:
    known = texts(locale)
    consent = known["consent"] | {
        "text": _pick(config.consent.text, locale) or known["consent"]["text"]
    }
    if config.sound_check.headphones:
        consent["steps"] = [*consent["steps"][:-1], consent["headphones"]]
    questions = {name: dimension_text(config, name, locale) for name in config.dimension_ids}
    return known | {
        "title": config.title[locale],
        "answer_forms": config.answer_forms,
        "consent": consent,
        "dimensions": questions,
    }


def _pick(text: LocalText, locale: str) -> str | None:
    return text.get(locale)  # type: ignore[call-overload]
