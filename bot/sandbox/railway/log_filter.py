"""Railway's filter of log lines: words, phrases, `@level:error`, `replica:<id>`, AND, OR, `-`, parentheses.

Source: docs, log filtering (2026-11). Words that stand side by side must all be there; letters of either case are one.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.sandbox.railway.refusal import Refusal

Match = Callable[[str, Mapping[str, str]], bool]
"""Says whether a message with these attributes is wanted."""

_TOKEN = re.compile(r'\s*(\(|\)|-(?=\S)|@?[\w.]+:"[^"]*"|"[^"]*"|[^\s()"]+)')
_ATTRIBUTE = re.compile(r'(?:@([\w.]+)|(replica)):"?([^"]*)"?', re.DOTALL)


def parse(text: str | None) -> Match:
    """Return the question a filter asks; none or an empty one wants every line.

    Raises:
        Refusal: the filter cannot be read.
    """
    if not text or not text.strip():
        return lambda message, attributes: True
    tokens: list[str] = []
    place = 0
    while text[place:].strip():
        found = _TOKEN.match(text, place)
        if found is None:
            raise Refusal
        tokens.append(found[1])
        place = found.end()
    parser = _Parser(tokens)
    match = parser.either()
    if parser.tokens:
        raise Refusal
    return match


@dataclass(slots=True)
class _Parser:
    """Reads the tokens from the front; what is left is not read yet."""

    tokens: list[str]

    def either(self) -> Match:
        matches = [self.both()]
        while self.tokens[:1] == ["OR"]:
            del self.tokens[0]
            matches.append(self.both())
        return lambda message, attributes: any(match(message, attributes) for match in matches)

    def both(self) -> Match:
        matches = [self.one()]
        while self.tokens and self.tokens[0] not in ("OR", ")"):
            if self.tokens[0] == "AND":
                del self.tokens[0]
            matches.append(self.one())
        return lambda message, attributes: all(match(message, attributes) for match in matches)

    def one(self) -> Match:
        if not self.tokens or self.tokens[0] in (")", "AND", "OR"):
            raise Refusal
        token = self.tokens.pop(0)
        if token == "-":
            denied = self.one()
            return lambda message, attributes: not denied(message, attributes)
        if token == "(":
            inner = self.either()
            if self.tokens[:1] != [")"]:
                raise Refusal
            del self.tokens[0]
            return inner
        return _term(token)


def _term(token: str) -> Match:
    found = _ATTRIBUTE.fullmatch(token)
    if found is not None:
        name, value = (found[1] or found[2]).casefold(), found[3].casefold()
        return lambda message, attributes: attributes.get(name, "").casefold() == value
    wanted = token.strip('"').casefold()
    return lambda message, attributes: wanted in message.casefold()
