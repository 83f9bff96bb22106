"""Loading and saving the parts of a pipeline in the layout of diffusers.

A checkpoint is a folder with `model_index.json` and one folder per component, which holds its
`config.json` and, if it has weights, `diffusion_pytorch_model.safetensors`.
"""

from __future__ import annotations

import importlib
import json
import logging
import re
from pathlib import Path
from typing import Any, Final

import diffusers
import torch
from diffusers.configuration_utils import ConfigMixin
from diffusers.models.modeling_utils import ModelMixin

from flowact import assets
from flowact.assets import CHECKPOINT_INDEX
from flowact.errors import UserError
from flowact.tokenizer.layers import to_channels_last

_log = logging.getLogger(__name__)

COMPONENTS: Final = ("transformer", "tokenizer", "scheduler")
FURTHER: Final = ("audio_features", "text_features")
"""Components of checkpoints whose conditions come from pretrained networks."""
DEFAULT: Final = "default"
"""Name of the checkpoint that comes with FlowAct."""
HUB_ID: Final = re.compile(r"[\w.-]+/[\w.-]+")
MODULE: Final = "pipeline"
"""A module beside the weights, which diffusers imports; `model_index.json` names it."""
MODULE_TEXT: Final = '''"""Lets diffusers load this checkpoint; FlowAct must be installed."""

from flowact.pipeline.diffusion_pipeline import FlowActDiffusionPipeline as FlowActPipeline

__all__ = ["FlowActPipeline"]
'''
HUB_FILES: Final = [
    CHECKPOINT_INDEX,
    f"{MODULE}.py",
    *(f"{name}/*" for name in (*COMPONENTS, *FURTHER)),
]


def save_components(path: Path, pipeline: str, components: dict[str, ConfigMixin]) -> None:
    """Write every component into its folder, and the index last, so that it never names less."""
    path.mkdir(parents=True, exist_ok=True)
    index: dict[str, object] = {
        "_class_name": [MODULE, pipeline],
        "_diffusers_version": diffusers.__version__,
    }
    for name, component in components.items():
        if isinstance(component, ModelMixin):
            component.save_pretrained(path / name)
        else:
            component.save_config(path / name)
        index[name] = [type(component).__module__, type(component).__name__]
    (path / f"{MODULE}.py").write_text(MODULE_TEXT, encoding="utf-8")
    (path / CHECKPOINT_INDEX).write_text(json.dumps(index, indent=2) + "\n")


def find_checkpoint(path: str | Path | None) -> Path:
    """Return the folder of a checkpoint: given as it is, by name, or fetched from the hub by its id.

    Args:
        path: a folder; `None` or `default` for the checkpoint that comes with FlowAct; or
            `owner/name` of a repository on the Hugging Face hub.

    Raises:
        UserError: the repository cannot be fetched.
    """
    if path is None or str(path) == DEFAULT:
        return assets.checkpoint()
    if HUB_ID.fullmatch(str(path)) and not Path(path).exists():
        return _fetch(str(path))
    return Path(path)


def _fetch(repository: str) -> Path:
    """Download a checkpoint, or find it in the cache; the same call that diffusers makes."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(repository, allow_patterns=HUB_FILES))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        _log.warning("%s cannot be fetched: %s", repository, error)
        raise UserError(
            f"There is no folder {repository}, and the hub gives no checkpoint of that name."
        ) from error


def move_network(
    network: torch.nn.Module, device: str | torch.device | None, dtype: torch.dtype | None
) -> None:
    """Move a network to a device and its numbers to a format, as if it had been loaded so."""
    torch.nn.Module.to(network, device, dtype)
    to_channels_last(network)


def load_components(path: Path, dtype: torch.dtype, device: torch.device) -> dict[str, Any]:
    """Load every component of a checkpoint, networks in `dtype` and ready for inference.

    Raises:
        UserError: not a checkpoint, files missing or damaged, or weights that do not fit.
    """
    index = _read_index(path)
    named = [*COMPONENTS, *(name for name in FURTHER if _is_entry(index, name))]
    components = {name: _load(path, name, index, dtype) for name in named}
    for component in components.values():
        if isinstance(component, ModelMixin):
            # The file does not keep the layout that convolutions are fast in.
            to_channels_last(component.to(device=device))
    return components


def _read_index(path: Path) -> dict[str, Any]:
    if not (path / CHECKPOINT_INDEX).is_file():
        raise UserError(f"There is no checkpoint in {path}: {CHECKPOINT_INDEX} is missing.")
    try:
        index = json.loads((path / CHECKPOINT_INDEX).read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(
            f"The checkpoint {path} is damaged: {CHECKPOINT_INDEX} is not JSON."
        ) from error
    missing = [name for name in COMPONENTS if not _is_entry(index, name)]
    if missing:
        raise UserError(
            f"The checkpoint {path} is damaged: {CHECKPOINT_INDEX} names no {missing[0]}."
        )
    return dict(index)


def _is_entry(index: object, name: str) -> bool:
    entry = index.get(name) if isinstance(index, dict) else None
    return isinstance(entry, list) and len(entry) == 2 and all(isinstance(x, str) for x in entry)


def _load(path: Path, name: str, index: dict[str, Any], dtype: torch.dtype) -> Any:
    kind = _component_class(path, *index[name])
    try:
        if issubclass(kind, ModelMixin):
            return _load_network(kind, path / name, dtype)
        return kind.from_config(kind.load_config(path / name))
    except UserError:
        raise
    except Exception as error:  # whatever a damaged file makes the libraries raise
        detail = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(f"The {name} in {path} cannot be loaded: {detail.rstrip('.')}.") from error


def _component_class(path: Path, module: str, name: str) -> type[ConfigMixin]:
    """Find a component's class; only our own and those of diffusers may be named."""
    if module.split(".")[0] in ("flowact", "diffusers"):
        try:
            kind = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError) as error:
            _log.warning("%s.%s cannot be imported: %s", module, name, error)
            kind = None
        if isinstance(kind, type) and issubclass(kind, ConfigMixin):
            return kind
    raise UserError(f"The checkpoint {path} needs {module}.{name}, which this FlowAct has not.")


def _load_network(kind: type[ModelMixin], path: Path, dtype: torch.dtype) -> Any:
    """Load weights, refusing any that are missing or too many instead of guessing them."""
    network, info = kind.from_pretrained(
        path,
        torch_dtype=dtype,
        use_safetensors=True,
        local_files_only=True,
        output_loading_info=True,
    )
    wrong = [*info["missing_keys"], *info["unexpected_keys"], *info["mismatched_keys"]]
    if wrong:
        raise UserError(f"The weights in {path} do not fit: {wrong[0]} is missing or too many.")
    for name, weights in network.state_dict().items():
        if not weights.isfinite().all():
            raise UserError(f"The weights in {path} are damaged: {name} is not finite.")
    return network.eval().requires_grad_(False)
