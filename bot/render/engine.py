"""Jinja as we use it: sandboxed, strict, Slack's three characters escaped in everything that comes from outside."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from importlib.resources import files

from jinja2 import ChoiceLoader, PackageLoader, StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from markupsafe import Markup

from bot.domain.configuration import PAGER
from bot.domain.timing import Timing
from bot.domain.written import is_slack_id
from bot.render import filters


def _escape(text: str) -> Markup:
    """Escape exactly what Slack's mrkdwn needs: `&`, `<`, `>`."""
    return Markup(filters.escaped(text))  # noqa: S704  # that is what it is


def _outside(value: object) -> Markup:
    """Return whatever is put into a template as words only: what cannot be seen goes, nothing of it is markup."""
    return value if isinstance(value, Markup) else _escape(filters.visible(str(value)))


@contextmanager
def _as_of(values: Mapping[str, object]) -> Iterator[None]:
    """Let every moment know for which time its card is true; macros of other templates do not see the card."""
    token = _AS_OF.set(getattr(values.get("card"), "as_of", None))
    try:
        yield
    finally:
        _AS_OF.reset(token)


def _shortening(redact: Callable[[str], str], *, escape: bool) -> dict[str, Callable[..., str]]:
    """Return the filters that shorten; they redact first, because a piece of a secret is not known for one."""

    def whole(shorten: Callable[..., str]) -> Callable[..., str]:
        return lambda text, *width: shorten(text if isinstance(text, Markup) else redact(str(text)), *width)

    def code(text: str, width: int = 120) -> str:
        return _escape(filters.code(text, width)) if escape else filters.cut(filters.clean(text), width)

    return {"cut": whole(filters.cut), "middle": whole(filters.middle), "code": whole(code)}


def _trimmed(text: str) -> str:
    """Return text without empty lines and without blanks at the ends of lines."""
    return "\n".join(line.strip() for line in str(text).splitlines() if line.strip())


_PLAIN: Mapping[str, Callable[..., str]] = {
    made.__name__: made
    for made in (
        filters.count,
        filters.plural,
        filters.duration,
        filters.span,
        filters.grown,
        filters.limit,
        filters.since,
        filters.capitalize,
        filters.age,
        filters.cut_name,
        filters.clean,
    )
}
"""Filters that are the same on every surface."""
_AS_OF: ContextVar[datetime | None] = ContextVar("as_of", default=None)
"""The time for which the card that is written now is true."""
_ALL = 100_000
"""Rows of a list that a terminal shows: it scrolls, a card does not."""


class Engine:
    """Templates of one surface, with the names and the zone of one installation."""

    def __init__(
        self,
        surface: str,
        *,
        zone: str,
        names: Mapping[str, str],
        timing: Timing,
        escape: bool,
        redact: Callable[[str], str] = lambda text: text,
    ) -> None:
        """Prepare the environment of `templates/<surface>`; a template that is not there is Slack's.

        Args:
            timing: the limits that the words name.
            redact: takes out of a text what must not leave; a terminal shows all.
        """
        self._surface, self._redact = surface, redact
        safe = Markup if escape else str
        self._environment = SandboxedEnvironment(
            loader=ChoiceLoader([PackageLoader("templates", name) for name in dict.fromkeys((surface, "slack"))]),
            autoescape=escape,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            finalize=_outside if escape else None,
        )
        self._environment.globals.update(timing=timing, in_a_shell=not escape)
        self._environment.globals["shown"] = lambda most: most if escape else _ALL
        self._environment.tests["reached"] = lambda who: who == PAGER or is_slack_id(who)
        self._clock = filters.clock if escape else filters.local_time
        self._zone = zone
        self._environment.filters.update(
            {**_PLAIN, **_shortening(redact, escape=escape)},
            clock=lambda value: safe(self.clock(value)),
            minute=lambda value: safe(self.clock(value, seconds=False)),
            moment=lambda text: safe(self.clock(datetime.fromisoformat(text))),
            mention=lambda key: safe(filters.mention(key)) if escape else filters.person(key, names),
            person=lambda key: filters.person(key, names),
            slashed=filters.slashed if escape else str,
        )

    def has(self, name: str) -> bool:
        """Say whether this surface has a template of its own for a message."""
        return files("templates").joinpath(self._surface, f"{name}.j2").is_file()

    def clock(self, at: datetime | None, *, seconds: bool = True) -> str:
        """Return a moment as this surface writes it: a clock time, with its day where that is not the card's."""
        now = _AS_OF.get()
        day = at is not None and now is not None and filters.is_another_day(at, now, self._zone)
        return self._clock(at, self._zone, day=day, seconds=seconds)

    def add_filter(self, name: str, make: Callable[..., str]) -> None:
        """Add a filter whose result is markup of its own."""
        safe = Markup if self._environment.autoescape else str
        self._environment.filters[name] = lambda *values: safe(make(*values))  # made of cleaned text

    def blocks(self, name: str, values: Mapping[str, object]) -> dict[str, str]:
        """Return the template's named blocks in their order, rendered and trimmed; empty ones are left out."""
        template = self._environment.get_template(f"{name}.j2")
        context = template.new_context(dict(values))
        with _as_of(values):
            rendered = {part: self._redact("".join(draw(context))) for part, draw in template.blocks.items()}
        trimmed = {part: _trimmed(text) for part, text in rendered.items()}
        return {part: text for part, text in trimmed.items() if text}

    def text(self, name: str, values: Mapping[str, object]) -> str:
        """Return a whole template as text."""
        with _as_of(values):
            lines = self._redact(self._environment.get_template(f"{name}.j2").render(values)).splitlines()
        return "\n".join(line.rstrip() for line in lines if line.strip())
