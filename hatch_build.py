"""Puts the weights, characters and samples into the wheel, where `flowact/assets.py` finds them without a checkout.

An editable installation has the checkout: it needs no copy, and a container builds it before the assets are there.
"""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

BUNDLED = (
    "animation.safetensors",
    "arm_mesh.safetensors",
    "characters",
    "checkpoint/README.md",
    "checkpoint/formats.json",
    "checkpoint/model_index.json",
    "checkpoint/scheduler",
    "checkpoint/tokenizer",
    "checkpoint/transformer",
    "evaluation",
    "face_mesh.safetensors",
    "humanoid.npz",
    "landmarks",
    "speech",
    "study",
)
"""Of `assets/`; pictures of the documents stay out."""


class BundledAssets(BuildHookInterface[Any]):
    """Hatchling's hook, called for every wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the assets to a wheel that is not editable."""
        if version == "standard":
            files = {f"assets/{name}": f"flowact/bundled/{name}" for name in BUNDLED}
            build_data["force_include"].update(files)
