"""`python -m flowact.bench.fleet`: a fleet of servers without a model, under load and under blows, in figures."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import secrets
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Final

from rich.console import Console
from rich.table import Table

from flowact.bench.fleet.chaos import BLOWS, Aftermath, Battlefield
from flowact.bench.fleet.nodes import cut_head, ray_nodes
from flowact.bench.free_port import free_port
from flowact.errors import UserError
from flowact.fleet.gate.place_counter import Bounds
from flowact.fleet.plan import DEFAULT_PRESET, AvatarPlan, FleetPlan
from flowact.live.continuity.open_store import check_store
from flowact.live.settings import LiveSettings
from flowact.logs import LogSettings

REST_SECONDS: Final = 12.0
"""Between two blows: places that nobody came for are free again, and a killed server is replaced."""


@contextlib.contextmanager
def throw_away_store() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a Redis or Valkey that keeps nothing; gives its address and its process.

    Raises:
        UserError: there is none on this machine.
    """
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        raise UserError("This needs redis-server or valkey-server (Debian: redis-server).")
    port = free_port()
    quiet = ("--save", "", "--appendonly", "no", "--loglevel", "warning")
    command = [program, "--bind", "127.0.0.1", "--port", str(port), *quiet]
    process = subprocess.Popen(command)  # noqa: S603 - a program of this machine
    try:
        yield f"redis://127.0.0.1:{port}", process
    finally:
        process.kill()
        process.wait()


def plan_of(store: str, secret: str, replicas: int, sessions: int, gateways: int) -> FleetPlan:
    """Return a fleet for loopback viewers."""
    port = free_port()
    settings = LiveSettings(
        port=port,
        sessions=sessions,
        spare=False,
        loopback=True,
        store=store,
        ticket_key=secret,
        log=LogSettings("warning"),
    )
    seen_at = replace(settings, origins=(f"http://127.0.0.1:{port}",))
    avatars = {DEFAULT_PRESET: AvatarPlan(seen_at, replicas, replicas)}
    bounds = Bounds(10_000, 10_000)
    return FleetPlan(settings, avatars, bounds, gateways=gateways, apart=True, direct=True)


async def _strike(names: list[str], scene: Battlefield, console: Console) -> list[Aftermath]:
    rows = []
    for name in names:
        try:
            rows.append(await BLOWS[name](scene))
        except UserError as error:
            rows.append(Aftermath(f"{name}: {error}", {}))
        console.print(rows[-1])
        await asyncio.sleep(REST_SECONDS)
    return rows


def main() -> None:
    """Start everything on this machine, strike, and print what was seen."""
    parser = argparse.ArgumentParser(prog="python -m flowact.bench.fleet", description=__doc__)
    parser.add_argument("blows", nargs="*", help=f"of {', '.join(BLOWS)} (all)")
    parser.add_argument("--replicas", type=int, default=3, help="servers (%(default)d)")
    parser.add_argument("--nodes", type=int, default=4, help="of Ray (%(default)d)")
    parser.add_argument("--sessions", type=int, default=80, help="places of each (%(default)d)")
    parser.add_argument("--gateways", type=int, default=1, help="before them (%(default)d)")
    parser.add_argument("--viewers", type=int, default=150, help="of the load (%(default)d)")
    parser.add_argument("--watching", type=int, default=60, help="of the blows (%(default)d)")
    args = parser.parse_args()
    if unknown := set(args.blows) - set(BLOWS):
        parser.error(
            f"There is no blow {', '.join(sorted(unknown))}; known are {', '.join(BLOWS)}."
        )
    console, secret = Console(width=120), secrets.token_hex(16)
    with (
        throw_away_store() as (store, process),
        throw_away_store() as (tables, _),
        ray_nodes(args.nodes, secret, tables.removeprefix("redis://")) as cluster,
    ):
        plan = plan_of(store, secret, args.replicas, args.sessions, args.gateways)
        time.sleep(0.5)
        check_store(plan.settings)
        from flowact.fleet.deploy import (  # Ray reads its environment when it is imported
            deploy,
            deployed,
        )

        def change(changed: Callable[[AvatarPlan], AvatarPlan]) -> None:
            avatars = {preset: changed(each) for preset, each in plan.avatars.items()}
            deploy(replace(plan, avatars=avatars))

        with deployed(plan) as page:
            cut = partial(cut_head, cluster)
            scene = Battlefield(
                page, secret, args.viewers, args.watching, process.kill, cut, change
            )
            rows = asyncio.run(_strike(args.blows or list(BLOWS), scene, console))
    console.print(_table(rows))


def _table(rows: list[Aftermath]) -> Table:
    table = Table("what", "figures")
    for row in rows:
        shown = (f"{name} {value:.3g}" for name, value in row.figures.items())
        table.add_row(row.what, ", ".join(shown))
    return table


if __name__ == "__main__":
    main()
