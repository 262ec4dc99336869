"""Every error that may reach a person, in one tree.

    BotError                     code, message, hint: safe to show, never a secret, never a row's contents
    ├─ UserError                 the person can put it right            exit 2 (usage) or 4 (refused)
    │    InvalidCommand  NotKnown (4)  NotAllowed (4)
    ├─ ConflictError             the world moved; look again            exit 4
    │    ChangesOff
    ├─ TargetError               the operated system
    │    TargetUnavailable (3)  TargetRefused (4)  OutcomeUnknown (5)
    ├─ DeliveryError             Slack
    │    RateLimited  DeliveryTransient  DeliveryAmbiguous  DeliveryPermanent
    ├─ StoreError                the database                           exit 3
    │    StoreUnavailable  OutcomeLost (5)  StatementTimedOut  StatementRefused (4)  RecordUnavailable
    │    MigrationPending (4)
    └─ ConfigurationError        every fault found, each with what to write instead     exit 2

Anything else that escapes is a bug: exit 70.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

EXIT_OK = 0
EXIT_FINDINGS = 1
EXIT_USAGE = 2
EXIT_UNREACHABLE = 3
EXIT_REFUSED = 4
EXIT_UNKNOWN = 5
EXIT_BUG = 70

NO_PRIVILEGE = "42501"
"""The SQLSTATE of a right that a role lacks."""


class BotError(Exception):
    """What happened, why, and what to do now."""

    code = "error"
    exit_code = EXIT_BUG

    def __init__(self, message: str, *, hint: str = "") -> None:
        """Keep the sentence for people and the next thing to do."""
        super().__init__(message)
        self.message = message
        self.hint = hint


class UserError(BotError):
    """The person can put it right."""

    exit_code = EXIT_USAGE


class InvalidCommand(UserError):
    """The words are not a command; `hint` is a command that would be."""

    code = "command.invalid"

    def __init__(self, message: str, *, hint: str = "", nearest: str = "") -> None:
        """Keep the command that was nearly said (`reset-stuck ingest`), or nothing."""
        super().__init__(message, hint=hint)
        self.nearest = nearest


class NotKnown(InvalidCommand):
    """The words are a command about something that is not here: refused, as a press on its card would be."""

    code = "id.unknown"
    exit_code = EXIT_REFUSED


class NotAllowed(UserError):
    """The actor may not do this; the message says who may."""

    code = "actor.not-allowed"
    exit_code = EXIT_REFUSED

    def __init__(self, message: str, *, hint: str = "", reason: str = "", ask: Sequence[str] = ()) -> None:
        """Keep why in a few words that the record counts by (`a guest`), and who may, if that is known."""
        super().__init__(message, hint=hint)
        self.reason = reason or message
        self.ask = tuple(ask)


class ConflictError(BotError):
    """The world moved between looking and acting; nothing was done."""

    code = "conflict"
    exit_code = EXIT_REFUSED


class ChangesOff(ConflictError):
    """Nobody may change anything at the moment; reading works."""

    code = "changes.off"

    def __init__(self, reason: str, *, cause: str, since: datetime, actor: str) -> None:
        """Keep why, since when and by whom."""
        super().__init__(f"changes are off: {reason}", hint="dragonfly status")
        self.reason, self.cause, self.since, self.actor = reason, cause, since, actor


class TargetError(BotError):
    """The operated system did not do what was asked."""

    code = "target"


class TargetUnavailable(TargetError):
    """It could not be reached; nothing was done; try again."""

    code = "target.unavailable"
    exit_code = EXIT_UNREACHABLE


class TargetRefused(TargetError):
    """It cannot do this as it stands; trying again does not help."""

    code = "target.refused"
    exit_code = EXIT_REFUSED


class OutcomeUnknown(TargetError):
    """A change was sent and no answer came: it may or may not have happened."""

    code = "target.unknown"
    exit_code = EXIT_UNKNOWN


class DeliveryError(BotError):
    """Slack did not take a message."""

    code = "delivery"

    def __init__(self, message: str, *, slack_error: str = "", hint: str = "") -> None:
        """Keep Slack's own word for the failure beside the sentence."""
        super().__init__(message, hint=hint)
        self.slack_error = slack_error


class RateLimited(DeliveryError):
    """Slack asked to wait; the message was not sent."""

    code = "delivery.rate-limited"

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        """Keep how long Slack wants us to wait."""
        super().__init__(message, slack_error="ratelimited")
        self.retry_after = retry_after


class DeliveryTransient(DeliveryError):
    """The message was certainly not sent; sending again is safe."""

    code = "delivery.transient"


class DeliveryAmbiguous(DeliveryError):
    """The message may have been sent; look before sending again."""

    code = "delivery.ambiguous"


class DeliveryPermanent(DeliveryError):
    """Sending the same thing again cannot help."""

    code = "delivery.permanent"

    @property
    def is_about_us(self) -> bool:
        """Say whether Slack refuses the app itself, whatever it sends (specification §5)."""
        words = ("invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive", "missing_scope")
        return self.slack_error in words


class StoreError(BotError):
    """The database did not do what was asked."""

    code = "store"
    exit_code = EXIT_UNREACHABLE


class StoreUnavailable(StoreError):
    """The database cannot be reached, or its log-in is held back by the breaker."""

    code = "store.unavailable"


class OutcomeLost(StoreUnavailable):
    """The database went away when something may have been done: its rows say so, read under their lock."""

    code = "store.outcome-lost"
    exit_code = EXIT_UNKNOWN


class StatementTimedOut(StoreError):
    """A statement or a lock took longer than its limit; it was taken back."""

    code = "store.timeout"

    def __init__(self, message: str, *, sqlstate: str) -> None:
        """Keep which limit it was: 55P03 is a lock, 57014 the statement itself."""
        super().__init__(message)
        self.sqlstate = sqlstate


class StatementRefused(StoreError):
    """The server refused a statement; only SQLSTATE, constraint and table are kept."""

    code = "store.refused"
    exit_code = EXIT_REFUSED

    def __init__(self, message: str, *, sqlstate: str, constraint: str = "", table: str = "", hint: str = "") -> None:
        """Keep what may be shown of a server error (specification §17, G4)."""
        super().__init__(message, hint=hint)
        self.sqlstate = sqlstate
        self.constraint = constraint
        self.table = table


class RecordUnavailable(StatementRefused):
    """The record cannot be appended to; nothing is done without it."""

    code = "store.record-unavailable"
    exit_code = EXIT_UNREACHABLE

    def __init__(self, sqlstate: str) -> None:
        """Say why by SQLSTATE: 42501 is a missing grant, 55P03 a record that somebody holds locked."""
        super().__init__(
            f"the record cannot be written ({sqlstate}), and nothing is done without it", sqlstate=sqlstate
        )
        self.hint = "dragonfly doctor says more"


class MigrationPending(StoreError):
    """Our own tables are older than this program."""

    code = "store.migration-pending"
    exit_code = EXIT_REFUSED


class ConfigurationError(BotError):
    """Every fault of the configuration, found at once."""

    code = "configuration"
    exit_code = EXIT_USAGE

    def __init__(self, faults: Sequence[str]) -> None:
        """Keep each fault as one sentence that says what to write instead."""
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)
