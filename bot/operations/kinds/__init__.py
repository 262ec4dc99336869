"""Every kind of step that changes something, by the name a runbook declares it with."""

from collections.abc import Mapping

from bot.operations.kinds.base import Kind
from bot.operations.kinds.history import REPAIR, ROLLBACK
from bot.operations.kinds.pause import PAUSE, RESUME
from bot.operations.kinds.release import ALLOW_RELEASE
from bot.operations.kinds.rescue import RESCUE
from bot.operations.kinds.restart import RESTART
from bot.operations.kinds.session import END_SESSION
from bot.operations.kinds.team import SQL_CHANGE
from bot.operations.kinds.undo import UNDO
from bot.operations.kinds.variable import VARIABLE

KINDS: Mapping[str, Kind] = {
    "rescue": RESCUE,
    "restart": RESTART,
    "end_session": END_SESSION,
    "repair": REPAIR,
    "rollback": ROLLBACK,
    "pause": PAUSE,
    "resume": RESUME,
    "set_variable": VARIABLE,
    "allow_release": ALLOW_RELEASE,
    "sql_change": SQL_CHANGE,
    "undo": UNDO,
}
