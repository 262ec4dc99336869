"""One line an event, key and value for people, JSON for machines; secrets never pass, whoever logs them (§17, G3)."""

import json
import logging
import sys

from bot.domain.redaction import Redactor

_QUIET = {
    "psycopg.pool": logging.ERROR,
    "slack_bolt": logging.ERROR,
    "slack_sdk": logging.ERROR,
    "slack_sdk.web": logging.CRITICAL,  # it writes the body of an answer that is no JSON; what failed is said by us
    "httpx": logging.WARNING,
}


class Redaction(logging.Filter):
    """Takes secrets and personal data out of every record."""

    def __init__(self, redact: Redactor) -> None:
        """Keep what takes them out."""
        super().__init__()
        self._redact = redact

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the message by its redacted text, on one line; tracebacks keep their places only."""
        record.msg, record.args = self._redact(record.getMessage()).replace("\n", " "), ()
        if record.exc_info and record.exc_info[1] is not None:
            record.msg = f"{record.msg} at={_places(record)} raised={type(record.exc_info[1]).__name__}"
        record.exc_info = record.exc_text = record.stack_info = None
        return True


def _places(record: logging.LogRecord) -> str:
    """Return where an error came from: file and line of its innermost frames, never a value."""
    trace = record.exc_info[2] if record.exc_info else None
    found = []
    while trace is not None:
        code = trace.tb_frame.f_code
        found.append(f"{code.co_filename.rpartition('/')[2]}:{trace.tb_lineno}")
        trace = trace.tb_next
    return ">".join(found[-4:])


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"at": self.formatTime(record), "level": record.levelname.lower(), "logger": record.name}
        return json.dumps({**line, "message": record.getMessage()}, ensure_ascii=False)


def set_up(redact: Redactor, *, level: int = logging.INFO) -> None:
    """Write every record of this process to standard output, redacted."""
    handler = logging.StreamHandler(sys.stdout)
    people = logging.Formatter("%(asctime)s level=%(levelname)s logger=%(name)s %(message)s")
    handler.setFormatter(people if sys.stdout.isatty() else _Json())
    handler.addFilter(Redaction(redact))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name, at_least in _QUIET.items():
        logging.getLogger(name).setLevel(at_least)
