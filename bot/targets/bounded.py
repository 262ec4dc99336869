"""What we ask others with, and what we read of their answers (§17, G8): neither too long nor too slow; httpx has no such limits."""

import json
import ssl
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import httpx

MEBIBYTE = 1 << 20


@cache
def _trusted() -> ssl.SSLContext:
    """Return whose certificates are trusted, read once: it takes 20 ms (2026-11)."""
    return httpx.create_ssl_context()


def client(seconds: float, *, base_url: str = "", headers: Mapping[str, str] | None = None) -> httpx.Client:
    """Return a client that takes nothing from the environment and follows nobody elsewhere."""
    own = {"User-Agent": "dragonfly-bot", **(headers or {})}
    return httpx.Client(
        base_url=base_url, headers=own, timeout=seconds, verify=_trusted(), trust_env=False, follow_redirects=False
    )


def body(answer: httpx.Response, *, until: float, most: int = MEBIBYTE) -> bytes:
    """Return the body of a streamed answer.

    Args:
        until: by the monotonic clock; httpx's own time-out begins anew with each piece.

    Raises:
        ValueError: it is too long, or takes too long.
    """
    found = b""
    for piece in answer.iter_bytes():
        found += piece
        if len(found) > most or time.monotonic() > until:
            raise ValueError("no answer of this size or speed is read")
    return found


def read_json(text: bytes) -> Any:
    """Return what a body says.

    Raises:
        ValueError: it is no JSON, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply") from None
