"""Several devices share one transformer, frame by frame, and another may decode."""

from typing import Literal

Exchange = Literal["gather", "ulysses"]
"""How ranks meet in attention: with everybody's keys and values, or with some of the heads each."""
