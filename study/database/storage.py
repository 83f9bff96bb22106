"""The database: SQLite by default, PostgreSQL by URL, one writer at a time on both.

With a plain BEGIN a SQLite transaction that reads and then writes fails when another one wrote in between.
Every write transaction therefore takes its lock at the start: BEGIN IMMEDIATE on SQLite, an advisory lock
on PostgreSQL.

A vote is acknowledged only when it is on the disk. What a participant can simply be given again (a pair, the
note that a clip was fetched) does not wait for the disk: a crash of the program loses nothing of it, a power
cut the last moments. Every durable write carries all earlier ones to the disk with it.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import cast

from alembic import command
from alembic.config import Config as AlembicConfig
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session

from study.errors import Refused, StudyError

ADVISORY_LOCK = 0x5354_5544  # "STUD": any constant that other users of the database do not take
BUSY_MS = 5_000  # patience with another program's lock on a SQLite file
MIGRATIONS = Path(__file__).parent / "migrations"
NETWORK_FILESYSTEMS = ("fuse", "nfs", "cifs", "smb", "9p", "s3", "gcs", "ceph", "lustre")


class Store:
    """A database of one study, open for use.

    Attributes:
        url: where it is, as SQLAlchemy writes it, without the password.
        engine: the SQLAlchemy engine.
        waited: called with the seconds that a write waited for its turn.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.url = engine.url.render_as_string(hide_password=True)
        self._writer = threading.Lock()
        self.waited: Callable[[float], None] = lambda _seconds: None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session that sees one consistent state and writes nothing."""
        with _sentences(self.url), Session(self.engine) as session:
            yield session

    @contextmanager
    def write(self, durable: bool = True) -> Iterator[Session]:
        """A session that holds the write lock from its start and commits at the end.

        With `durable` the commit waits for the disk; waiting is most of the cost of a small write.

        A Refused request commits too: all it has written is that it counts against its rate limit.

        Threads of this process queue on a lock of their own: SQLite makes waiting writers poll, which
        is unfair and slow when many wait.
        """
        asked = time.monotonic()
        with self._writer, _sentences(self.url):
            options = {"study_write": True, "study_durable": durable}
            connection = self.engine.connect().execution_options(**options)
            with connection, Session(connection, expire_on_commit=False) as session:
                session.connection()  # begins, which takes SQLite's lock; PostgreSQL's follows
                if self.engine.dialect.name == "postgresql":
                    _lock_postgresql(session, durable)
                self.waited(time.monotonic() - asked)
                try:
                    yield session
                except Refused:
                    session.commit()
                    raise
                session.commit()

    def forget_erased(self) -> None:
        """Take deleted rows out of SQLite's write-ahead log too, so that they are on no disk.

        It does not wait: a reader at that very moment puts it off until the log's next turn.
        """
        if self.engine.dialect.name != "sqlite":
            return
        with _sentences(self.url), closing(self.engine.raw_connection()) as connection:
            connection.execute("PRAGMA busy_timeout = 0")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")

    def close(self) -> None:
        """Return all connections."""
        self.engine.dispose()


def create(url: str, directory: Path) -> Store:
    """Make the tables (or bring an older database up to date) and open it."""
    store = Store(_engine(url, directory))
    with _sentences(store.url):
        _refuse_newer(store)
        with store.engine.connect().execution_options(study_write=True) as connection:
            if store.engine.dialect.name == "postgresql":  # servers that start at once take turns
                connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))
            command.upgrade(_alembic(connection), "head")
            connection.commit()
    return store


def connect(url: str, directory: Path) -> Store:
    """Open an existing database; raises StudyError when it is missing, older or newer."""
    path = sqlite_path(url, directory)
    if path is not None and not path.is_file():
        raise StudyError(f"{path}: there is no database yet; run `study open`")
    store = Store(_engine(url, directory))
    with _sentences(store.url):
        _refuse_newer(store)
        if revision(store) != head():
            raise StudyError(
                f"{store.url}: the tables are of revision {revision(store)}, this program needs "
                f"{head()}; run `study open` to bring them up to date"
            )
    return store


def revision(store: Store) -> str | None:
    """The schema revision in the database, None when it has no tables."""
    if not inspect(store.engine).has_table("alembic_version"):
        return None
    with store.read() as session:
        return session.execute(text("SELECT version_num FROM alembic_version")).scalar()


def head() -> str:
    """The schema revision of this program."""
    return str(ScriptDirectory(str(MIGRATIONS)).get_current_head())


def backup(store: Store, target: Path) -> None:
    """Copy a SQLite database while it is in use (SQLite's backup API), then check the copy."""
    if store.engine.dialect.name != "sqlite":
        raise StudyError(f"{store.url}: back up PostgreSQL with pg_dump")
    if target.exists():
        raise StudyError(f"{target}: exists already; a backup never overwrites")
    draft = target.with_name(target.name + ".part")
    with _sentences(store.url), store.engine.connect() as connection:
        source = connection.connection.driver_connection
        verdict = _copied(cast(sqlite3.Connection, source), draft)
    if verdict != "ok":
        draft.unlink(missing_ok=True)
        raise StudyError(f"{target}: cannot be written ({verdict})")
    draft.replace(target)


def _copied(source: sqlite3.Connection, draft: Path) -> str:
    """Copy and check; "ok", or what was wrong."""
    try:
        copy = sqlite3.connect(draft)
        try:
            source.backup(copy)
            return str(copy.execute("PRAGMA integrity_check").fetchone()[0])
        finally:
            copy.close()
    except sqlite3.Error as error:
        return str(error)


def sqlite_path(url: str, directory: Path) -> Path | None:
    """The file of a SQLite URL (relative to the study's directory), None for other databases."""
    if not is_sqlite(url):
        return None
    parsed = _parse(url)
    if not parsed.database or parsed.database == ":memory:":
        raise StudyError(f"database {url!r}: a study needs a file, for example sqlite:///study.db")
    return (directory / str(parsed.database)).resolve()


def is_sqlite(url: str) -> bool:
    """Whether a URL is of a SQLite database; raises StudyError for what is no URL."""
    return _parse(url).get_backend_name() == "sqlite"


def network_mount(path: Path) -> str | None:
    """The kind of network or bucket mount that `path` lies on, None for a local disk.

    SQLite's locks are not dependable there; a Space's bucket mount corrupts the file.
    """
    try:
        mounts = Path("/proc/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    best = ("", "")
    for line in mounts:
        _, point, kind, *_ = line.split(" ")
        if path.is_relative_to(point) and len(point) >= len(best[0]):
            best = (point, kind)
    return best[1] if best[1].startswith(NETWORK_FILESYSTEMS) else None


def explain(error: DBAPIError, url: str) -> str:
    """One sentence for what the database said."""
    said = str(error.orig).strip().splitlines()[0]
    rules = {
        "database is locked": "another program holds the database locked; stop it and try again",
        "readonly database": "the database is read-only; make the file and its folder writable",
        "disk is full": "the disk is full; free some space, nothing was stored",
        "disk I/O error": "the disk reports an error; nothing was stored",
        "unable to open": "the database file cannot be opened; check the path and its rights",
        "not a database": "the file is not a SQLite database",
        "malformed": "the database file is damaged; restore a backup",
    }
    for part, sentence in rules.items():
        if part in said:
            return f"{url}: {sentence}"
    return f"{url}: {said}"


@contextmanager
def _sentences(url: str) -> Iterator[None]:
    """Turn operational errors into one sentence; programming errors stay as they are."""
    try:
        yield
    except DBAPIError as error:
        operational = type(error).__name__ in (
            "OperationalError",
            "DatabaseError",
            "InterfaceError",
        )
        if not operational or "syntax" in str(error.orig):
            raise
        raise StudyError(explain(error, url)) from error


def _engine(url: str, directory: Path) -> Engine:
    path = sqlite_path(url, directory)
    if path is None:
        parsed = _parse(url)
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        return _server_engine(parsed)
    engine = create_engine(f"sqlite:///{path}", pool_size=8, max_overflow=40)
    event.listen(engine, "connect", _sqlite_pragmas)
    event.listen(engine, "begin", _sqlite_begin)
    return engine


def _server_engine(url: URL) -> Engine:
    try:
        return create_engine(url, pool_size=8, max_overflow=24, pool_pre_ping=True)
    except (ImportError, NoSuchModuleError) as error:
        raise StudyError(
            f"database {url.render_as_string()!r}: its driver is not installed ({error}); for "
            "PostgreSQL: pip install 'psycopg[binary]'"
        ) from None


def _sqlite_pragmas(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun by _sqlite_begin, not by the driver
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA secure_delete = ON")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    options = connection.get_execution_options()
    if not options.get("study_write", False):
        connection.exec_driver_sql("BEGIN")
        return
    level = "FULL" if options.get("study_durable", True) else "NORMAL"
    connection.exec_driver_sql(f"PRAGMA synchronous = {level}")  # ignored inside a transaction
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _lock_postgresql(session: Session, durable: bool) -> None:
    if not durable:
        session.execute(text("SET LOCAL synchronous_commit = off"))
    session.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, NoSuchModuleError) as error:
        raise StudyError(f"database {url!r}: not a database URL ({error})") from None


def _alembic(connection: Connection) -> AlembicConfig:
    config = AlembicConfig()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _refuse_newer(store: Store) -> None:
    try:
        current = revision(store)
    except SQLAlchemyError as error:
        if isinstance(error, DBAPIError):
            raise
        raise StudyError(f"{store.url}: cannot be opened ({error})") from None
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    if current is not None and current not in known:
        raise StudyError(
            f"{store.url}: made by a newer version (schema {current}, this program knows up to "
            f"{head()}); upgrade this program"
        )
