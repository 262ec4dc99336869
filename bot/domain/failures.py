"""Error texts reduced to what may be shown: a class and a short fingerprint (design, D8). Pure."""

import hashlib
import re

EXHAUSTED = "[DLQ]"
"""A failed job whose text begins so is out of attempts: a convention of the target, not a status."""
_CLASSES = (
    ("attempts used up", re.compile(r"^\[DLQ\]")),
    ("out of memory", re.compile(r"\bout of memory\b|MemoryError|\bOOM(?:-?kill(?:ed|er)?)?\b", re.IGNORECASE)),
    ("timeout", re.compile(r"time(?:d )?\s?out|deadline", re.IGNORECASE)),
    ("too many tries", re.compile(r"max retries exceeded", re.IGNORECASE)),
    ("http 5xx", re.compile(r"\b(?:returned|status|http|error)\D{0,12}5\d\d\b", re.IGNORECASE)),
    ("http 4xx", re.compile(r"\b(?:returned|status|http|error)\D{0,12}4\d\d\b", re.IGNORECASE)),
    (
        "connection",
        re.compile(r"connection (?:refused|reset|closed|error)|unreachable|could not connect", re.IGNORECASE),
    ),
    ("duplicate", re.compile(r"duplicate|already exists", re.IGNORECASE)),
    ("bad input", re.compile(r"does not match|missing|invalid|ValueError|KeyError|CSV", re.IGNORECASE)),
    ("permission", re.compile(r"permission|denied|forbidden|unauthori[sz]ed", re.IGNORECASE)),
    ("storage", re.compile(r"storage|download|bucket", re.IGNORECASE)),
)
_CODE = re.compile(r"\bDFE-(?:CONFIG|DB|NET|VENDOR|AUTH|VALIDATION|INTERNAL)-\d{3}\b")
"""The system's own taxonomy (target-system, 7.2): only its categories, or any word might pass for one."""
_VARIES = re.compile(r"'[^']*'|\"[^\"]*\"|\([^)]*\)|\S+@\S+|\d+|[0-9a-f]{8,}", re.IGNORECASE)


def classify(text: str) -> str:
    """Return the class of an error text: a code of the system, one of ours, or `other`; never a word of the text."""
    code = _CODE.search(text)
    if code:
        return code[0]
    return next((name for name, pattern in _CLASSES if pattern.search(text)), "other" if text.strip() else "no text")


def fingerprint(text: str) -> str:
    """Return four characters by which equal errors are known: names, numbers and values are taken out first."""
    return hashlib.sha256(_VARIES.sub("#", text).encode()).hexdigest()[:4]
