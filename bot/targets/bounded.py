"""The body of somebody's answer, as far as we read it (§17, G8): neither too long nor too slow; httpx has no such limits."""

import time

import httpx

MEBIBYTE = 1 << 20


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
