"""Error texts become a class and a fingerprint; no word of them ever gets through (design, D8)."""

import re

import pytest

from bot.domain.failures import classify, fingerprint
from bot.sandbox.target.seeds import ERROR, SEEDS

TEXTS = {
    "Simplicity API returned 503": "http 5xx",
    "HTTP status 404 for the batch": "http 4xx",
    "Max retries exceeded with url: /leads": "too many tries",
    "HTTPSConnectionPool: Read timed out.": "timeout",
    "deadline exceeded": "timeout",
    "CSV does not match Simplicity format": "bad input",
    "ValueError: missing file_path": "bad input",
    "storage download failed": "storage",
    "Duplicate batch: 17": "duplicate",
    "permission denied for table x": "permission",
    "connection refused": "connection",
    "MemoryError": "out of memory",
    "worker was OOMKilled": "out of memory",
    "[DLQ] attempts used up. Was: returned 500": "attempts used up",
    "DFE-VENDOR-301: no answer": "DFE-VENDOR-301",
    "": "no text",
    "  ": "no text",
    "the dog ate it": "other",
    "OOMPH of Marlowe": "other",
}
CLASSES = {*TEXTS.values(), "DFE-DB-100"}


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_has_a_class(text: str) -> None:
    """The failures that the reference names (7.1, 7.2)."""
    assert classify(text) == TEXTS[text]


@pytest.mark.parametrize("seed", [*SEEDS, ERROR, "DFE-MARLOWE-412", "Marlowe DFE-DB-100 Quillfeather"])
@pytest.mark.parametrize("around", ["{}", "returned 500 for {}", "{} timed out", "missing {}", "duplicate '{}'"])
def test_no_word_of_a_text_gets_through(seed: str, around: str) -> None:
    """Whatever stands around it, a class is one of ours or a code of the system's known categories."""
    said = classify(around.format(seed))
    assert said in CLASSES
    assert seed not in said


def test_equal_errors_have_equal_fingerprints() -> None:
    """Names in quotes, numbers, addresses and values are taken out first; four characters say nothing of a text."""
    one, two = "row 17 of 'Marlowe' (412-55-9087), a@b.org: bad", "row 9 of 'Ada' (111-22-3333), c@d.net: bad"
    assert fingerprint(one) == fingerprint(two)
    assert fingerprint(one) != fingerprint("another thing")
    assert re.fullmatch("[0-9a-f]{4}", fingerprint(ERROR))
