"""`flowact serve --fleet`: one live page on many machines, by Ray Serve."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flowact import assets, logs
from flowact.errors import UserError
from flowact.live import settings as live
from flowact.live.continuity.open_store import check_store

if TYPE_CHECKING:
    from flowact.fleet.plan import FleetPlan
    from flowact.fleet.presets_file import PresetsFile

OPTIONS: Final = (
    *("fleet", "replicas", "presets", "direct", "gateways", "network_places", "network_waiting"),
    "proxies",
)
_PER_NETWORK: Final = {"network_places": 2, "network_waiting": 3}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options: those of `flowact live`, and the fleet's."""
    live.add_arguments(parser)
    fleet = parser.add_argument_group("fleet")
    fleet.add_argument(
        "--fleet", metavar="ADDRESS", required=True, help="of Ray's head, or local to start it here"
    )
    fleet.add_argument(
        "--replicas",
        metavar="N[:M]",
        default="1",
        help="servers of this preset, at least and at most (1)",
    )
    fleet.add_argument(
        "--presets",
        metavar="FILE",
        type=Path,
        help="several presets, each with its replicas; instead of --preset and --replicas",
    )
    fleet.add_argument(
        "--direct",
        choices=("yes", "no"),
        help="pages connect to servers themselves, and not through the edge (yes with local)",
    )
    fleet.add_argument(
        "--gateways",
        metavar="N",
        type=int,
        default=1,
        help="one has the line, and others stand by (1)",
    )
    fleet.add_argument(
        "--network-places", metavar="N", type=int, help="sessions of one network at once (2)"
    )
    fleet.add_argument(
        "--network-waiting", metavar="N", type=int, help="waiting visitors of one network (3)"
    )
    fleet.add_argument(
        "--proxies", metavar="A,B", default="127.0.0.1", help="networks of the edge (127.0.0.1)"
    )


def run(args: argparse.Namespace) -> None:
    """Deploy the fleet and stay until it is stopped."""
    from flowact.fleet.engine import check_ray, ray_engine
    from flowact.fleet.presets_file import PresetsFile

    if args.presets and args.preset:
        raise UserError("--presets names all presets; leave --preset out, or name it in that file.")
    check_ray()
    plan = plan_of(args, PresetsFile.read(args.presets) if args.presets else None)
    logs.configure(plan.settings.log)
    assets.default_character()
    check_store(plan.settings)
    with ray_engine(args.fleet, plan.settings.ticket_key):
        from flowact.fleet.deploy import deployed  # Ray reads its environment when it is imported

        with deployed(plan) as address:
            sys.stdout.write(f"FlowAct: {address}  (Ctrl-C ends it)\n")
            sys.stdout.flush()
            threading.Event().wait()


def plan_of(args: argparse.Namespace, presets: PresetsFile | None = None) -> FleetPlan:
    """Return what the options ask for.

    Args:
        args: the options.
        presets: several, in place of the one that the options name.

    Raises:
        UserError: they make no sense.
    """
    from flowact.fleet.engine import LOCAL
    from flowact.fleet.gate.place_counter import Bounds
    from flowact.fleet.loopback_network import LOOPBACK
    from flowact.fleet.plan import DEFAULT_PRESET, AvatarPlan, FleetPlan
    from flowact.fleet.presets_file import replica_range

    own = {name: value for name, value in vars(args).items() if name not in OPTIONS}
    settings = live.from_arguments(argparse.Namespace(**own), os.environ)
    bounds = {name: getattr(args, name) for name in _PER_NETWORK}
    direct = args.direct == "yes" if args.direct else args.fleet == LOCAL
    origins = (*settings.origins, f"http://{settings.host}:{settings.port}")
    usual = replace(
        settings,
        origins=origins if direct else settings.origins,
        measure=args.sessions is None and "FLOWACT_SESSIONS" not in os.environ,
    )
    one = AvatarPlan(usual, *replica_range(args.replicas))
    return FleetPlan(
        settings,
        presets.plans(usual) if presets else {settings.preset or DEFAULT_PRESET: one},
        Bounds(*(bounds[name] or few for name, few in _PER_NETWORK.items())),
        gateways=args.gateways,
        apart=args.fleet != LOCAL,
        direct=direct,
        host=LOOPBACK if args.fleet == LOCAL else "",
        trusted=args.proxies,
    )
