"""Made-up people and secrets in payloads and error texts; the simulated Slack refuses whatever carries one of them."""

import re

SEEDS = (
    "Marlowe Quillfeather",
    "412-55-9087",
    "marlowe.quillfeather@example.org",
    "4929123456789015",
    "17 Larkspur Lane, Dunmore",
    "+1 555 013 4477",
    "xoxb-4129087551-larkspurdunmore",
    "postgresql://collector:larkspur-lane-17@db.internal:5432/debts",
)
_PIECES = re.compile(r"quillfeather|larkspur|dunmore|412-?55-?9087|4929 ?1234 ?5678|555 ?013 ?4477", re.IGNORECASE)
"""What tells each of them, when only a part of it got through."""

PAYLOAD = {
    "file_path": f"uploads/feed of {SEEDS[0]}.csv",
    **dict(zip(("debtor", "ssn", "email", "card", "address", "phone", "token", "dsn"), SEEDS, strict=True)),
}
ERROR = f"ValueError: row 17 of {SEEDS[0]} ({SEEDS[1]}), {', '.join(SEEDS[2:])}: amount is not a number"


def piece_of(text: str) -> str:
    """Return what a text holds of a seed, or an empty string."""
    found = _PIECES.search(text)
    return found[0] if found else ""
