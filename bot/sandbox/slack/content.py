"""What a message may contain, by the rules of the methods that post: text, blocks, metadata."""

import re
from dataclasses import dataclass

from bot.sandbox.slack.arguments import Args
from bot.sandbox.slack.block_kit import MESSAGE_BLOCK_TEXT_MAX
from bot.sandbox.slack.entities import Json, Refusal
from bot.sandbox.slack.limits import block_text_length, check_message
from bot.sandbox.slack.shapes import Problem
from bot.sandbox.slack.wire import with_ids

TEXT_CUT_AT = 40_000
METADATA_BYTES_MAX = 16_000
ATTACHMENTS_MAX = 100
_EVENT_TYPE = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """The checked content of a message; None means the app did not send that part."""

    text: str | None
    blocks: tuple[Json, ...] | None
    metadata: Json | None
    warnings: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Return whether there is nothing to show."""
        return not (self.text or "").strip() and not self.blocks

    @property
    def answer_extra(self) -> Json:
        """Return what the warnings add to the answer."""
        if not self.warnings:
            return {}
        return {"warning": ",".join(self.warnings), "response_metadata": {"warnings": list(self.warnings)}}


def read_content(args: Args, *, limit_total: bool = True) -> Content:
    """Return the content of a call, or refuse what Slack refuses.

    `limit_total` is off for response URLs, which take blocks that `chat.*` finds too long in all.
    """
    warnings: list[str] = []
    if args.structure("attachments"):
        # Nothing of ours sends them; taking them unchecked would be lenient.
        raise Refusal("invalid_attachments")
    return Content(
        text=_read_text(args, warnings),
        blocks=_read_blocks(args, limit_total=limit_total),
        metadata=_read_metadata(args, warnings),
        warnings=tuple(warnings),
    )


def refused_blocks(problems: list[Problem]) -> Refusal:
    """Return the refusal of blocks, with a pointer to each fault."""
    return Refusal(
        "invalid_blocks",
        errors=[f"{p.message} [json-pointer:{p.pointer}]" for p in problems],
        response_metadata={"messages": [str(problem) for problem in problems]},
    )


def _read_text(args: Args, warnings: list[str]) -> str | None:
    if "text" not in args:
        return None
    text = args.text("text")
    if len(text) > TEXT_CUT_AT:
        warnings.append("message_truncated")
    return text[:TEXT_CUT_AT]


def _read_blocks(args: Args, *, limit_total: bool) -> tuple[Json, ...] | None:
    blocks = args.structure("blocks", "invalid_blocks_format")
    if blocks is None:
        return None
    if not isinstance(blocks, list):
        raise Refusal("invalid_blocks_format")
    if problems := check_message(blocks):
        raise refused_blocks(problems)
    if limit_total and block_text_length(blocks) > MESSAGE_BLOCK_TEXT_MAX:
        raise Refusal("msg_blocks_too_long")
    return with_ids(blocks)


def _read_metadata(args: Args, warnings: list[str]) -> Json | None:
    metadata = args.structure("metadata", "invalid_metadata_format")
    if metadata is None or metadata == {}:
        return {} if metadata == {} else None
    if not isinstance(metadata, dict):
        raise Refusal("invalid_metadata_format")
    if len(str(metadata)) > METADATA_BYTES_MAX:
        raise Refusal("metadata_too_large")
    if not _is_metadata(metadata):
        warnings.append("invalid_metadata")
        return None
    return metadata


def _is_metadata(metadata: Json) -> bool:
    """Return whether Slack keeps it: a well-formed event type and a flat payload; otherwise it is dropped."""
    event_type, payload = metadata.get("event_type"), metadata.get("event_payload")
    return (
        isinstance(event_type, str)
        and _EVENT_TYPE.fullmatch(event_type) is not None
        and isinstance(payload, dict)
        and not any(isinstance(value, dict) for value in payload.values())
    )
