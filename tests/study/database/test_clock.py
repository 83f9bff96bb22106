"""All servers of a study follow the database's clock."""

import time

from study.database import storage
from study.database.clock import REFRESH_SECONDS, DatabaseClock, clock_of


def test_postgresql_has_the_time_and_a_file_has_its_machine(context, built, postgres):
    assert clock_of(context.store) is time.time
    store = storage.create(postgres.fresh_url(), built)
    clock = clock_of(store)
    assert isinstance(clock, DatabaseClock) and abs(clock() - time.time()) < 5
    store.close()


def test_it_goes_on_without_the_database_and_comes_back_to_it(built, postgres, caplog):
    steady = [1000.0]
    store = storage.create(postgres.fresh_url(), built)
    clock = DatabaseClock(store, lambda: steady[0])
    began = clock()
    steady[0] += 30
    assert abs(clock() - began - 30) < 1e-6
    url = store.engine.url
    store.engine.dispose()
    store.engine = storage.create_engine(url.set(port=1))
    steady[0] += REFRESH_SECONDS
    assert abs(clock() - began - 30 - REFRESH_SECONDS) < 1e-6
    assert "could not be read" in caplog.text
    store.engine = storage.create_engine(url)
    steady[0] += REFRESH_SECONDS + 1
    assert abs(clock() - time.time()) < 5, "the database's time again, however the steady clock ran"
    store.close()
