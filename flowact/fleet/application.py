"""The fleet as an application of Ray Serve: the gateway, and one deployment of replicas per preset."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import Any, Final

from ray import serve
from ray.serve import Application
from ray.serve.config import AutoscalingConfig, AutoscalingPolicy, RequestRouterConfig
from ray.serve.handle import DeploymentHandle
from ray.serve.schema import LoggingConfig
from starlette.types import ASGIApp

from flowact import logs
from flowact.fleet import departures
from flowact.fleet.gate.evacuation import Evacuation
from flowact.fleet.gate.fleet_places import FleetPlaces
from flowact.fleet.gate.gateway_app import gateway_app
from flowact.fleet.gate.gateway_router import GatewayRouter
from flowact.fleet.leases import ServeLeases
from flowact.fleet.loopback_network import LOOPBACK, stay_on_loopback
from flowact.fleet.plan import AvatarPlan, FleetPlan
from flowact.fleet.replica.avatar import AvatarReplica
from flowact.fleet.scaling import replicas_wanted
from flowact.fleet.seat_router import SeatRouter
from flowact.live.access.tickets import Tickets
from flowact.live.session.manager import SessionManager
from flowact.serving.messages import MOST_PLACES

NAME: Final = "flowact"
MOST_REQUESTS: Final = 2_000
"""Questions of waiting pages that one gateway holds open at once."""
HEALTH_SECONDS: Final = 1.0
HEALTH_PATIENCE_SECONDS: Final = 3.0
LOOK_SECONDS: Final = 0.5
UP_AFTER_SECONDS: Final = 5.0
METRICS_SECONDS: Final = 1.0
LOOK_BACK_SECONDS: Final = 5.0
QUESTIONS: Final = 8
"""That a replica answers with no while all of its places are taken: so it hears of the line."""
QUIET: Final = LoggingConfig(enable_access_log=False)
"""A line for every question of a waiting page is too much."""


@serve.ingress()
class GatewayReplica:
    """The page and the line before all places.

    Args:
        fleet: what all machines are told.
        avatars: the deployments of replicas, by preset.
    """

    async def __init__(self, fleet: FleetPlan, avatars: dict[str, DeploymentHandle[Any]]) -> None:  # type: ignore[misc]
        if fleet.host == LOOPBACK:
            stay_on_loopback()
        logs.configure(fleet.settings.log)
        self._fleet, self._began = fleet, time.time()
        self._manager = SessionManager(fleet.settings)
        tickets = self._manager.tickets
        leases = {preset: ServeLeases(handle) for preset, handle in avatars.items()}
        self._places = FleetPlaces(leases, tickets, fleet.bounds)
        self._warming = [asyncio.create_task(each.warm_up()) for each in leases.values()]
        for preset in leases:
            self._move_on_departure(preset, tickets)

    def _move_on_departure(self, preset: str, tickets: Tickets) -> None:
        """Move the sessions of every replica of a preset that Serve is about to end."""
        evacuation = Evacuation(preset, self._places, tickets)
        loop = asyncio.get_running_loop()

        def told(replica: str, address: str) -> None:
            loop.call_soon_threadsafe(evacuation.begin, replica, address)

        departures.listen(deployment_name(preset), told)

    def __serve_build_asgi_app__(self) -> ASGIApp:
        return gateway_app(self._manager, self._places, self._fleet.trusted)

    async def record_routing_stats(self) -> dict[str, float]:
        """Tell `GatewayRouter` since when this gateway has been here."""
        return {"began": self._began}


def fleet_application(fleet: FleetPlan) -> Application:
    """Return what `serve.run` deploys."""
    told = replace(fleet, avatars={})  # replicas need not know how many there are
    avatars = {preset: _avatars(told, preset, plan) for preset, plan in fleet.avatars.items()}
    steady: Any = GatewayRouter
    gateway = serve.deployment(
        name="gateway",
        num_replicas=fleet.gateways,
        request_router_config=RequestRouterConfig(request_router_class=steady),
        max_ongoing_requests=MOST_REQUESTS,
        ray_actor_options={"num_cpus": 0},
        health_check_period_s=HEALTH_SECONDS,
        health_check_timeout_s=HEALTH_PATIENCE_SECONDS,
        logging_config=QUIET,
    )(GatewayReplica)
    bound: Application = gateway.bind(told, avatars)
    return bound


def deployment_name(preset: str) -> str:
    """Return what Serve calls the replicas of a preset."""
    return f"avatar-{preset}"


def _avatars(fleet: FleetPlan, preset: str, plan: AvatarPlan) -> Application:
    policy: Any = AutoscalingPolicy
    router: Any = SeatRouter
    apart: Any = {"max_replicas_per_node": 1} if fleet.apart else {}
    deployment = serve.deployment(
        name=deployment_name(preset),
        max_ongoing_requests=(MOST_PLACES if plan.settings.measure else plan.settings.sessions)
        + QUESTIONS,
        autoscaling_config=AutoscalingConfig(
            min_replicas=plan.least,
            max_replicas=plan.most,
            initial_replicas=plan.least,
            policy=policy(policy_function=replicas_wanted),
            upscale_delay_s=UP_AFTER_SECONDS,
            downscale_delay_s=plan.calm_seconds,
            metrics_interval_s=METRICS_SECONDS,
            look_back_period_s=LOOK_BACK_SECONDS,
        ),
        request_router_config=RequestRouterConfig(request_router_class=router),
        graceful_shutdown_timeout_s=plan.drain_seconds,
        graceful_shutdown_wait_loop_s=LOOK_SECONDS,
        health_check_period_s=HEALTH_SECONDS,
        health_check_timeout_s=HEALTH_PATIENCE_SECONDS,
        ray_actor_options=_reserved(plan.resources),
        logging_config=QUIET,
        **apart,
    )(AvatarReplica)
    bound: Application = deployment.bind(fleet, plan)
    return bound


def _reserved(resources: dict[str, float]) -> dict[str, Any]:
    """What Ray reserves for a replica's actor: all of it on one machine, or none; its worker inherits the devices."""
    named = dict(resources)
    cpus, gpus = named.pop("CPU", 0.0), named.pop("GPU", 0.0)
    return {"num_cpus": cpus, "num_gpus": gpus, "resources": named}
