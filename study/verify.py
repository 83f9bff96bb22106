"""`study verify bundle.zip`: every published number recomputed, every vote tied to the ledger."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study import bundle, ledger, paper, tables, votes
from study.dataset import Dataset
from study.frame import tidy
from study.report import report


@dataclass(frozen=True)
class Outcome:
    """One step of the verification: what was checked, and what was wrong (empty when nothing was)."""

    step: str
    problem: str = ""


def verify(path: Path, head: str | None = None) -> list[Outcome]:
    """Check a bundle. `head` is the ledger's last hash as it was published elsewhere, if it was.

    Without such a head a forger could rewrite all votes with the whole ledger; with it nobody can.
    """
    files, listing = bundle.unpack(path)
    dataset = bundle.to_dataset(files, path)
    return [
        Outcome("files match their listed hashes", _listing(files, listing)),
        Outcome("configuration matches its hash", _config(dataset)),
        Outcome("the ledger is one unbroken chain", ledger.first_break(dataset.entries) or ""),
        Outcome("the ledger ends as published", _head(dataset, head)),
        Outcome("every vote is in the ledger, unaltered", _digests(dataset)),
        Outcome("no vote is missing that was not erased", _missing(dataset)),
        *_recomputed(files, dataset),
    ]


def _listing(files: dict[str, bytes], listing: dict[str, str]) -> str:
    found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    wrong = sorted(
        name for name in found.keys() | listing.keys() if found.get(name) != listing.get(name)
    )
    return f"{wrong[0]} does not match the listing" if wrong else ""


def _config(dataset: Dataset) -> str:
    opened = [entry.body["config"] for entry in dataset.entries if entry.kind == "opened"]
    if dataset.config.hash() != dataset.meta["config_hash"] or opened[:1] != [
        dataset.config.hash()
    ]:
        return "study.yaml is not the configuration under which the study was opened"
    return ""


def _head(dataset: Dataset, head: str | None) -> str:
    last = dataset.entries[-1].hash if dataset.entries else ledger.GENESIS
    if head is not None and not last.startswith(head):
        return f"the last hash is {last[:16]}…, published was {head[:16]}…"
    return ""


def _digests(dataset: Dataset) -> str:
    known = {entry.body["digest"] for entry in dataset.entries if entry.kind == "vote"}
    for vote in dataset.votes:
        if votes.digest(vote.record, vote.salt) != vote.digest:
            return f"vote {vote.record['vote']} was altered: its digest does not match its content"
        if vote.digest not in known:
            return f"vote {vote.record['vote']} is not in the ledger"
    return ""


def _missing(dataset: Dataset) -> str:
    present = {vote.digest for vote in dataset.votes}
    if len(present) != len(dataset.votes):
        return "a vote is listed twice"
    erased = {
        digest
        for entry in dataset.entries
        if entry.kind == "withdrawn"
        for digest in entry.body["digests"]
    }
    cast = {entry.body["digest"] for entry in dataset.entries if entry.kind == "vote"}
    lost = cast - present - erased
    return f"{len(lost)} votes of the ledger are neither present nor erased" if lost else ""


def _recomputed(files: dict[str, bytes], dataset: Dataset) -> list[Outcome]:
    made = report(dataset)
    published: dict[str, Any] = json.loads(files["report.json"])
    plain = json.loads(json.dumps(made))
    wrong = [name for name in plain if plain[name] != published.get(name)]
    texts = {
        "votes.csv": tables.csv_text(tidy(dataset)).encode("utf-8-sig"),
        "table.tex": paper.latex_table(made).encode(),
        "methods.txt": paper.methods(dataset, made).encode(),
    }
    return [
        Outcome("report.json is what the votes give", f"{wrong[0]} differs" if wrong else ""),
        *[
            Outcome(
                f"{name} is what the votes give", "" if files.get(name) == text else "it differs"
            )
            for name, text in texts.items()
        ],
    ]
