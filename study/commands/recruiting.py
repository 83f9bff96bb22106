"""`study invite`: links for one person each. `study people`: who has finished, and with which verdict."""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd

from study.commands.output import Add, positive, say, warn
from study.design.config import StudyConfig
from study.errors import StudyError
from study.files import atomic_write
from study.voting import invitations
from study.voting.context import attach


def declare(add: Add) -> None:
    """Add both commands."""
    command = add("invite", _invite, "make invitation links, each for one person")
    who = command.add_mutually_exclusive_group(required=True)
    who.add_argument("--count", type=positive, help="how many, named guest1, guest2, ...")
    who.add_argument("--names", type=Path, help="a text file with one name a line")
    command.add_argument(
        "--address", required=True, help="where the study is served, as https://host/"
    )
    command.add_argument("--out", type=Path, required=True, help="CSV with the links, a new file")
    command = add("people", _people, "list who has finished, by invitation and recruiter's id")
    command.add_argument("--out", type=Path, required=True, help="CSV file")


def warn_of_codes(config: StudyConfig) -> None:
    """Say who would end without a code by which the recruiter knows them."""
    outcomes = [name for name in ("screened", "withdrawn") if name not in config.recruitment.codes]
    if config.recruitment.mode == "prolific" and outcomes:
        warn(
            [
                f"recruitment.codes has none for {' and '.join(outcomes)}: these people see no code, and you have "
                "to settle each of them by hand"
            ]
        )


def _invite(args: argparse.Namespace) -> None:
    from study.analysis import tables

    context = attach(args.folder)
    if context.config.recruitment.mode != "invited":
        raise StudyError(
            f"recruitment.mode is {context.config.recruitment.mode!r}; invitations need 'invited', "
            "decided before opening"
        )
    if args.out.exists():
        raise StudyError(f"{args.out}: exists already; links are never overwritten")
    labels = _names(args.names) if args.names else [f"guest{n + 1}" for n in range(args.count)]
    made = invitations.invite(context.store, labels)
    address = args.address.rstrip("/") + "/"
    rows = [(label, f"{address}#invite={token}") for label, token in made]
    table = tables.csv_text(pd.DataFrame(rows, columns=["name", "link"]))
    atomic_write(args.out, table.encode("utf-8-sig"))
    say(f"{len(rows)} links in {args.out}; each lets one person in, and back to the same place.")


def _names(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StudyError(f"{path}: the names cannot be read ({error})") from None
    names = [line.strip() for line in lines if line.strip()]
    if not names:
        raise StudyError(f"{path}: holds no names, expected one a line")
    return names


def _people(args: argparse.Namespace) -> None:
    from study.analysis import roster, tables

    table = roster.roster(attach(args.folder))
    atomic_write(args.out, tables.csv_text(table).encode("utf-8-sig"))
    done = int((table["state"] == "finished").sum())
    say(f"{len(table)} people in {args.out}, {done} of them finished.")
