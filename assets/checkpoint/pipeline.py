"""Lets diffusers load this checkpoint; FlowAct must be installed."""

from flowact.pipeline.diffusion_pipeline import FlowActDiffusionPipeline as FlowActPipeline

__all__ = ["FlowActPipeline"]
