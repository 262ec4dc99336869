"""Made-up people in payloads and error texts, so that tests can prove that none of them is ever shown."""

SEEDS = (
    "Marlowe Quillfeather",
    "412-55-9087",
    "marlowe.quillfeather@example.org",
    "4929123456789012",
    "17 Larkspur Lane, Dunmore",
    "+1 555 013 4477",
)

PAYLOAD = {"file_path": "uploads/feed.csv", "debtor": SEEDS[0], "ssn": SEEDS[1], "email": SEEDS[2], "card": SEEDS[3]}
ERROR = f"ValueError: row 17 of {SEEDS[0]} ({SEEDS[1]}), {SEEDS[4]}, {SEEDS[2]}: amount is not a number"
