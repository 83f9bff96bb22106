"""Network and agent hashes of participants are not kept; a recruited person is known by one id."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop both columns and take the recruiter's study out of the key."""
    op.drop_column("participants", "network_hash")
    op.drop_column("participants", "agent_hash")
    people = sa.table("participants", sa.column("id"), sa.column("external_key"))
    rows = op.get_bind().execute(sa.select(people.c.id, people.c.external_key)).all()
    for row in rows:
        if row.external_key:
            person = row.external_key.rpartition("/")[2]
            op.execute(people.update().where(people.c.id == row.id).values(external_key=person))
