"""The fleet as KubeRay deploys it: what a RayService names as `import_path`."""

from __future__ import annotations

import argparse
import shlex

from pydantic import ConfigDict
from ray.serve import Application

from flowact.commands.fleet.serve import add_arguments, plan_of
from flowact.errors import UserError
from flowact.fleet.application import fleet_application
from flowact.fleet.plan import FleetPlan
from flowact.fleet.presets_file import PresetsFile


class RayServiceArgs(PresetsFile):
    """`args` of the RayService's application.

    Attributes:
        options: of `flowact serve --fleet`, in one line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    options: str = ""


def ray_service_plan(args: RayServiceArgs) -> FleetPlan:
    """Return the fleet that a RayService describes; its secret comes from the environment.

    Raises:
        UserError: it makes no sense.
    """
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_arguments(parser)
    try:
        words = ["--fleet", "kuberay", *shlex.split(args.options)]
        return plan_of(parser.parse_args(words), args)
    except (argparse.ArgumentError, SystemExit, ValueError) as error:
        raise UserError(
            f"The RayService's options {args.options!r} make no sense: {error}."
        ) from None


def app(args: RayServiceArgs) -> Application:
    """Return what Ray Serve deploys."""
    return fleet_application(ray_service_plan(args))
