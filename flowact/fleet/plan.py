"""What a fleet consists of, as plain values that every machine is told."""

from __future__ import annotations

from dataclasses import dataclass, field

from flowact.errors import UserError
from flowact.fleet.gate.place_counter import Bounds
from flowact.live.settings import LiveSettings

DEFAULT_PRESET = "default"


@dataclass(frozen=True)
class FleetPlan:
    """The gateway and the replicas of one or more presets.

    Attributes:
        settings: of the page, and of every replica but for its preset, devices and sessions.
        avatars: by preset, in the order in which they are offered.
        bounds: of every network.
        gateways: one has the line; others stand by.
        apart: no two replicas of a preset on one node, so that they do not die together.
        direct: pages connect to replicas themselves, instead of through the edge under `/r/NAME`.
        host: address that replicas listen on; empty for that of their node.
        page_origins: origins that the page is seen under.
        trusted: networks of proxies whose `X-Forwarded-For` counts, with commas between.
    """

    settings: LiveSettings
    avatars: dict[str, AvatarPlan]
    bounds: Bounds = field(default_factory=Bounds)
    gateways: int = 1
    apart: bool = False
    direct: bool = False
    host: str = "127.0.0.1"
    page_origins: tuple[str, ...] = ()
    trusted: str = "127.0.0.1"

    def __post_init__(self) -> None:
        if self.gateways < 1:
            raise UserError(f"--gateways must be at least 1, not {self.gateways}.")
        if not self.settings.ticket_key:
            raise UserError(
                "A fleet needs a secret that all its machines share: set FLOWACT_TICKET_KEY, for "
                "instance to what `openssl rand -hex 32` prints."
            )


@dataclass(frozen=True)
class AvatarPlan:
    """The replicas of one preset.

    Attributes:
        settings: of each of them.
        least, most: how many there are; as many as are needed in between.
        resources: of Ray that each of them reserves, all on one machine, like `{"GPU": 2}`.
        calm_seconds: how long there must be too many until one ends.
        drain_seconds: how long a replica that is to end may take until all of its sessions are at others.
    """

    settings: LiveSettings
    least: int = 1
    most: int = 1
    resources: dict[str, float] = field(default_factory=dict)
    calm_seconds: float = 300.0
    drain_seconds: float = 30.0

    def __post_init__(self) -> None:
        if not 1 <= self.least <= self.most:
            raise UserError(f"--replicas must be like 2 or 1:10, not {self.least}:{self.most}.")
