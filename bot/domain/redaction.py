"""The second net (§17, G3): what looks like a secret or a person's number is taken out of every text that leaves. Pure.

The first net is what is selected at all: payloads and error texts never are. Names and addresses cannot be told from
other words, so nothing here is a reason to let free text through. Our own ids, digests, versions and times pass.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

_LEAST_SECRET = 6
"""Shorter ones hit words."""
_SHA256 = 64
_KINDS = (
    r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@]{0,80}:\S{0,200}@[^\s'\"<>|]+",  # an address with a password
    r"https://hooks\.slack(?:-gov)?\.com/[^\s'\"<>|]+",
    r"\b(?i:password|passwd|pwd|secret|token|api_?key)=[^\s'\"<>|]+",
    r"\b(?:xox[a-z]|xapp)-[\w-]{8,}",
    r"\b(?i:bearer)\s+[\w.~+/=-]{8,}",
    r"\beyJ[\w-]{8,}\.[\w.-]+",
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"\b(?:gh[a-z]_|github_pat_|glpat-|sk-|sbp_|sb_secret_|AIza)[\w-]{16,}",
    r"\b[\w.%+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,5}\b",
    r"(?<![\w.-])\d{3}([ -])\d{2}\1\d{4}(?![\w-])",  # social security
    r"(?<![\w.+-])\+\d[\d ().-]{7,17}\d(?!\w)",  # telephone
    r"(?<![\w.-])\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])",
    r"(?<![\w.-])(?P<card>\d{13,19}|\d{4}([ -])\d{4}\3\d{4}\3\d{1,7}|\d{4}([ -])\d{6}\4\d{5})(?![\w-])",
    r"\b(?P<iban>[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)\b",
    r"\b(?i:account|acct|routing)\b\W{0,3}(?i:no\.?|number)?\W{0,3}\d{6,17}\b",
    r"(?<![\w-])(?P<hex>(?=[\da-f]*[a-f])(?=[\da-f]*\d)[\da-f]{32,})(?![\w-])",
    r"(?<![\w.+/:-])(?=[\w+/-]*[a-z])(?=[\w+/-]*[A-Z])(?=[\w+/-]*\d)[\w+/-]{40,}={0,2}",
)
_PATTERN = re.compile("|".join(_KINDS))


class Redactor:
    """Takes secrets, addresses, tokens and people's numbers out of texts."""

    def __init__(self, secrets: Iterable[str] = (), public: Iterable[str] = ()) -> None:
        """Keep what must never pass, and what may though it looks so: the telephone of a configured contact."""
        self._secrets = sorted({item for item in secrets if len(item) >= _LEAST_SECRET}, key=len, reverse=True)
        self._public = {match[0] for text in public for match in _PATTERN.finditer(text)}

    def __call__(self, text: str) -> str:
        """Return a text without them."""
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return _PATTERN.sub(self._replace, text)

    def _replace(self, found: re.Match[str]) -> str:
        return found[0] if found[0] in self._public or _is_ours(found) else "[redacted]"

    def every(self, value: Any) -> Any:  # whatever JSON can hold
        """Return a value with every text in it redacted; the names of its fields are ours."""
        if isinstance(value, str):
            return self(value)
        if isinstance(value, Mapping):
            return {name: self.every(item) for name, item in value.items()}
        return [self.every(item) for item in value] if isinstance(value, list | tuple) else value


def _is_ours(found: re.Match[str]) -> bool:
    """Say whether what looks like a number of a person's or a secret is none: a version, a time, a digest."""
    if found["card"]:
        return not _is_card(re.sub(r"\D", "", found["card"]))
    if found["iban"]:
        digits = found["iban"].replace(" ", "")
        return int("".join(str(int(char, 36)) for char in digits[4:] + digits[:4])) % 97 != 1
    return len(found["hex"] or "") == _SHA256


def _is_card(digits: str) -> bool:
    """Say whether digits are a card's: a first digit that cards have (2 only in sixteen), and Luhn's sum."""
    if digits[0] not in ("3456" if len(digits) != 16 else "23456"):  # noqa: PLR2004  # Mastercard's second range
        return False
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(number - 9 if number > 9 else number for number in doubled) % 10 == 0  # noqa: PLR2004  # Luhn's rule
