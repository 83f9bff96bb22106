"""How far a clip was fetched, invitations, and what participants say of themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the table."""
    op.add_column(
        "media_tokens",
        sa.Column("fetched_to", sa.Integer(), nullable=False, server_default="0"),
    )
    op.add_column(
        "participants", sa.Column("answers", sa.JSON(), nullable=False, server_default="{}")
    )
    op.add_column(
        "participants",
        sa.Column("salt", sa.String(length=32), nullable=False, server_default=""),
    )
    op.create_table(
        "invitations",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("participant_id", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["participant_id"], ["participants.id"], ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("label"),
        sa.UniqueConstraint("token_hash"),
        sa.UniqueConstraint("participant_id"),
    )
