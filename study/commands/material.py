"""`study import` and `study build`: what a lab brings, looked at and brought into one form."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from study.commands import plan, recruiting
from study.commands.output import Add, say, warn
from study.design.config import StudyConfig, load
from study.design.stimuli import Manifest
from study.progress import Progress
from study.voting.context import CONFIG_NAME, MANIFEST_NAMES, STIMULI_NAME


def declare(add: Add) -> None:
    """Add both commands."""
    command = add("import", _import, "read every file, and tell what the systems differ in")
    command.add_argument(
        "manifest", type=Path, nargs="?", help="CSV or JSON; default: FOLDER/manifest.csv"
    )
    add("build", _build, "bring all clips into one form, or refuse")


def _import(args: argparse.Namespace) -> None:
    from study.design import stimuli
    from study.intake import differences, inspection

    config = load(args.folder / CONFIG_NAME)
    manifest = stimuli.read(args.manifest or args.folder / MANIFEST_NAMES[1])
    found = inspection.inspect(config, manifest, _progress("Reading"))
    stimuli.write(manifest, args.folder / MANIFEST_NAMES[0])
    say(f"{len(manifest.systems)} systems x {len(manifest.items)} items; every file can be read.")
    say(differences.table(found))
    warn([*differences.sentences(found), *_named_in_texts(config, manifest)])
    plan.warn_of_shortfalls(config, len(manifest.systems), len(manifest.items))
    recruiting.warn_of_codes(config)
    say(f"Next: python -m study build {args.folder}")


def _build(args: argparse.Namespace) -> None:
    from study.design import builder, stimuli

    config = load(args.folder / CONFIG_NAME)
    manifest = stimuli.read(args.folder / MANIFEST_NAMES[0])
    index = builder.build(config, manifest, args.folder / STIMULI_NAME, _progress("Building"))
    size = sum(row.bytes for row in index.stimuli) / 1e6
    say(f"{len(index.stimuli)} clips, {size:.1f} MB, stimuli {index.hash()[:12]}")
    say(f"Next: python -m study audit {args.folder}")


def _progress(doing: str) -> Progress:
    """One line that changes on a terminal; in a file, a line for each tenth."""

    def show(done: int, count: int, name: str) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(
                f"\r\033[K{doing} {done + 1} of {count}: {name}" if name else "\r\033[K"
            )
            sys.stderr.flush()
        elif name and done and 10 * done // count != 10 * (done - 1) // count:
            say(f"{doing} {done + 1} of {count}: {name}")

    return show


def _named_in_texts(config: StudyConfig, manifest: Manifest) -> list[str]:
    """Sentences about systems that the operator's own texts name."""
    texts = [*config.title.values(), *config.consent.text.values(), config.consent.contact]
    texts += [text for dimension in config.dimensions for text in dimension.text.values()]
    words = {word for text in texts for word in text.lower().split()}
    return [
        f"a text of study.yaml names {system!r}; raters had better not know which systems are compared"
        for system in manifest.systems
        if len(system) > 3 and system.lower() in words
    ]
