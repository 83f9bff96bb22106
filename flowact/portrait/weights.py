"""Weights of the networks that look at portraits: safetensors in half precision."""

from pathlib import Path
from typing import Final, TypeVar, cast

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from flowact import assets
from flowact.errors import UserError

Network = TypeVar("Network", bound=nn.Module)


_LOADED: Final[dict[Path, nn.Module]] = {}


def load_weights(kind: type[Network], name: str) -> Network:
    """A network with its weights of the assets, read once; UserError if they are missing or damaged."""
    path = assets.folder() / "landmarks" / f"{name}.safetensors"
    if path not in _LOADED:
        _LOADED[path] = read_weights(kind(), path)
    return cast(Network, _LOADED[path])


def read_weights(network: Network, path: Path) -> Network:
    """The network with the weights of a file that `flowact train` wrote, in single precision and not to be trained.

    Raises:
        UserError: the file is missing or damaged.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; it comes with the repository.")
    try:
        network.load_state_dict({k: v.float() for k, v in load_file(path).items()}, strict=False)
    except (SafetensorError, RuntimeError) as error:
        raise UserError(f"{path} is damaged or of another version.") from error
    return network.eval().requires_grad_(False)
