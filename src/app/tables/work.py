"""Work and mechanisms: the inbox, jobs, cursors, allowances. Columns only; each table names its one writer."""

from piccolo.columns import JSONB, UUID, BigSerial, Boolean, Bytea, Integer, Text, Timestamptz
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.table import Table

from app.core.db import ENGINE
from app.core.work import Work


class Inbox(Work, Table, db=ENGINE):
    """Outside events, stored before they are acted on. Writer: core.inbox."""

    id = BigSerial(primary_key=True)
    source = Text(help_text="xero or stripe")
    account = Text(help_text="tenant or connected account")
    event_id = Text()
    type = Text()
    livemode = Boolean(default=False)
    occurred_at = Timestamptz(null=True, default=None)
    received_at = Timestamptz()
    body = Bytea(help_text="the bytes as they came")


class Job(Work, Table, db=ENGINE):
    """Durable to-dos without a row of their own, one for each kind and subject. Writer: core.jobs."""

    id = BigSerial(primary_key=True)
    kind = Text()
    subject = Text()
    payload = JSONB(default="{}")
    asked = Integer(default=1)
    asked_seen = Integer(default=0)
    changed_at = Timestamptz()


class Cursor(Table, db=ENGINE):
    """How far a poll has come, by name. Writer: the room that polls."""

    id = UUID(primary_key=True)
    name = Text(unique=True)
    value = Text()


class Allowance(Table, db=ENGINE):
    """A fixed-window counter against abuse, shared by all processes. Writer: core.limiter."""

    id = UUID(primary_key=True)
    key = Text(unique=True)
    window_start = Timestamptz(default=TimestamptzNow())
    used = Integer(default=0)
