"""The pipeline: from a picture, a voice and an action to a stream of frames."""

from flowact.pipeline.pipeline import (
    DEFAULT_ACTION,
    FlowActPipeline,
    FlowActPipelineOutput,
    StreamedFrame,
)
from flowact.pipeline.stages import StageTimes

__all__ = [
    "DEFAULT_ACTION",
    "FlowActPipeline",
    "FlowActPipelineOutput",
    "StageTimes",
    "StreamedFrame",
]
