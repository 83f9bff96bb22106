"""No vote lost on SQLite and PostgreSQL, and one clear sentence when a database cannot be used."""

import sqlite3
import stat
import threading

import pytest
from sqlalchemy import func, select, text

from study.database import ledger, storage
from study.database.models import Base, Participant, Trial, Vote
from study.errors import StudyError
from study.voting import trials, votes
from tests.study.tiny import Clock, api_client, open_at, someone

THREADS, EACH = 8, 25
LONG = {
    "trials": {
        "per_participant": 8,
        "training": 0,
        "catch": {"repeated": 8, "identical": 8, "shifted": 1},
    }
}


def vote_in_threads(context) -> int:
    """Eight participants at once, each with their 25 pairs; the number of acknowledged votes."""
    client = api_client(context)
    people = []
    for _ in range(THREADS):
        people.append(someone(client, context))
        people[-1].admit()
    acknowledged: list[str] = []
    failures: list[Exception] = []
    start = threading.Barrier(THREADS)

    def take_part(person) -> None:
        try:
            start.wait()
            for number in range(EACH):
                served = trials.next_trial(context, person.token)
                assert served is not None
                with context.store.write() as session:
                    session.execute(
                        text(
                            "UPDATE media_tokens SET fetched_at = expires_at - 100000 WHERE fetched_at IS NULL"
                        )
                    )
                choices = dict.fromkeys(served.dimensions, "same")
                receipt = votes.submit_vote(
                    context, person.token, served.trial, f"request-{number}", choices, {}
                )
                acknowledged.append(receipt.vote)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=take_part, args=(person,)) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    return len(set(acknowledged))


def assert_nothing_lost(context) -> None:
    assert vote_in_threads(context) == THREADS * EACH
    with context.store.read() as session:
        assert session.scalar(select(func.count()).select_from(Vote)) == THREADS * EACH
        assert session.scalar(select(func.count(func.distinct(Vote.trial_id)))) == THREADS * EACH
        assert ledger.first_invalid_entry(ledger.read(session)) is None


def test_no_vote_is_lost_on_sqlite(built, tmp_path, clock: Clock):
    context = open_at(built, tmp_path, clock, **LONG)
    assert_nothing_lost(context)


def test_no_vote_is_lost_on_postgresql(built, tmp_path, clock: Clock, postgres):
    context = open_at(built, tmp_path, clock, postgres.fresh_url(), **LONG)
    assert_nothing_lost(context)
    context.store.close()


def test_three_servers_that_start_at_once_on_an_empty_database(built, tmp_path, postgres):
    """Each brings tables and design; one does it, and the others find them."""
    url, start, found = postgres.fresh_url(), threading.Barrier(3), []

    def begin() -> None:
        start.wait()
        try:
            found.append(open_at(built, tmp_path, Clock(), url))
        except Exception as error:
            found.append(error)

    threads = [threading.Thread(target=begin) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [error for error in found if isinstance(error, Exception)] == []
    with found[0].store.read() as session:
        assert [entry.kind for entry in ledger.read(session)] == ["opened"]
    for context in found:
        context.store.close()


def test_several_servers_do_not_share_a_file(built, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDY_SERVERS", "2")
    with pytest.raises(StudyError, match="2 servers cannot share the SQLite database"):
        open_at(built, tmp_path, Clock())
    monkeypatch.setenv("STUDY_SERVERS", "many")
    with pytest.raises(StudyError, match="STUDY_SERVERS is 'many'"):
        open_at(built, tmp_path, Clock())


def test_sqlite_is_set_up_for_votes(context):
    with context.store.write() as session:
        settings = {
            name: session.execute(text(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert settings == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }


def test_only_what_can_be_given_again_does_not_wait_for_the_disk(
    context, built, tmp_path, postgres
):
    elsewhere = open_at(built, tmp_path, Clock(), postgres.fresh_url())
    asked = [(context, "PRAGMA synchronous"), (elsewhere, "SHOW synchronous_commit")]
    found = []
    for durable in (True, False, True):
        for where, question in asked:
            with where.store.write(durable) as session:
                found.append(session.execute(text(question)).scalar())
    elsewhere.store.close()
    assert found == [2, "on", 1, "off", 2, "on"]


def test_a_second_program_waits_for_the_write_lock(context, tmp_path):
    """BEGIN IMMEDIATE: the other one gets its turn after us instead of failing in the middle."""
    other = sqlite3.connect(tmp_path / "study.db", isolation_level=None, timeout=5)
    with context.store.write() as session:
        session.execute(text("UPDATE study SET name = name"))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            sqlite3.connect(tmp_path / "study.db", isolation_level=None, timeout=0).execute(
                "BEGIN IMMEDIATE"
            )
    other.execute("BEGIN IMMEDIATE")
    other.execute("ROLLBACK")


def test_an_error_inside_leaves_nothing_behind(context):
    with pytest.raises(RuntimeError), context.store.write() as session:
        session.execute(text("DELETE FROM study"))
        raise RuntimeError
    with context.store.read() as session:
        assert session.execute(text("SELECT count(*) FROM study")).scalar() == 1


def sentence(caught) -> str:
    assert "\n" not in str(caught.value)
    assert "Traceback" not in str(caught.value)
    return str(caught.value)


def test_a_locked_database_is_one_sentence(context, tmp_path):
    holder = sqlite3.connect(tmp_path / "study.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with context.store.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout = 50")
    context.store.engine.pool.dispose()
    from sqlalchemy import event

    def hasty(connection, _record):
        connection.execute("PRAGMA busy_timeout = 50")

    event.listen(context.store.engine, "connect", hasty)
    with pytest.raises(StudyError) as caught, context.store.write():
        pass
    assert "another program holds the database locked" in sentence(caught)
    holder.execute("ROLLBACK")
    with context.store.write() as session:
        session.execute(text("UPDATE study SET name = name"))


def test_a_read_only_database_is_one_sentence(context):
    from sqlalchemy import event

    def only_reading(connection, _record):
        connection.execute("PRAGMA query_only = ON")

    context.store.engine.pool.dispose()
    event.listen(context.store.engine, "connect", only_reading)
    with pytest.raises(StudyError) as caught, context.store.write() as session:
        session.execute(text("UPDATE study SET name = 'x'"))
    assert "read-only" in sentence(caught)


def test_a_full_disk_is_one_sentence_and_stores_nothing(context):
    """SQLite's own limit on pages gives the very error of a full disk."""
    from sqlalchemy import event

    with context.store.read() as session:
        pages = session.execute(text("PRAGMA page_count")).scalar()
    context.store.engine.pool.dispose()
    event.listen(
        context.store.engine, "connect", lambda c, _: c.execute(f"PRAGMA max_page_count = {pages}")
    )
    with pytest.raises(StudyError) as caught, context.store.write() as session:
        session.execute(text("CREATE TABLE filler AS SELECT zeroblob(4000000) AS content"))
    assert "the disk is full" in sentence(caught)
    with context.store.read() as session:
        assert session.execute(text("SELECT count(*) FROM study")).scalar() == 1


def test_a_newer_schema_is_one_sentence(context, tmp_path):
    with context.store.write() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StudyError) as caught:
        storage.connect("sqlite:///study.db", tmp_path)
    assert "made by a newer version (schema 9999" in sentence(caught)


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"this is no database, but a text of some length" * 30, "not a SQLite database")],
)
def test_a_file_that_is_no_database_is_one_sentence(tmp_path, content, expected):
    (tmp_path / "study.db").write_bytes(content)
    with pytest.raises(StudyError) as caught:
        storage.connect("sqlite:///study.db", tmp_path)
    assert expected in sentence(caught)


def test_a_missing_database_is_one_sentence(tmp_path):
    with pytest.raises(StudyError, match="there is no database yet; run `study open`"):
        storage.connect("sqlite:///study.db", tmp_path)
    with pytest.raises(StudyError, match="a study needs a file"):
        storage.connect("sqlite://", tmp_path)
    with pytest.raises(StudyError, match="not a database URL"):
        storage.connect("study.db", tmp_path)


def test_migrations_make_exactly_the_models(context):
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    with context.store.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, Base.metadata) == []


def test_a_backup_is_complete_and_never_overwrites(context, client, tmp_path):
    person = someone(client, context)
    person.admit()
    target = tmp_path / "copy.db"
    storage.backup(context.store, target)
    copy = storage.connect("sqlite:///copy.db", tmp_path)
    with copy.read() as session:
        assert session.scalar(select(func.count()).select_from(Participant)) == 1
        assert session.scalar(select(func.count()).select_from(Trial)) == 0
    copy.close()
    with pytest.raises(StudyError, match="exists already"):
        storage.backup(context.store, target)


def test_the_database_file_holds_no_address_and_no_token(context, client, tmp_path):
    person = someone(client, context)
    person.admit()
    context.store.close()
    content = b"".join(path.read_bytes() for path in tmp_path.glob("study.db*"))
    assert person.token.encode() not in content
    assert b"testclient" not in content
    assert stat.S_ISREG((tmp_path / "study.db").stat().st_mode)
