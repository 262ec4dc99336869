"""Block Kit as a table: every block, element and view, with its limits.

Sources: docs.slack.dev/reference/block-kit (blocks, elements, composition objects) and reference/views, the Python
models of slack_sdk 3.47.0, slackblocks 3.0.0; looked up 2026-11. Only what a bot sends is here: a field or type that
stands in no row is refused, as Slack refuses it. `data_table` and `data_visualization` follow docs that disagree
on their size, so the smaller number holds.
"""

from collections.abc import Mapping

from bot.sandbox.slack.shapes import Anything, Flag, Many, Number, Obj, Shape, Str, Typed

TEXT_MAX = 3000
MARKDOWN_TOTAL_MAX = 12_000
BLOCKS_IN_MESSAGE = 50
BLOCKS_IN_VIEW = 100
VIEW_BYTES_MAX = 250_000
MESSAGE_BLOCK_TEXT_MAX = 13_000
"""All text in the blocks of one message; undocumented, 12,000 to 13,200 seen (bolt-js 2509 and 2867, 2026-11)."""


def text(high: int = TEXT_MAX, *, plain_only: bool = False) -> Typed:
    """Return the shape of a text object; an empty text is refused."""
    plain = Obj({"text": Str(high)}, {"emoji": Flag()})
    mrkdwn = Obj({"text": Str(high)}, {"verbatim": Flag()})
    return Typed({"plain_text": plain} if plain_only else {"plain_text": plain, "mrkdwn": mrkdwn})


def plain(high: int) -> Typed:
    """Return the shape of a plain text object."""
    return text(high, plain_only=True)


def one_from(*choices: str) -> Str:
    """Return the shape of a word from a list."""
    return Str(100, choices=frozenset(choices))


ID = Str(255)
URL = Str(3000, pattern=r"(https?|mailto|slack|tel):.+")
IMAGE_URL = Str(3000, pattern=r"https?://.+")
DATE = Str(10, pattern=r"\d{4}-\d{2}-\d{2}")
TIME = Str(5, pattern=r"\d{2}:\d{2}")
USER = Str(255, pattern=r"[UW][A-Z0-9]+")
CONVERSATION = Str(255, pattern=r"[CDGUW][A-Z0-9]+")
STYLE = one_from("primary", "danger")

CONFIRM = Obj(
    {"title": plain(100), "text": text(300), "confirm": plain(30), "deny": plain(30)},
    {"style": STYLE},
)
OPTION = Obj({"text": plain(75), "value": Str(150)}, {"description": plain(75)})
OVERFLOW_OPTION = Obj({"text": plain(75), "value": Str(150)}, {"description": plain(75), "url": URL})
RICH_OPTION = Obj({"text": text(75), "value": Str(150)}, {"description": text(75)})
OPTION_GROUP = Obj({"label": plain(75), "options": Many(OPTION, 100)})
DISPATCH = Obj(optional={"trigger_actions_on": Many(one_from("on_enter_pressed", "on_character_entered"), 2)})
FILTER = Obj(
    optional={
        "include": Many(one_from("im", "mpim", "private", "public"), 4),
        "exclude_external_shared_channels": Flag(),
        "exclude_bot_users": Flag(),
    }
)
SLACK_FILE = Obj(optional={"id": Str(255), "url": URL}, one_of=frozenset({"id", "url"}))
RICH_TEXT_PART = Typed(
    {
        kind: Obj(
            {"elements": Many(Anything(), 1000)},
            {"style": Anything(), "indent": Anything(), "border": Anything()},
        )
        for kind in ("rich_text_section", "rich_text_list", "rich_text_quote", "rich_text_preformatted")
    }
)
RICH_TEXT = Obj({"elements": Many(RICH_TEXT_PART, 1000)}, {"block_id": ID})
IMAGE = Obj(
    {"alt_text": Str(2000)},
    {"image_url": IMAGE_URL, "slack_file": SLACK_FILE},
    one_of=frozenset({"image_url", "slack_file"}),
)

_ACTION: Mapping[str, Shape] = {"action_id": ID}
_CONFIRMED: Mapping[str, Shape] = {**_ACTION, "confirm": CONFIRM}
_FOCUSED: Mapping[str, Shape] = {**_CONFIRMED, "focus_on_load": Flag()}
_SELECT: Mapping[str, Shape] = {**_FOCUSED, "placeholder": plain(150)}
_MULTI: Mapping[str, Shape] = {**_SELECT, "max_selected_items": Number(1, 100)}
_STATIC: Mapping[str, Shape] = {"options": Many(OPTION, 100), "option_groups": Many(OPTION_GROUP, 100)}
_ONE_LIST = frozenset({"options", "option_groups"})
_TYPED_IN: Mapping[str, Shape] = {
    **_ACTION,
    "placeholder": plain(150),
    "focus_on_load": Flag(),
    "dispatch_action_config": DISPATCH,
}

BUTTON = Obj(
    {"text": plain(75)},
    {
        **_CONFIRMED,
        "value": Str(2000, low=0),
        "url": URL,
        "style": STYLE,
        "accessibility_label": Str(75),
    },
)
FEEDBACK = Obj({"text": plain(75), "value": Str(2000)}, {"accessibility_label": Str(75)})

SELECTS: Mapping[str, Shape] = {
    "static_select": Obj(optional={**_SELECT, **_STATIC, "initial_option": OPTION}, one_of=_ONE_LIST),
    "multi_static_select": Obj(optional={**_MULTI, **_STATIC, "initial_options": Many(OPTION, 100)}, one_of=_ONE_LIST),
    "external_select": Obj(optional={**_SELECT, "initial_option": OPTION, "min_query_length": Number(0, 100)}),
    "multi_external_select": Obj(
        optional={**_MULTI, "initial_options": Many(OPTION, 100), "min_query_length": Number(0, 100)}
    ),
    "users_select": Obj(optional={**_SELECT, "initial_user": USER}),
    "multi_users_select": Obj(optional={**_MULTI, "initial_users": Many(USER, 100)}),
    "conversations_select": Obj(
        optional={
            **_SELECT,
            "initial_conversation": CONVERSATION,
            "default_to_current_conversation": Flag(),
            "response_url_enabled": Flag(),
            "filter": FILTER,
        }
    ),
    "multi_conversations_select": Obj(
        optional={
            **_MULTI,
            "initial_conversations": Many(CONVERSATION, 100),
            "default_to_current_conversation": Flag(),
            "filter": FILTER,
        }
    ),
    "channels_select": Obj(optional={**_SELECT, "initial_channel": CONVERSATION, "response_url_enabled": Flag()}),
    "multi_channels_select": Obj(optional={**_MULTI, "initial_channels": Many(CONVERSATION, 100)}),
}
PICKERS: Mapping[str, Shape] = {
    "datepicker": Obj(optional={**_SELECT, "initial_date": DATE}),
    "timepicker": Obj(optional={**_SELECT, "initial_time": TIME, "timezone": Str(100)}),
    "datetimepicker": Obj(optional={**_FOCUSED, "initial_date_time": Number(1_000_000_000, 9_999_999_999)}),
    "checkboxes": Obj({"options": Many(RICH_OPTION, 10)}, {**_FOCUSED, "initial_options": Many(RICH_OPTION, 10)}),
    "radio_buttons": Obj({"options": Many(RICH_OPTION, 10)}, {**_FOCUSED, "initial_option": RICH_OPTION}),
}
TYPED_INPUTS: Mapping[str, Shape] = {
    "plain_text_input": Obj(
        optional={
            **_TYPED_IN,
            "initial_value": Str(3000, low=0),
            "multiline": Flag(),
            "min_length": Number(0, 3000),
            "max_length": Number(1, 3000),
        }
    ),
    "email_text_input": Obj(optional={**_TYPED_IN, "initial_value": Str(3000)}),
    "url_text_input": Obj(optional={**_TYPED_IN, "initial_value": Str(3000)}),
    "number_input": Obj(
        {"is_decimal_allowed": Flag()},
        {**_TYPED_IN, "initial_value": Str(100), "min_value": Str(100), "max_value": Str(100)},
    ),
    "rich_text_input": Obj(optional={**_TYPED_IN, "initial_value": Anything()}),
    "file_input": Obj(optional={**_ACTION, "filetypes": Many(Str(20), 100), "max_files": Number(1, 10)}),
}
OVERFLOW: Shape = Obj({"options": Many(OVERFLOW_OPTION, 5)}, _CONFIRMED)
WORKFLOW_BUTTON: Shape = Obj(
    {"text": plain(75), "workflow": Anything()},
    {**_ACTION, "style": STYLE, "accessibility_label": Str(75)},
)
PRESSED: Mapping[str, Shape] = {"button": BUTTON, "overflow": OVERFLOW, "workflow_button": WORKFLOW_BUTTON}
CONTEXT_ACTIONS: Mapping[str, Shape] = {
    "feedback_buttons": Obj({"positive_button": FEEDBACK, "negative_button": FEEDBACK}, _ACTION),
    "icon_button": Obj(
        {"icon": Str(100), "text": plain(75)},
        {
            **_CONFIRMED,
            "value": Str(2000, low=0),
            "accessibility_label": Str(75),
            "visible_to_user_ids": Many(USER, 10),
        },
    ),
}

IN_ACTIONS = Typed({**PRESSED, **SELECTS, **PICKERS})
IN_ACCESSORY = Typed({**PRESSED, **SELECTS, **PICKERS, "image": IMAGE})
IN_INPUT = Typed({**SELECTS, **PICKERS, **TYPED_INPUTS})
IN_CONTEXT = Typed({**text().shapes, "image": IMAGE})

_BLOCK: Mapping[str, Shape] = {"block_id": ID}
CELL = Typed(
    {
        "rich_text": RICH_TEXT,
        "raw_text": Obj({"text": Str(TEXT_MAX, low=0)}),
        "raw_number": Obj({"value": Anything()}, {"text": Str(TEXT_MAX)}),
    }
)
CARD = Obj(
    optional={
        **_BLOCK,
        "hero_image": Typed({"image": IMAGE}),
        "icon": Typed({"image": IMAGE}),
        "title": text(150),
        "subtitle": text(150),
        "body": text(200),
        "subtext": text(200),
        "actions": Many(Typed(PRESSED), 3),
    },
    some_of=frozenset({"hero_image", "title", "actions", "body"}),
)
TASK_CARD = Obj(
    {
        "task_id": Str(255),
        "title": Str(255),
        "status": one_from("pending", "in_progress", "complete", "error"),
    },
    {
        **_BLOCK,
        "details": Typed({"rich_text": RICH_TEXT}),
        "output": Typed({"rich_text": RICH_TEXT}),
        "sources": Many(Anything(), 100),
    },
)
SIMPLE_BLOCKS: Mapping[str, Shape] = {
    "section": Obj(
        optional={
            **_BLOCK,
            "text": text(),
            "fields": Many(text(2000), 10),
            "accessory": IN_ACCESSORY,
            "expand": Flag(),
        },
        some_of=frozenset({"text", "fields"}),
    ),
    "header": Obj({"text": plain(150)}, _BLOCK),
    "divider": Obj(optional=_BLOCK),
    "context": Obj({"elements": Many(IN_CONTEXT, 10)}, _BLOCK),
    "actions": Obj({"elements": Many(IN_ACTIONS, 25)}, _BLOCK),
    "image": Obj(
        {"alt_text": Str(2000)},
        {**_BLOCK, "image_url": IMAGE_URL, "slack_file": SLACK_FILE, "title": plain(2000)},
        one_of=frozenset({"image_url", "slack_file"}),
    ),
    "input": Obj(
        {"label": plain(2000), "element": IN_INPUT},
        {**_BLOCK, "hint": plain(2000), "optional": Flag(), "dispatch_action": Flag()},
    ),
    "rich_text": RICH_TEXT,
    "video": Obj(
        {"alt_text": Str(2000), "video_url": IMAGE_URL, "thumbnail_url": IMAGE_URL, "title": plain(199)},
        {
            **_BLOCK,
            "title_url": URL,
            "description": plain(200),
            "provider_icon_url": IMAGE_URL,
            "provider_name": Str(50),
            "author_name": Str(49),
        },
    ),
    "card": CARD,
    "table": Obj({"rows": Many(Many(CELL, 20), 100)}, {**_BLOCK, "column_settings": Many(Anything(), 20, low=0)}),
    "data_table": Obj(
        {"rows": Many(Many(Anything(), 20), 101, low=2)},
        {**_BLOCK, "columns": Anything(), "title": Anything()},
    ),
    "data_visualization": Anything(),
    "carousel": Obj({"elements": Many(Typed({"card": CARD}), 10)}, _BLOCK),
    "markdown": Obj({"text": Str(MARKDOWN_TOTAL_MAX)}, _BLOCK),
    "task_card": TASK_CARD,
    "plan": Obj({"title": Str(255)}, {**_BLOCK, "tasks": Many(Typed({"task_card": TASK_CARD}), 50)}),
    "context_actions": Obj({"elements": Many(Typed(CONTEXT_ACTIONS), 5)}, _BLOCK),
    "file": Obj({"external_id": Str(255), "source": one_from("remote")}, _BLOCK),
    "alert": Obj(
        {"text": text(200)},
        {**_BLOCK, "level": one_from("default", "info", "warning", "error", "success")},
    ),
}
CONTAINER = Obj(
    {"child_blocks": Many(Typed(SIMPLE_BLOCKS), 10)},
    {
        **_BLOCK,
        "title": plain(150),
        "rich_text_title": Typed({"rich_text": RICH_TEXT}),
        "subtitle": text(150),
        "width": one_from("narrow", "standard", "wide", "full"),
        "icon": Typed({"image": IMAGE}),
        "is_collapsible": Flag(),
        "default_collapsed": Flag(),
        "has_header_divider": Flag(),
    },
    some_of=frozenset({"title", "rich_text_title"}),
)
BLOCKS: Mapping[str, Shape] = {**SIMPLE_BLOCKS, "container": CONTAINER}

_NOT_IN_MODAL = frozenset({"table", "data_table", "data_visualization", "carousel", "container"})
_MESSAGE_ONLY = frozenset({"markdown", "plan", "task_card", "context_actions", "file"})
SURFACES: Mapping[str, Mapping[str, Shape]] = {
    "message": {kind: shape for kind, shape in BLOCKS.items() if kind != "alert"},
    "modal": {kind: shape for kind, shape in BLOCKS.items() if kind not in _NOT_IN_MODAL | _MESSAGE_ONLY},
    "home": {kind: shape for kind, shape in BLOCKS.items() if kind not in _MESSAGE_ONLY | {"alert"}},
}
_VIEW: Mapping[str, Shape] = {
    "private_metadata": Str(3000, low=0),
    "callback_id": Str(255, low=0),
    "external_id": Str(255, low=0),
}
VIEWS: Mapping[str, Shape] = {
    "modal": Obj(
        {"title": plain(24), "blocks": Many(Typed(SURFACES["modal"]), BLOCKS_IN_VIEW, low=0)},
        {
            **_VIEW,
            "submit": plain(24),
            "close": plain(24),
            "clear_on_close": Flag(),
            "notify_on_close": Flag(),
            "submit_disabled": Flag(),
        },
    ),
    "home": Obj({"blocks": Many(Typed(SURFACES["home"]), BLOCKS_IN_VIEW, low=0)}, _VIEW),
}
