"""Links for one person each, made by the operator, whose own names for people leave no export."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from study.database.models import Invitation, Participant
from study.database.storage import Store
from study.errors import StudyError
from study.voting import tokens


def invite(store: Store, labels: Sequence[str]) -> list[tuple[str, str]]:
    """Make one invitation for each label; returns (label, token). Tokens are shown this once.

    Raises StudyError for a label that has an invitation already.
    """
    made = [(label, tokens.fresh()) for label in labels]
    repeated = sorted(label for label in set(labels) if labels.count(label) > 1)
    with store.write() as session:
        known = set(session.scalars(select(Invitation.label).where(Invitation.label.in_(labels))))
        if known or repeated:
            raise StudyError(
                f"{min([*known, *repeated])!r} is invited already; every name gets one link"
            )
        session.add_all(
            Invitation(label=label, token_hash=tokens.hashed(token)) for label, token in made
        )
    return made


def find(session: Session, token: str) -> Invitation | None:
    """The invitation of a token."""
    return session.scalar(select(Invitation).where(Invitation.token_hash == tokens.hashed(token)))


def guest(session: Session, invitation: Invitation) -> Participant | None:
    """Who used the invitation: the same link later leads back to the same place."""
    if invitation.participant_id is None:
        return None
    return session.get(Participant, invitation.participant_id)
