"""What a good checkpoint reaches, measure by measure, so that a report says how far it is."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Target:
    """A range that a measure should lie in; the ends count."""

    least: float = float("-inf")
    most: float = float("inf")

    def met(self, value: float) -> bool:
        """Whether a value is in the range; not-a-number never is."""
        return self.least <= value <= self.most

    def __str__(self) -> str:
        if self.least == float("-inf"):
            return f"<= {self.most:g}"
        return (
            f">= {self.least:g}"
            if self.most == float("inf")
            else f"{self.least:g} to {self.most:g}"
        )


PORTRAIT_BARS: Final = {
    "blinks_seen": Target(0.8),
    "blink_max": Target(0.6),
    "opening": Target(0.7),
    "jaw": Target(0.7),
    "identity": Target(most=0.3),
}
"""What a picture that speaks well reaches in every one of these measures of `flowact eval --judge`."""

TARGETS: Final = {
    "all_pictures": PORTRAIT_BARS,
    "tokenizer": {
        "named_psnr": Target(30),
        "named_psnr_mouth": Target(27),
        "named_psnr_eyes": Target(26),
        "unseen_psnr": Target(28),
        "unseen_psnr_mouth": Target(25),
        "unseen_psnr_eyes": Target(24),
    },
    "lip_sync": {
        "correlation": Target(0.88),
        "lag_frames": Target(-1, 1),
        "correlation_wrong_audio": Target(most=0.25),
        "closures_shut": Target(0.92),
        "silent_frames_shut": Target(0.995),
    },
    "real_voices": {"correlation": Target(0.70), "lag_frames": Target(-1, 1)},
    "behaviours": {"recognised": Target(0.90), "transition_seconds": Target(most=1.0)},
    "drift": {
        "identity": Target(most=1.05),
        "colour": Target(most=1.05),
        "sharpness": Target(0.95, 1.05),
        "lips": Target(0.98),
        "memory": Target(most=1.05),
        "identity_departure": Target(most=0.05),
        "colour_departure": Target(most=0.05),
        "sharpness_departure": Target(most=0.05),
    },
}
"""Sections of a report, their measures, and what these should be."""
