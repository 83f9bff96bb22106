"""`python -m study`: init, import, build, audit, open, serve, pause, close, export, verify, backup, load."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from mediafiles.errors import printable
from study import logs
from study.commands import material, plan, recruiting, registration, serving
from study.commands.output import Add, positive
from study.commands.output import say as _say
from study.database import storage
from study.design import templates
from study.design.config import load
from study.errors import Refused, StudyError
from study.voting.context import (
    AUDIT_NAME,
    CONFIG_NAME,
    MANIFEST_NAMES,
    STIMULI_NAME,
    attach,
    database_url,
)

USER_ERROR = 2
NOT_PROVEN = 3
FAILED = 1


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command; a problem the operator can fix ends with one sentence and exit code 2."""
    try:
        arguments = _parser().parse_args(argv)
        logs.configure(arguments.log_level, arguments.log_json)
        code = arguments.run(arguments)
    except (StudyError, Refused) as error:
        sys.stderr.write(f"study: {printable(str(error))}\n")
        sys.exit(USER_ERROR)
    except OSError as error:
        where = printable(str(error.filename or "the system"))
        sys.stderr.write(f"study: {where}: {error.strerror}\n")
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(code or 0)


class _OptionParser(argparse.ArgumentParser):
    """Says in one sentence what cannot be used, for subcommands too."""

    def error(self, message: str) -> NoReturn:
        raise StudyError(f"{message}; see {self.prog} --help")


def _init(args: argparse.Namespace) -> None:
    templates.write_new(args.folder)
    _say(
        f"Edit {args.folder / CONFIG_NAME} and {args.folder / 'manifest.csv'}, then: "
        f"python -m study import {args.folder}"
    )


def _audit(args: argparse.Namespace) -> int:
    from study.checks import audit
    from study.design import audit_record, builder, stimuli

    config = load(args.folder / CONFIG_NAME)
    manifest = stimuli.read(args.folder / MANIFEST_NAMES[0])
    checks = audit.audit(config, manifest, args.folder)
    index = builder.read_index(args.folder / STIMULI_NAME)
    audit_record.save(checks, index, config, args.folder / AUDIT_NAME)
    return _print_checks([(check.name, check.problem) for check in checks])


def _open(args: argparse.Namespace) -> None:
    from study.design import audit_record, builder
    from study.voting import lifecycle

    config = load(args.folder / CONFIG_NAME)
    index = builder.read_index(args.folder / STIMULI_NAME)
    audit_record.require_passed(config, index, args.folder / AUDIT_NAME)
    serving.warn_of_mounts(args.folder)
    context = lifecycle.open_study(args.folder, config, index)
    lifecycle.set_state(context.store, "open", context.clock())
    plain = index.plain()
    systems, items = {clip.system for clip in plain}, {clip.item for clip in plain}
    plan.warn_of_shortfalls(config, len(systems), len(items))
    recruiting.warn_of_codes(config)
    _say(
        f"Rules {config.hash()}: `python -m study register {args.folder}` writes what to register."
    )
    _say(f"Study {config.name!r} is open; `python -m study serve {args.folder}` takes votes.")


def _set_state(state: str) -> Callable[[argparse.Namespace], None]:
    def run(args: argparse.Namespace) -> None:
        from study.voting import lifecycle

        context = attach(args.folder)
        lifecycle.set_state(context.store, state, context.clock())
        _say(f"Study {context.config.name!r} is {state}.")

    return run


def _export(args: argparse.Namespace) -> None:
    from study.server import exports

    dataset = exports.sealed_data(attach(args.folder))
    exports.write_all(dataset, args.out)
    head = dataset.entries[-1].hash
    _say(f"{len(dataset.votes)} votes in {args.out}. Publish this with the results: ledger {head}")


def _verify(args: argparse.Namespace) -> int:
    from study.analysis.verify import verify

    outcomes = verify(args.bundle, args.head)
    for outcome in outcomes:
        if not outcome.compared:
            _say(f"skip  {outcome.step}: not compared")
    code = _print_checks([(part.step, part.problem) for part in outcomes if part.compared])
    skipped = sum(not part.compared for part in outcomes)
    if code or not skipped:
        return code
    _say(f"NOT PROVEN: {skipped} of {len(outcomes)} steps could not be compared, see skip above")
    return NOT_PROVEN


def _backup(args: argparse.Namespace) -> None:
    config = load(args.folder / CONFIG_NAME)
    store = storage.connect(database_url(config), args.folder)
    storage.backup(store, args.target)
    _say(f"{args.target} is a complete copy.")


def _load(args: argparse.Namespace) -> int:
    from study.checks.load_test import Load, measure
    from study.checks.server_processes import ServerProcesses

    def kill_one(processes: ServerProcesses) -> None:
        processes.kill(0)
        processes.restart(0)

    load = Load(args.people, args.trials, args.think)
    meanwhile = kill_one if args.kill else None
    figures = measure(args.folder, load, args.servers, args.database, meanwhile)
    _say(figures.text())
    return 0 if figures.sound else FAILED


def _sample(args: argparse.Namespace) -> None:
    from study import sample

    index = sample.make(args.folder, args.clips)
    size = sum(row.bytes for row in index.stimuli) / 1e6
    _say(f"{args.folder}: {len(index.stimuli)} clips, {size:.1f} MB, built and audited.")


def _print_checks(checks: Sequence[tuple[str, str]]) -> int:
    for name, problem in checks:
        _say(f"{'FAIL' if problem else 'ok  '}  {name}{': ' + problem if problem else ''}")
    failed = sum(bool(problem) for _, problem in checks)
    _say(f"{len(checks) - failed} of {len(checks)} checks passed")
    return FAILED if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = _OptionParser(
        "python -m study", description="Blinded side-by-side preference studies on video."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(
        name: str, run: Callable[[argparse.Namespace], object], text: str, on_folder: bool = True
    ) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.set_defaults(run=run)
        logs.add_arguments(command, "info" if name == "serve" else "warning")
        if on_folder:
            command.add_argument("folder", type=Path, help="the study's folder")
        return command

    _add_design(add)
    _add_life(add)
    registration.declare(add)
    _add_results(add)
    return parser


def _add_design(add: Add) -> None:
    add("init", _init, "make a new folder with study.yaml and a manifest to fill in")
    plan.declare(add)
    material.declare(add)
    add("audit", _audit, "show that nothing but the picture differs between sides")


def _add_life(add: Add) -> None:
    add("open", _open, "create the database and take votes")
    serving.declare(add)
    recruiting.declare(add)
    add("pause", _set_state("paused"), "take no votes until `open`")
    add("close", _set_state("closed"), "end the study for good")


def _add_results(add: Add) -> None:
    command = add("export", _export, "write data, tables, figures and bundle.zip")
    command.add_argument(
        "--out", type=Path, default=Path("export"), help="folder for the files (default: export)"
    )
    command = add("verify", _verify, "recompute every number of a bundle", on_folder=False)
    command.add_argument("bundle", type=Path, help="bundle.zip as exported")
    command.add_argument("--head", help="the ledger's last hash, as published")
    command = add("backup", _backup, "copy the SQLite database while it is in use")
    command.add_argument("target", type=Path, help="the copy, a new file")
    command = add("load", _load, "measure a server under simulated participants")
    command.add_argument("--people", type=positive, default=200, help="default: 200")
    command.add_argument("--trials", type=positive, default=5, help="pairs each, default: 5")
    command.add_argument(
        "--think", type=float, default=8.0, help="seconds between pair and vote, default: 8"
    )
    command.add_argument("--servers", type=positive, default=1, help="default: 1")
    command.add_argument(
        "--database",
        default="sqlite:///load.db",
        help="URL of an empty database; default: a file that is thrown away",
    )
    command.add_argument(
        "--kill", action="store_true", help="kill a server in the middle, and start it again"
    )
    command = add("sample", _sample, "make the sample study that the repository ships")
    command.add_argument("clips", type=Path, help="folder of rendered clips (.npz)")
