"""The pipeline as diffusers loads it: `DiffusionPipeline.from_pretrained(folder, trust_remote_code=True)`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diffusers import DiffusionPipeline

from flowact.pipeline.pipeline import FlowActPipeline, FlowActPipelineOutput


class FlowActDiffusionPipeline(DiffusionPipeline):  # type: ignore[misc]
    """A `FlowActPipeline` with the methods that diffusers gives its pipelines.

    Args:
        transformer, tokenizer, scheduler: see `FlowActPipeline`.
    """

    def __init__(self, transformer: Any, tokenizer: Any, scheduler: Any) -> None:
        super().__init__()
        self.register_modules(transformer=transformer, tokenizer=tokenizer, scheduler=scheduler)

    def __call__(self, *args: Any, **options: Any) -> FlowActPipelineOutput:
        """Return all frames of a recording; see `FlowActPipeline.__call__`."""
        return self._pipeline()(*args, **options)

    def generate(self, *args: Any, **options: Any) -> Path:
        """Write a video; see `FlowActPipeline.generate`."""
        return self._pipeline().generate(*args, **options)

    def _pipeline(self) -> FlowActPipeline:
        return FlowActPipeline(self.transformer, self.tokenizer, self.scheduler)
