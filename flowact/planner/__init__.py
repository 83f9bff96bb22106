"""Choosing what the avatar does from what is heard, said and seen."""

from flowact.planner.protocol import Decision, Observation, Planner
from flowact.planner.rules import RuleBasedPlanner

__all__ = ["Decision", "Observation", "Planner", "RuleBasedPlanner"]
