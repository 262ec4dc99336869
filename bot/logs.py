"""One line an event, key and value for people, JSON for machines; secrets never pass, whoever logs them (§17, G3)."""

import json
import logging
import re
import sys
from collections.abc import Sequence

_PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        r"\b(?:postgres(?:ql)?|https?)://[^\s'\"@/]+@[^\s'\"]+",
        r"\bx(?:ox[a-z]|app)-[A-Za-z0-9-]{8,}",
        r"(?i)\bbearer\s+[A-Za-z0-9._~+/=-]{8,}",
        r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_.-]+",
        r"https://hooks\.slack\.com/\S+",
        r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+\.[A-Za-z]{2,}\b",
        r"\b\d{3}-\d{2}-\d{4}\b",
        r"\b(?:\d[ -]?){13,19}\b",
        r"(?i)password=\S+",
    )
)
_QUIET = {
    "psycopg.pool": logging.ERROR,
    "slack_bolt": logging.WARNING,
    "slack_sdk": logging.ERROR,
    "httpx": logging.WARNING,
}


class Redaction(logging.Filter):
    """Takes secrets and personal data out of every record."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """Keep the configured secrets."""
        super().__init__()
        self._secrets = tuple(secret for secret in secrets if len(secret) > 5)  # noqa: PLR2004  # shorter ones hit words

    def filter(self, record: logging.LogRecord) -> bool:
        """Replace the message by its redacted text; tracebacks keep their places only."""
        record.msg, record.args = redact(record.getMessage(), self._secrets), ()
        if record.exc_info and record.exc_info[1] is not None:
            error = record.exc_info[1]
            places = _places(record)
            record.msg = f"{record.msg} at={places} raised={type(error).__name__}"
            record.exc_info = None
            record.exc_text = None
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


def redact(text: str, secrets: Sequence[str] = ()) -> str:
    """Return text without secrets, addresses, tokens and what looks like a person's numbers."""
    for secret in secrets:
        text = text.replace(secret, "[secret]")
    for pattern in _PATTERNS:
        text = pattern.sub("[redacted]", text)
    return text.replace("\n", " ")


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {"at": self.formatTime(record), "level": record.levelname.lower(), "logger": record.name}
        return json.dumps({**line, "message": record.getMessage()}, ensure_ascii=False)


def set_up(secrets: Sequence[str], *, level: int = logging.INFO) -> None:
    """Write every record of this process to standard output, redacted."""
    handler = logging.StreamHandler(sys.stdout)
    people = logging.Formatter("%(asctime)s level=%(levelname)s logger=%(name)s %(message)s")
    handler.setFormatter(people if sys.stdout.isatty() else _Json())
    handler.addFilter(Redaction(secrets))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for name, at_least in _QUIET.items():
        logging.getLogger(name).setLevel(at_least)
