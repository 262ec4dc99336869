"""Runs held back between their confirmation and their effect, until a test lets them go: no race, no sleep."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

_KEY = 20


@contextmanager
def held(dsn: str) -> Iterator[None]:
    """Let no run be taken up, in any process, until the block ends; `dsn` is the owner's."""
    with psycopg.connect(dsn, autocommit=True) as owner:
        owner.execute("SELECT pg_advisory_lock(%s)", (_KEY,))
        owner.execute(
            f"""
            CREATE OR REPLACE FUNCTION public.held() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_advisory_xact_lock({_KEY}); RETURN NEW; END $$;
            CREATE OR REPLACE TRIGGER held BEFORE UPDATE ON ops.chatops_run FOR EACH ROW EXECUTE FUNCTION public.held();
            """.encode()
        )
        yield
