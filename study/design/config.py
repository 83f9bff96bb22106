"""`study.yaml`: everything an operator decides before the first vote, checked strictly.

The hash of the whole configuration is stored with every vote, so that a published number can always be
traced to the rules under which it was collected.
"""

from __future__ import annotations

import difflib
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from study import canonical
from study.errors import StudyError

Locale = Literal["en", "zh"]
LOCALES: tuple[Locale, ...] = ("en", "zh")
LocalText = dict[Locale, str]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
Share = Annotated[float, Field(ge=0, le=1)]
LONGEST = 60.0
"""Seconds of the longest clips: raters see many."""


class Part(BaseModel):
    """Base of every section: unknown keys are an error and nothing changes after loading.

    YAML reads a system called 1, or version 1.0, as a number.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class Dimension(Part):
    """One question on a pair. `text` may be left out for the five dimensions that the locales know.

    `answers` are A, same or B (`gsb`); A or B (`forced`); or a rating of each side from 1, bad, to 5, excellent
    (`rating`), which needs a text of its own.
    """

    id: Identifier
    text: LocalText = {}
    answers: Literal["gsb", "forced", "rating"] = "gsb"


class Option(Part):
    """One answer to choose."""

    id: Identifier
    text: LocalText = {}


KNOWN_QUESTIONS = ("age_band", "headphones", "screen", "vision", "comment")


class Question(Part):
    """A question about the participant: a choice among `options`, or a free text without them.

    Text and options may be left out for age_band, headphones, screen, vision and comment.
    """

    id: Identifier
    text: LocalText = {}
    options: tuple[Option, ...] = ()
    required: bool = False


class Questionnaire(Part):
    """Pages of questions before the pairs and after them."""

    before: tuple[Question, ...] = ()
    after: tuple[Question, ...] = ()


class Catch(Part):
    """Trials with a known answer, hidden among the others. Counts are per participant."""

    identical: int = Field(2, ge=0, le=8)
    shifted: int = Field(2, ge=0, le=8)
    frozen: int = Field(
        0, ge=0, le=8, description="a picture that stands still beside a moving one"
    )
    repeated: int = Field(1, ge=0, le=8)
    shift_ms: int = Field(200, ge=40, le=1000)
    lip_sync_dimension: Identifier = "lip_sync"
    items: int = Field(4, ge=1, description="for how many items spoilt clips are made")
    system: str | None = Field(
        None, description="whose clips are spoilt, best recordings; default: anchor, or candidate"
    )

    @property
    def hidden(self) -> int:
        """How many trials with a known answer one participant sees."""
        return self.identical + self.shifted + self.frozen


class Trials(Part):
    """How many trials one participant sees and for how long a served trial stays valid."""

    per_participant: int = Field(
        20, ge=1, le=200, description="different pairs; all where there are fewer"
    )
    training: int = Field(2, ge=0, le=2)
    catch: Catch = Catch()
    expire_minutes: float = Field(30.0, gt=0)
    dimension_order: Literal["fixed", "random"] = "fixed"


class Stimuli(Part):
    """The one form into which every clip is brought.

    Units: pixels, frames per second, seconds, LUFS (ITU-R BS.1770-4), dB true peak. What is left out is chosen for
    the videos: the commonest shape at its largest, and the rate at which all move most evenly.
    """

    width: int | None = Field(None, ge=64, le=1920, multiple_of=2)
    height: int | None = Field(None, ge=64, le=1920, multiple_of=2)
    fps: int | None = Field(None, ge=10, le=60)
    fit: Literal["pad", "crop"] = Field(
        "pad",
        description="what is done with videos of another shape: grey bars, or their edges cut off",
    )
    window: tuple[float, float] | None = Field(
        None, description="[start, seconds] of every video that is shown; default: all"
    )
    crf: int = Field(18, ge=0, le=35)
    preset: Literal["ultrafast", "veryfast", "fast", "medium", "slow"] = "medium"
    loudness: float = Field(-23.0, ge=-40, le=-10)
    peak: float = Field(-1.0, ge=-9, le=0)
    audio_rate: Literal[44100, 48000] = 48000

    @property
    def start(self) -> float:
        """Seconds of every video that are left out before what is shown."""
        return self.window[0] if self.window else 0.0

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.window and not (self.window[0] >= 0 and 0 < self.window[1] <= LONGEST):
            raise ValueError(
                f"stimuli.window is {list(self.window)}, expected [start, seconds] with at most {LONGEST:g} seconds"
            )
        if (self.width is None) != (self.height is None):
            raise ValueError("stimuli.width and stimuli.height are given both or neither")
        return self


class Quality(Part):
    """Limits that decide pass or fail; what could not be measured is `unchecked`, never a fail."""

    drift_ms: float = Field(80.0, gt=0)
    hidden_seconds: float = Field(2.0, ge=0)
    stalls: int = Field(3, ge=0)
    dropped_share: Share = 0.2
    catch_failures: int = Field(1, ge=0, description="failed catch trials that are forgiven")
    same_side_share: Share = 0.95
    repeat_agreement: Share = 0.2
    answer_seconds: float = Field(
        0.15, ge=0, le=10, description="least time for one answer, after both clips have ended"
    )
    service_url: str | None = None
    service_seconds: float = Field(2.0, gt=0, le=30)
    alarm_excluded_share: Share = 0.3
    alarm_unchecked_share: Share = 0.2
    alarm_window: int = Field(20, ge=2)


class Limits(Part):
    """Rate limits, counted in the database."""

    calls_per_minute: int = Field(120, ge=1)
    enrolments_per_hour: int = Field(60, ge=1, description="per network")
    login_failures: int = Field(5, ge=1)
    lockout_minutes: float = Field(15.0, gt=0)


class Consent(Part):
    """What a participant agrees to; an empty text means the locale's own."""

    version: str = Field("1", min_length=1, max_length=20)
    text: LocalText = {}
    contact: str = ""


class Recruitment(Part):
    """Where participants come from and which completion code each outcome shows."""

    mode: Literal["open", "invited", "prolific"] = "open"
    study_id: str | None = Field(
        None, description="the recruiter's id of this study; others refused"
    )
    codes: dict[Literal["finished", "screened", "withdrawn"], str] = {}
    raters: int = Field(30, ge=2, le=100_000, description="how many are planned")


class Analysis(Part):
    """How the numbers are made; fixed before the first vote."""

    alpha: float = Field(0.05, gt=0, lt=0.5)
    resamples: int = Field(4000, ge=200, le=100_000)
    primary_dimension: Identifier = "overall"
    expected_true_rate: float = Field(0.65, gt=0.5, lt=1)
    expected_tie_share: float = Field(0.3, ge=0, lt=1)
    expected_rater_sd: float = Field(
        0.2, ge=0, le=1, description="how far raters' own net preferences lie apart"
    )
    expected_item_sd: float = Field(
        0.2, ge=0, le=1, description="how far items' own net preferences lie apart"
    )
    reveal_before_close: bool = False

    @model_validator(mode="after")
    def _leaves_room_for_chance(self) -> Self:
        share = 1 - self.expected_tie_share
        variance = share - ((2 * self.expected_true_rate - 1) * share) ** 2
        if self.expected_rater_sd**2 + self.expected_item_sd**2 > variance:
            raise ValueError(
                "expected_rater_sd and expected_item_sd are larger than votes with these "
                f"expected_tie_share and expected_true_rate can differ: the sum of their squares is at "
                f"most {variance:.2f}"
            )
        return self


class Server(Part):
    """Only proxies listed here may say where a request came from and by which scheme.

    These are X-Forwarded-For and X-Forwarded-Proto. `https` says that all browsers use HTTPS, whoever asks.
    """

    trusted_proxies: tuple[str, ...] = Field(
        (), description="addresses, or networks such as 10.0.0.0/8 where proxies come and go"
    )
    https: bool = False
    allowed_origins: tuple[str, ...] = ()

    @field_validator("trusted_proxies")
    @classmethod
    def _networks_are_networks(cls, proxies: tuple[str, ...]) -> tuple[str, ...]:
        for proxy in proxies:
            if "/" in proxy:
                ip_network(proxy)  # a ValueError of one sentence
        return proxies


DEFAULT_DIMENSIONS = tuple(
    Dimension(id=name)
    for name in ("motion_naturalness", "lip_sync", "stability", "motion_richness", "overall")
)


class StudyConfig(Part):
    """A whole study. `candidate` is the system of interest, `anchor` one known to be best, as in the manifest."""

    name: Identifier
    title: LocalText
    seed: int = Field(ge=0, lt=2**31)
    candidate: str = Field(min_length=1)
    anchor: str | None = None
    comparisons: Literal["candidate", "all"] = "candidate"
    dimensions: tuple[Dimension, ...] = DEFAULT_DIMENSIONS
    database: str = "sqlite:///study.db"
    trials: Trials = Trials()
    stimuli: Stimuli = Stimuli()
    quality: Quality = Quality()
    limits: Limits = Limits()
    consent: Consent = Consent()
    questionnaire: Questionnaire = Questionnaire()
    recruitment: Recruitment = Recruitment()
    analysis: Analysis = Analysis()
    server: Server = Server()

    @property
    def dimension_ids(self) -> tuple[str, ...]:
        """The dimensions in configured order."""
        return tuple(dimension.id for dimension in self.dimensions)

    def hash(self) -> str:
        """SHA-256 of everything but the place of the database, which changes no vote.

        Settings at their defaults are left out: a program with more settings still knows an older study.
        A default must therefore never change; another rule gets another name.
        """
        return canonical.digest(
            self.model_dump(mode="json", exclude={"database"}, exclude_defaults=True)
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
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StudyError(
            f"{path}: there is no such configuration; `study init` makes one"
        ) from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise StudyError(f"{path}: cannot be read as YAML ({reason})") from None
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
    sections = (StudyConfig, Trials, Catch, Stimuli, Quality, Limits, Consent, Recruitment)
    known = {name for part in (*sections, Analysis, Server) for name in part.model_fields}
    close = difflib.get_close_matches(key, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
