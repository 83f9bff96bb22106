"""`study plan`: what this design can and cannot show, before anything is built. `study simulate`: the proof."""

from __future__ import annotations

import argparse

from study.commands.output import Add, positive, say, warn
from study.design import plan, stimuli
from study.design.config import StudyConfig, load
from study.errors import StudyError
from study.voting.context import CONFIG_NAME, MANIFEST_NAMES

BUILDS = 200  # studies whose clips a classifier tries to tell apart


def declare(add: Add) -> None:
    """Add both commands."""
    command = add("plan", _plan, "say what this design can and cannot show, before the build")
    command.add_argument("--systems", type=positive, help="default: those of the manifest")
    command.add_argument("--items", type=positive, help="default: those of the manifest")
    command = add(
        "simulate",
        _simulate,
        "simulate studies to show that plan, intervals, tests and blinding hold",
        on_folder=False,
    )
    command.add_argument(
        "--runs", type=positive, default=1000, help="studies a row (default: 1000)"
    )


def warn_of_shortfalls(config: StudyConfig, systems: int, items: int) -> None:
    """Say before work is done what no vote can ever show."""
    warn(plan.shortfalls(config, systems, items))
    catch = config.trials.catch
    if (catch.shifted or catch.frozen) and not (config.anchor or catch.system):
        warn(
            [
                f"catch trials are made from the candidate {config.candidate!r}, so raters see it more "
                "often, and where its lips are poor a shift cannot be seen; name real recordings as "
                "trials.catch.system or anchor"
            ]
        )


def _plan(args: argparse.Namespace) -> None:
    config = load(args.folder / CONFIG_NAME)
    systems, items = args.systems, args.items
    if systems is None or items is None:
        paths = [args.folder / name for name in MANIFEST_NAMES]
        found = next((path for path in paths if path.is_file()), None)
        if found is None:
            raise StudyError(f"{paths[-1]}: there is no manifest yet; say --systems and --items")
        manifest = stimuli.read(found)
        systems, items = systems or len(manifest.systems), items or len(manifest.items)
    if systems < 2:
        raise StudyError(f"--systems is {systems}, expected at least 2")
    for line in plan.lines(plan.plan(config, systems, items)):
        say(line)
    warn_of_shortfalls(config, systems, items)


def _simulate(args: argparse.Namespace) -> None:
    import numpy as np

    from study.checks import simulations, softness

    for line in simulations.report(args.runs):
        say(line)
    for line in softness.report(BUILDS, np.random.default_rng(simulations.SEED)):
        say(line)
