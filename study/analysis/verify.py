"""`study verify bundle.zip`: every published number recomputed, every vote tied to the ledger."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from study import canonical
from study.analysis import bundle, charts
from study.analysis.dataset import Dataset
from study.analysis.report import report
from study.database import ledger
from study.errors import StudyError
from study.voting import participants, votes

STATES = ("entered", "consented", "listening", "voting", "screened", "finished")
"""Kinds of rows of one person."""
ENDS = ("screened", "finished")
LIFE = {"opened": "open", "resumed": "open", "paused": "paused", "closed": "closed"}


@dataclass(frozen=True)
class Outcome:
    """One step of the verification: what was checked, and what was wrong (empty when nothing was).

    `compared` is False for a step that had nothing to compare with.
    """

    step: str
    problem: str = ""
    compared: bool = True


def verify(path: Path, head: str | None = None) -> list[Outcome]:
    """Check a bundle. `head` is the ledger's last hash as it was published elsewhere, if it was.

    Without such a head a forger could rewrite all votes with the whole ledger; with it nobody can.
    Raises StudyError for what is no bundle and for a `head` that is no hash.
    """
    if head is not None and not re.fullmatch("[0-9a-f]{64}", head):
        raise StudyError(
            f"--head is {head!r}, expected the 64 hexadecimal digits that export prints"
        )
    files, listing = bundle.unpack(path)
    dataset = bundle.to_dataset(files, path)
    try:
        return _outcomes(files, listing, dataset, head)
    except bundle.MALFORMED as error:
        raise StudyError(f"{path}: a part has another form than is exported ({error!r})") from None


def _outcomes(
    files: dict[str, bytes], listing: dict[str, str], dataset: Dataset, head: str | None
) -> list[Outcome]:
    tied = [
        Outcome("the study is what the ledger says of it", _meta(dataset)),
        Outcome("participants are those of the ledger", _people(dataset)),
        Outcome("every vote is in the ledger, unaltered", _digests(dataset)),
        Outcome("no vote is missing that was not erased", _missing(dataset)),
    ]
    return [
        Outcome("files match their listed hashes", _listing(files, listing)),
        Outcome("configuration matches its hash", _config(dataset)),
        Outcome(
            "the ledger is one unbroken chain", ledger.first_invalid_entry(dataset.entries) or ""
        ),
        _head(dataset, head),
        *tied,
        *_recomputed(files, dataset, tied),
    ]


def _listing(files: dict[str, bytes], listing: dict[str, str]) -> str:
    found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    wrong = sorted(
        name for name in found.keys() | listing.keys() if found.get(name) != listing.get(name)
    )
    return f"{wrong[0]} does not match the listing" if wrong else ""


def _config(dataset: Dataset) -> str:
    opened = [entry.body.get("config") for entry in dataset.entries if entry.kind == "opened"]
    if opened != [dataset.config.hash()]:
        return "study.yaml is not the configuration under which the study was opened"
    return ""


def _head(dataset: Dataset, head: str | None) -> Outcome:
    if head is None:
        return Outcome("the ledger's end, without the published --head", compared=False)
    last = dataset.entries[-1].hash if dataset.entries else ledger.GENESIS
    problem = "" if last == head else f"the last hash is {last[:16]}…, published was {head[:16]}…"
    return Outcome("the ledger ends as published", problem)


def _meta(dataset: Dataset) -> str:
    """Name, hashes, systems, number of items, state and times against the ledger's rows."""
    said: dict[str, Any] = {"closed_at": None, "revealed_at": None}
    for entry in dataset.entries:
        if entry.kind == "opened":
            body = entry.body
            said |= {"name": body.get("name"), "items": body.get("items"), "opened_at": entry.at}
            said |= {"config_hash": body.get("config"), "stimuli_hash": body.get("stimuli")}
            said["systems"] = body.get("systems")
        if entry.kind in LIFE:
            said["state"] = LIFE[entry.kind]
        if entry.kind in ("closed", "revealed"):
            said[f"{entry.kind}_at"] = entry.at
    found = dict(dataset.meta) | {"systems": [list(pair) for pair in dataset.systems.items()]}
    for name in ("opened_at", "closed_at", "revealed_at"):
        found[name] = found.get(name) and round(float(found[name]), 3)
    wrong = sorted(name for name in said.keys() | found.keys() if said.get(name) != found.get(name))
    if canonical.digest(dataset.clips) != dataset.meta.get("stimuli_hash"):
        wrong.append("the list of clips")
    return f"{wrong[0]} is not as in the ledger" if wrong else ""


def _people(dataset: Dataset) -> str:
    """Who took part, how far, under which consent, in which language; and nobody else has voted."""
    said: dict[str, dict[str, Any]] = {}
    for entry in dataset.entries:
        code = entry.body.get("participant", "")
        if entry.kind in STATES:
            before = said.get(code, {"version": None, "text": None, "finished_at": None})
            ended = {"finished_at": entry.at} if entry.kind in ENDS else {}
            said[code] = before | entry.body | {"state": entry.kind} | ended
        if entry.kind == "withdrawn":
            said.pop(code, None)
    found = {
        person.code: {
            "participant": person.code,
            "state": person.state,
            "version": person.consent_version,
            "locale": person.locale,
            "text": person.consent_hash,
            "finished_at": person.finished_at,
        }
        for person in dataset.people
    }
    if len(found) != len(dataset.people):
        return "a participant is listed twice"
    wrong = sorted(code for code in said.keys() | found.keys() if said.get(code) != found.get(code))
    if wrong:
        return f"participant {wrong[0]} is not as in the ledger"
    altered = _altered_facts(dataset)
    if altered:
        return altered
    voters = {vote.record["participant"] for vote in dataset.votes}
    strangers = sorted(voters - found.keys())
    return f"{strangers[0]} has votes but did not take part" if strangers else ""


def _altered_facts(dataset: Dataset) -> str:
    """Devices and answers about themselves, against the newest digest of each participant."""
    newest = {e.body["participant"]: e.body["digest"] for e in dataset.entries if e.kind == "facts"}
    for person in dataset.people:
        empty = not any(person.facts.values())
        said = participants.facts_digest(person.code, person.facts, person.salt)
        if newest.get(person.code) != said and not (empty and person.code not in newest):
            return f"what participant {person.code} said of themselves is not as in the ledger"
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


def _recomputed(files: dict[str, bytes], dataset: Dataset, tied: list[Outcome]) -> list[Outcome]:
    """Every file that follows from the data, made again from data that is tied to the ledger."""
    if any(outcome.problem for outcome in tied):
        return [Outcome("the numbers are what the votes give", "not looked at: see above")]
    made = report(dataset)
    texts, sources = bundle.texts(dataset, made), bundle.sources(dataset)
    seal = bundle.sealed(dataset)
    if seal is None:
        return [Outcome("the figures are in the ledger", "no export is in the ledger")]
    more = sorted(files.keys() - (sources.keys() | texts.keys() | seal["figures"].keys()))
    return [
        Outcome("nothing else is in the bundle", f"{more[0]} is not part of it" if more else ""),
        *[_same(files, name, text, "holds nothing else") for name, text in sources.items()],
        *[_same(files, name, text, "is what the votes give") for name, text in texts.items()],
        *_drawn(files, dataset, made, seal),
    ]


def _drawn(
    files: dict[str, bytes], dataset: Dataset, made: dict[str, Any], seal: dict[str, Any]
) -> list[Outcome]:
    """Figures against their hashes in the ledger; drawn again where the same program is here."""
    found = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    exported = [
        Outcome(f"{name} is what was exported", "" if found.get(name) == sha else "it differs")
        for name, sha in seal["figures"].items()
    ]
    here = charts.drawn_by()
    if seal["drawn_by"] != here:
        step = f"the figures show the report (drawn by {seal['drawn_by']}, where this is {here})"
        return [*exported, Outcome(step, compared=False)]
    figures = bundle.figures(dataset, made)
    return [*exported, *[_same(files, n, f, "shows the report") for n, f in figures.items()]]


def _same(files: dict[str, bytes], name: str, content: bytes, step: str) -> Outcome:
    return Outcome(f"{name} {step}", "" if files.get(name) == content else "it differs")
