"""What Railway answers when it will not: one exception, the messages in use, and the shape of an error.

`extensions.code` is INTERNAL_SERVER_ERROR even for refusals; only the message tells them apart (reference, 1.1).
"""

import secrets
from typing import Any

NOT_AUTHORIZED = "Not Authorized"
"""A bad token, the wrong header, no right, or no such id: not told apart."""
NO_INSTANCE = "ServiceInstance not found"
PROBLEM = "Problem processing request"
"""Anything malformed."""


def extensions(code: str = "INTERNAL_SERVER_ERROR") -> dict[str, Any]:
    """Return what each error carries beside its message."""
    return {"code": code, "traceId": secrets.token_hex(8)}


class Refusal(Exception):
    """The request is refused with this message; nothing is done."""

    def __init__(self, message: str = PROBLEM) -> None:
        """Give the error an id to be quoted."""
        super().__init__(message)
        self.extensions = extensions()
