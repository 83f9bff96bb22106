"""The sections of `study.yaml`, each key with its limits; a string below a key is its meaning in the reference."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Annotated, Literal, Self
from unicodedata import normalize

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)


def plain_name(name: str) -> str:
    """A name without spaces around it, its letters composed: they look alike in study.yaml and in a manifest."""
    return normalize("NFC", name.strip())


Locale = Literal["en", "zh"]
LOCALES: tuple[Locale, ...] = ("en", "zh")
LocalText = dict[Locale, str]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")]
SystemName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(plain_name)
]
Share = Annotated[float, Field(ge=0, le=1)]
LONGEST = 60.0
"""Seconds of the longest clips: raters see many."""


class Part(BaseModel):
    """Base of every section: unknown keys are an error and nothing changes after loading.

    YAML reads a system called 1, or version 1.0, as a number.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        coerce_numbers_to_str=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
    )


class Dimension(Part):
    """One question on a pair. `text` may be left out for the five dimensions that the locales know.

    `answers` are A, same or B (`gsb`); A or B (`forced`); or a rating of each side from 1, bad, to 5, excellent
    (`rating`), which needs a text of its own.
    """

    id: Identifier
    """name in all files; the locales know motion_naturalness, lip_sync, stability, motion_richness, overall"""
    text: LocalText = {}
    """the question, in every language of the title"""
    answers: Literal["gsb", "forced", "rating"] = "gsb"
    """form of the answer"""


class Option(Part):
    """One answer to choose."""

    id: Identifier
    """what is stored"""
    text: LocalText = {}
    """what is shown"""


KNOWN_QUESTIONS = ("age_band", "headphones", "screen", "vision", "comment")


class Question(Part):
    """A question about the participant: a choice among `options`, or a free text without them.

    Text and options may be left out for age_band, headphones, screen, vision and comment.
    """

    id: Identifier
    """what it is called in participants.csv"""
    text: LocalText = {}
    """the question"""
    options: tuple[Option, ...] = ()
    """answers to choose from; a free text without them"""
    required: bool = False
    """whether it may not be left out"""


class Questionnaire(Part):
    """Pages of questions before the pairs and after them."""

    before: tuple[Question, ...] = ()
    """after the consent"""
    after: tuple[Question, ...] = ()
    """after the last pair"""


class Catch(Part):
    """Trials with a known answer, hidden among the others. Counts are per participant."""

    identical: int = Field(2, ge=0, le=8)
    """pairs of one and the same clip"""
    shifted: int = Field(2, ge=0, le=8)
    """pairs of a clip and its copy with early or late lips"""
    frozen: int = Field(0, ge=0, le=8)
    """a picture that stands still beside a moving one"""
    repeated: int = Field(1, ge=0, le=8)
    """pairs that come back with the sides swapped"""
    shift_ms: int = Field(200, ge=40, le=1000)
    """by how many milliseconds lips are early or late"""
    lip_sync_dimension: Identifier = "lip_sync"
    """the question on which a spoilt clip has to lose"""
    items: int = Field(4, ge=1)
    """for how many items spoilt clips are made"""
    system: SystemName | None = None
    """whose clips are spoilt, best recordings; default: anchor, or candidate"""

    @property
    def hidden(self) -> int:
        """How many trials with a known answer one participant sees."""
        return self.identical + self.shifted + self.frozen


class Trials(Part):
    """How many trials one participant sees and for how long a served trial stays valid."""

    per_participant: int = Field(20, ge=1, le=200)
    """different pairs; all where there are fewer"""
    training: int = Field(2, ge=0, le=2)
    """practice pairs before those that count"""
    catch: Catch = Catch()
    """pairs with a known answer"""
    expire_minutes: float = Field(30.0, gt=0)
    """for how long a pair that was shown takes a vote"""
    dimension_order: Literal["fixed", "random"] = "fixed"
    """of the questions on a pair"""


class Stimuli(Part):
    """The one form into which every clip is brought.

    Units: pixels, frames per second, seconds, LUFS (ITU-R BS.1770-4), dB true peak. What is left out is chosen for
    the videos: the commonest shape at its largest, and the rate at which all move most evenly.
    """

    width: int | None = Field(None, ge=64, le=1920, multiple_of=2)
    """of all clips"""
    height: int | None = Field(None, ge=64, le=1920, multiple_of=2)
    """of all clips"""
    fps: int | None = Field(None, ge=10, le=60)
    """of all clips"""
    fit: Literal["pad", "crop"] = "pad"
    """what is done with videos of another shape: grey bars, or their edges cut off"""
    window: tuple[float, float] | None = None
    """[start, seconds] of every video that is shown; default: all"""
    crf: int = Field(18, ge=0, le=35)
    """quality of the encoding: less is better and larger"""
    preset: Literal["ultrafast", "veryfast", "fast", "medium", "slow"] = "medium"
    """speed of x264; slower ones make smaller clips"""
    loudness: float = Field(-23.0, ge=-40, le=-10)
    """of all clips"""
    peak: float = Field(-1.0, ge=-9, le=0)
    """that no sound exceeds"""
    audio_rate: Literal[44100, 48000] = 48000
    """samples per second"""

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
    """distance of the two sides, exceeded for at most a twentieth of the time"""
    hidden_seconds: float = Field(2.0, ge=0)
    """for which the page may be in the background"""
    stalls: int = Field(3, ge=0)
    """times that a pair may stop for loading"""
    dropped_share: Share = 0.2
    """of frames that may be missing"""
    catch_failures: int = Field(1, ge=0)
    """failed catch trials that are forgiven"""
    same_side_share: Share = 0.95
    """of decided answers that may be for one side"""
    repeat_agreement: Share = 0.2
    """least share of repeated answers that may not turn round"""
    answer_seconds: float = Field(0.15, ge=0, le=10)
    """least time for one answer, after both clips have ended"""
    service_url: str | None = None
    """an address that judges participants, asked by POST"""
    service_seconds: float = Field(2.0, gt=0, le=30)
    """patience with it"""
    alarm_excluded_share: Share = 0.3
    """of the newest participants that may fail without an alarm"""
    alarm_unchecked_share: Share = 0.2
    """of those that may be unchecked without one"""
    alarm_window: int = Field(20, ge=2)
    """how many are the newest"""


class Limits(Part):
    """Rate limits, counted in the database."""

    calls_per_minute: int = Field(120, ge=1)
    """per participant"""
    enrolments_per_hour: int = Field(60, ge=1)
    """per network"""
    login_failures: int = Field(5, ge=1)
    """wrong passwords per network before a lockout"""
    lockout_minutes: float = Field(15.0, gt=0)
    """for which a network may not sign in"""


class Consent(Part):
    """What a participant agrees to; an empty text means the locale's own."""

    version: str = Field("1", min_length=1, max_length=20)
    """to be raised with every change of the text"""
    text: LocalText = {}
    """in place of the locale's"""
    contact: str = ""
    """where participants may ask"""


class SoundCheck(Part):
    """What has to be heard before the pairs. Three spoken digits are asked for in any case."""

    headphones: bool = False
    """refuses loudspeakers, by a tone that only both ears together hear (Milne et al., 2021)"""


class Recruitment(Part):
    """Where participants come from and which completion code each outcome shows."""

    mode: Literal["open", "invited", "prolific"] = "open"
    """anybody, those with a link of their own, or people of Prolific"""
    study_id: str | None = None
    """the recruiter's id of this study; others refused"""
    codes: dict[Literal["finished", "screened", "withdrawn"], str] = {}
    """shown at the end, by which the recruiter knows the outcome"""
    raters: int = Field(30, ge=2, le=100_000)
    """how many are planned"""


class Analysis(Part):
    """How the numbers are made; fixed before the first vote."""

    alpha: float = Field(0.05, gt=0, lt=0.5)
    """level of all tests together, within each family"""
    resamples: int = Field(4000, ge=200, le=100_000)
    """of bootstraps and sign flips"""
    primary_dimension: Identifier = "overall"
    """the question that is tested first"""
    expected_true_rate: float = Field(0.65, gt=0.5, lt=1)
    """share of the better system among decisive votes"""
    expected_tie_share: float = Field(0.3, ge=0, lt=1)
    """share of votes for neither"""
    expected_rater_sd: float = Field(0.2, ge=0, le=1)
    """how far raters' own net preferences lie apart"""
    expected_item_sd: float = Field(0.2, ge=0, le=1)
    """how far items' own net preferences lie apart"""
    reveal_before_close: bool = False
    """whether operators may see results by system early; the bundle says when they did"""

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

    trusted_proxies: tuple[str, ...] = ()
    """addresses, or networks such as 10.0.0.0/8 where proxies come and go"""
    https: bool = False
    """for a proxy that does not say so"""
    allowed_origins: tuple[str, ...] = ()
    """of other web pages that may call the interface"""

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
