"""The second net: what looks like a secret or a person's number is taken out, what is ours stays (§17, G3)."""

import time

import pytest

from bot.domain.redaction import Redactor
from bot.sandbox.target.seeds import ERROR, SEEDS

NET = Redactor(["swordfish"], public=["vendor support +1 555 010 0199", "noc@vendor.example"])
TAKEN = [
    *SEEDS[1:4],
    *SEEDS[5:],
    "swordfish",
    "postgresql://bot:p/w@db.example:5432/ops",
    "redis://:hunter22@cache:6379/0",
    "https://hooks.slack.com/commands/T1/22/abc",
    "xapp-1-A0DRAGON-123-abcdef",
    "Bearer abcdefgh12345678",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-_1",
    "AKIAIOSFODNN7EXAMPLE",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY1",
    "ghp_abcdefghijklmnopqrstuvwxyz",
    "sbp_0123456789abcdef0123",
    "password=hunter22",
    "api_key=abc",
    "d41d8cd98f00b204e9800998ecf8427e",
    "412 55 9087",
    "(555) 013-4477",
    "555.013.4477",
    "4111 1111 1111 1111",
    "5105-1051-0510-5100",
    "378282246310005",
    "DE89 3704 0044 0532 0130 00",
    "account number 1234567890",
]
OURS = [
    "A31 and plan 7F3K of <@U0ADA> in <#C0INCIDENTS>",
    "123e4567-e89b-12d3-a456-426614174000",
    "12345678-4111-1111-1111-111111111111",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "20261124031200 is applied, 0421 is pending",
    "2026-11-24 03:12:00.123456+00",
    "2026-11-24T03:12:00Z",
    "<!date^1795000000^{time_secs}|03:12:00>",
    "1795000000.123456",
    "1795000000123456",
    "7345678901234567890/postgres",
    "http://127.0.0.1:4000/archives/C0INCIDENTS/p1795000000123456",
    "https://railway.com/project/123e4567-e89b-12d3-a456-426614174000/service/123e4567-e89b-12d3-a456-426614174000",
    "ingest_processor-dead0001 and enforcement_generate_packet-4f2a91c0",
    "12,408 jobs, 1.2 M pending, 2 m 10 s",
    "db.example:5432/ops as dragonfly_bot",
    "row 3 14 15 92 65 35 89 79",
    "127.0.0.1:5432",
    "Call vendor support +1 555 010 0199 or noc@vendor.example",
]


@pytest.mark.parametrize("text", TAKEN)
@pytest.mark.parametrize("around", ["{}", "failed for {}, tried twice", "key={} left", "'{}'", "({})"])
def test_a_secret_or_a_number_is_taken_out(text: str, around: str) -> None:
    """Wherever it stands in a text, nothing of it is left."""
    kept = NET(around.format(text))
    assert text not in kept
    assert "[redacted]" in kept or "[secret]" in kept


@pytest.mark.parametrize("text", OURS)
def test_what_is_ours_stays(text: str) -> None:
    """Ids, digests, versions, times, addresses without a password, and contacts that are meant to be seen."""
    assert NET(text) == text


def test_every_text_of_a_record_is_looked_at_and_nothing_else() -> None:
    """Whatever a record holds keeps its shape: names of fields, numbers and times as they are."""
    record = {"reason": ERROR, "params": {"list": ["swordfish", 4929123456789015]}, "verified": False}
    kept = NET.every(record)
    assert kept["params"] == {"list": ["[secret]", 4929123456789015]}
    assert kept["verified"] is False
    assert [seed for seed in (*SEEDS[1:4], *SEEDS[5:]) if seed in kept["reason"]] == []


@pytest.mark.parametrize(
    "piece", ["a", "a:", "1 ", "a.a-", "http://a:", "a@", "a@a.", "1234 ", "+1 ", "(", "AB12 ", "Ab1/"]
)
def test_no_text_takes_long(piece: str) -> None:
    """The time grows with the length of a text and not with its square: sixty thousand characters are nothing."""
    began = time.monotonic()
    NET(piece * (60_000 // len(piece)))
    assert time.monotonic() - began < 10
