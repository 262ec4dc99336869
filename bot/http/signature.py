"""Slack's request signature, verified before a byte of the body is looked at (§6, N1). Pure."""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence

FRESH_SECONDS = 300
FORGERIES = ("malformed signature", "wrong signature")
"""Reasons that somebody who is not Slack gives; `stale` may be a clock."""
_TIMESTAMP = re.compile(r"[0-9]{10}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")


def why_rejected(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now_seconds: float) -> str:
    """Return why a request is not from Slack, or an empty string; the reason never holds any of the request.

    Source: Slack, "Verifying requests from Slack", 2026-11.
    """
    stamp = headers.get("x-slack-request-timestamp", "")
    signature = headers.get("x-slack-signature", "")
    if not stamp or not signature:
        return "not signed"
    if not _TIMESTAMP.fullmatch(stamp) or not _SIGNATURE.fullmatch(signature):
        return "malformed signature"
    if abs(now_seconds - int(stamp)) > FRESH_SECONDS:
        return "stale"
    expected = (sign(secret, stamp, body) for secret in secrets if secret)
    return "" if any(hmac.compare_digest(item, signature) for item in expected) else "wrong signature"


def sign(secret: str, stamp: str, body: bytes) -> str:
    """Return the signature of a body at a time."""
    mac = hmac.new(secret.encode(), b"v0:" + stamp.encode() + b":" + body, hashlib.sha256)
    return f"v0={mac.hexdigest()}"


def fingerprint(signature: str) -> bytes:
    """Return what the replay table keeps of a signature."""
    return hashlib.sha256(signature.encode()).digest()
