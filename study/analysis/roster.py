"""Who has finished and with which verdict, by invitation and by recruiter's id: for operators, in no bundle."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd
from sqlalchemy import select

from study.analysis.dataset import judgements, read
from study.database.models import Invitation, Participant
from study.voting import participants
from study.voting.context import StudyContext

COLUMNS = (
    *("name", "recruiter_id", "session_id", "participant", "state", "votes", "verdict", "reasons"),
    *("entered_at", "finished_at", "code"),
)


def roster(context: StudyContext) -> pd.DataFrame:
    """One row a participant, and one for each invitation that nobody has used. Names no system."""
    dataset = read(context)
    verdicts = judgements(dataset)
    cast = Counter(vote.record["participant"] for vote in dataset.votes)
    with context.store.read() as session:
        invitations = list(session.scalars(select(Invitation).order_by(Invitation.id)))
        people = list(session.scalars(select(Participant).order_by(Participant.id)))
    labels = {row.participant_id: row.label for row in invitations}
    rows: list[dict[str, Any]] = []
    for person in people:
        if person.code not in verdicts:
            continue  # entered since
        judged, votes = verdicts[person.code], cast[person.code]
        rows.append(
            {
                "name": labels.get(person.id),
                "recruiter_id": person.external.get("PROLIFIC_PID"),
                "session_id": person.external.get("SESSION_ID"),
                "participant": person.code,
                "state": person.state,
                "votes": votes,
                "verdict": judged.verdict if votes else None,
                "reasons": " ".join(judged.reasons),
                "entered_at": person.created_at,
                "finished_at": person.finished_at,
                "code": participants.outcome_code(context, person.state),
            }
        )
    rows += [
        {"name": row.label, "state": "invited"} for row in invitations if row.participant_id is None
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
