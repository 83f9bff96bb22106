"""Actions chosen by a multimodal language model, over the rules and never instead of them."""

from flowact.planner.multimodal.endpoint import PlannerEndpoint, PlannerSettings, planner_settings
from flowact.planner.multimodal.planner import MultimodalPlanner

__all__ = ["MultimodalPlanner", "PlannerEndpoint", "PlannerSettings", "planner_settings"]
