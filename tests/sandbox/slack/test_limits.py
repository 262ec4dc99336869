"""What Slack refuses in blocks and views, at each limit and one past it."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slack_sdk.models import blocks as models
from slack_sdk.models.views import View

from bot.sandbox.slack.limits import block_text_length, check_message, check_view
from tests.sandbox.slack.conftest import actions, button, modal, section, text_input

Block = dict[str, Any]


def plain(n: int) -> Block:
    return {"type": "plain_text", "text": "x" * n}


def option(text: int = 3, value: int = 3, **extra: object) -> Block:
    return {"text": plain(text), "value": "v" * value, **extra}


def select(options: int = 1, **extra: object) -> Block:
    listed = [option(value=1) | {"value": f"v{n}"} for n in range(options)]
    return actions({"type": "static_select", "action_id": "pick:v1", "options": listed, **extra})


def overflow(n: int) -> Block:
    return section(accessory={"type": "overflow", "action_id": "more:v1", "options": [option()] * n})


def confirm(**extra: int) -> Block:
    sizes = {"title": 5, "text": 5, "confirm": 5, "deny": 5} | extra
    return actions(button(confirm={name: plain(size) for name, size in sizes.items()}))


def table(rows: int = 1, columns: int = 1) -> Block:
    return {"type": "table", "rows": [[{"type": "raw_text", "text": "x"}] * columns] * rows}


def image(**sizes: int) -> Block:
    return {
        "type": "image",
        "image_url": "https://" + "x" * (sizes.get("url", 20) - 8),
        "alt_text": "x" * sizes.get("alt", 5),
        "title": plain(sizes.get("title", 5)),
    }


def card(**fields: object) -> Block:
    return {"type": "card", "title": plain(5), **fields}


MESSAGE_LIMITS: dict[str, tuple[int, Callable[[int], list[Block]]]] = {
    "blocks in a message": (50, lambda n: [section()] * n),
    "block_id": (255, lambda n: [section(block_id="b" * n)]),
    "action_id": (255, lambda n: [actions(button("a" * n))]),
    "section text": (3000, lambda n: [section("x" * n)]),
    "section fields": (10, lambda n: [{"type": "section", "fields": [plain(5)] * n}]),
    "field text": (2000, lambda n: [{"type": "section", "fields": [plain(n)]}]),
    "header": (150, lambda n: [{"type": "header", "text": plain(n)}]),
    "context elements": (10, lambda n: [{"type": "context", "elements": [plain(5)] * n}]),
    "actions elements": (25, lambda n: [actions(*(button(f"b{i}") for i in range(n)))]),
    "button text": (75, lambda n: [actions(button(text=plain(n)))]),
    "button value": (2000, lambda n: [actions(button(value="v" * n))]),
    "button url": (3000, lambda n: [actions(button(url="https://" + "u" * (n - 8)))]),
    "button accessibility label": (75, lambda n: [actions(button(accessibility_label="a" * n))]),
    "select options": (100, lambda n: [select(n)]),
    "option text": (75, lambda n: [actions({"type": "static_select", "options": [option(text=n)]})]),
    "option value": (150, lambda n: [actions({"type": "static_select", "options": [option(value=n)]})]),
    "option description": (
        75,
        lambda n: [actions({"type": "static_select", "options": [option(description=plain(n))]})],
    ),
    "option groups": (
        100,
        lambda n: [
            actions({"type": "static_select", "option_groups": [{"label": plain(3), "options": [option()]}] * n})
        ],
    ),
    "placeholder": (150, lambda n: [select(placeholder=plain(n))]),
    "overflow options": (5, lambda n: [overflow(n)]),
    "checkboxes": (10, lambda n: [actions({"type": "checkboxes", "options": [option()] * n})]),
    "radio buttons": (10, lambda n: [actions({"type": "radio_buttons", "options": [option()] * n})]),
    "confirm title": (100, lambda n: [confirm(title=n)]),
    "confirm text": (300, lambda n: [confirm(text=n)]),
    "confirm button": (30, lambda n: [confirm(confirm=n)]),
    "deny button": (30, lambda n: [confirm(deny=n)]),
    "image url": (3000, lambda n: [image(url=n)]),
    "image alt text": (2000, lambda n: [image(alt=n)]),
    "image title": (2000, lambda n: [image(title=n)]),
    "input label": (2000, lambda n: [text_input() | {"label": plain(n)}]),
    "input hint": (2000, lambda n: [text_input() | {"hint": plain(n)}]),
    "input max_length": (3000, lambda n: [text_input(max_length=n)]),
    "markdown in all": (
        12_000,
        lambda n: [
            {"type": "markdown", "text": "m" * (n // 2)},
            {"type": "markdown", "text": "m" * (n - n // 2)},
        ],
    ),
    "table rows": (100, lambda n: [table(rows=n)]),
    "table columns": (20, lambda n: [table(columns=n)]),
    "tables": (1, lambda n: [table()] * n),
    "card title": (150, lambda n: [card(title=plain(n))]),
    "card body": (200, lambda n: [card(body=plain(n))]),
    "card actions": (3, lambda n: [card(actions=[button(f"b{i}") for i in range(n)])]),
    "carousel": (10, lambda n: [{"type": "carousel", "elements": [card()] * n}]),
    "container": (10, lambda n: [{"type": "container", "title": plain(3), "child_blocks": [section()] * n}]),
    "context actions": (
        5,
        lambda n: [
            {
                "type": "context_actions",
                "elements": [
                    {"type": "icon_button", "icon": "trash", "text": plain(3), "action_id": f"i{i}"} for i in range(n)
                ],
            }
        ],
    ),
}


@pytest.mark.parametrize("name", MESSAGE_LIMITS)
def test_a_message_at_the_limit_passes_and_one_past_it_is_refused(name: str) -> None:
    """Each size of Slack's table holds exactly."""
    limit, blocks = MESSAGE_LIMITS[name]

    assert [str(problem) for problem in check_message(blocks(limit))] == []
    assert check_message(blocks(limit + 1)) != []


VIEW_LIMITS: dict[str, tuple[int, Callable[[int], Block]]] = {
    "title": (24, lambda n: modal(section()) | {"title": plain(n)}),
    "submit": (24, lambda n: modal(section()) | {"submit": plain(n)}),
    "close": (24, lambda n: modal(section()) | {"close": plain(n)}),
    "private_metadata": (3000, lambda n: modal(section(), private_metadata="p" * n)),
    "callback_id": (255, lambda n: modal(section(), callback_id="c" * n)),
    "external_id": (255, lambda n: modal(section(), external_id="e" * n)),
    "blocks": (100, lambda n: modal(*[section()] * n)),
    "alert": (200, lambda n: modal({"type": "alert", "text": plain(n)})),
    "files": (10, lambda n: modal(text_input() | {"element": {"type": "file_input", "max_files": n}})),
}


@pytest.mark.parametrize("name", VIEW_LIMITS)
def test_a_view_at_the_limit_passes_and_one_past_it_is_refused(name: str) -> None:
    """Each size of Slack's table of views holds exactly."""
    limit, view = VIEW_LIMITS[name]

    assert [str(problem) for problem in check_view(view(limit))] == []
    assert check_view(view(limit + 1)) != []


REFUSED: dict[str, Block] = {
    "an unknown block": {"type": "banner", "text": plain(3)},
    "an unknown element": actions({"type": "slider", "action_id": "s"}),
    "an unknown field": section(colour="red"),
    "an empty text": section(""),
    "no text at all": {"type": "section"},
    "mrkdwn in a header": {"type": "header", "text": {"type": "mrkdwn", "text": "x"}},
    "mrkdwn in a button": actions(button(text={"type": "mrkdwn", "text": "x"})),
    "a style Slack has not": actions(button(style="default")),
    "an input in an actions block": actions({"type": "plain_text_input", "action_id": "a"}),
    "a button in an input block": text_input() | {"element": button()},
    "an alert in a message": {"type": "alert", "text": plain(3)},
    "options and groups together": select(option_groups=[{"label": plain(3), "options": [option()]}]),
    "no options": actions({"type": "static_select", "options": []}),
    "one action id twice": actions(button(), button()),
    "min over max": text_input(min_length=10, max_length=5),
    "a number where text belongs": section() | {"text": {"type": "mrkdwn", "text": 5}},
    "an image without alt text": {"type": "image", "image_url": "https://example.com/x.png"},
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_slack_does_not_know_is_refused(name: str) -> None:
    """A type, field or combination outside Slack's table is refused."""
    assert check_message([REFUSED[name]]) != []


def test_a_block_id_twice_is_refused_and_an_action_id_in_two_blocks_is_not() -> None:
    """Block ids are unique in a payload, action ids only in their block."""
    assert check_message([section(block_id="same"), section(block_id="same")]) != []
    assert check_message([actions(button(), block_id="a"), actions(button(), block_id="b")]) == []


def test_a_problem_points_at_its_place() -> None:
    """The pointer leads to the value that is wrong, in Slack's words."""
    problems = check_message([section(), actions(button(text=plain(76)))])

    assert [str(problem) for problem in problems] == [
        "[ERROR] must be less than 76 characters [json-pointer:/blocks/1/elements/0/text/text]"
    ]


def test_views_know_which_blocks_they_take() -> None:
    """Tables stay out of modals, alerts out of Home, markdown out of both, an input needs a submit button."""
    home = {"type": "home", "blocks": [section(), table()]}
    without_submit = modal(text_input())
    del without_submit["submit"]

    assert check_view(home) == []
    assert check_view(modal(table())) != []
    assert check_view(home | {"blocks": [{"type": "alert", "text": plain(3)}]}) != []
    assert check_view(home | {"blocks": [{"type": "markdown", "text": "x"}]}) != []
    assert check_view(home | {"title": plain(3)}) != []
    assert check_view(without_submit) != []
    assert check_view(modal(text_input("a", focus_on_load=True), text_input("b", focus_on_load=True))) != []
    assert check_view({"type": "workflow_step", "blocks": []}) != []


def test_all_text_of_the_blocks_is_counted() -> None:
    """Texts at every depth count towards the limit of a whole message."""
    blocks = [section("x" * 10, accessory=button(text=plain(5))), {"type": "header", "text": plain(7)}]

    assert block_text_length(blocks) == 22


def test_what_slacks_own_models_make_is_taken() -> None:
    """Nothing that slack_sdk's classes build is refused: strict is not the same as wrong."""
    choice = models.Option(text="Ingest", value="ingest", description="jobs")
    sure = models.ConfirmObject(title="Sure?", text="It ends a session.", confirm="End", deny="Keep", style="danger")
    elements = [
        models.ButtonElement(text="Go", action_id="a", value="v", style="primary", confirm=sure),
        models.LinkButtonElement(text="Log", url="https://example.com/log", action_id="b"),
        models.StaticSelectElement(placeholder="Pick", action_id="c", options=[choice], initial_option=choice),
        models.StaticMultiSelectElement(placeholder="Pick", action_id="d", options=[choice], max_selected_items=1),
        models.UserSelectElement(placeholder="Who", action_id="e", initial_user="U0ADA"),
        models.ConversationSelectElement(placeholder="Where", action_id="f"),
        models.ChannelSelectElement(placeholder="Where", action_id="g"),
        models.DatePickerElement(action_id="h", placeholder="Day", initial_date="2026-11-24"),
        models.TimePickerElement(action_id="i", placeholder="Time", initial_time="03:12"),
        models.DateTimePickerElement(action_id="j", initial_date_time=1_795_000_000),
        models.CheckboxesElement(action_id="k", options=[choice]),
        models.RadioButtonsElement(action_id="l", options=[choice]),
        models.OverflowMenuElement(action_id="m", options=[choice]),
    ]
    inputs = [
        models.PlainTextInputElement(action_id="n", multiline=True, min_length=5, max_length=500),
        models.EmailInputElement(action_id="o", placeholder="Mail"),
        models.NumberInputElement(action_id="p", is_decimal_allowed=False, min_value="1"),
        models.UrlInputElement(action_id="q"),
    ]
    message: list[models.Block] = [
        models.HeaderBlock(text="Offline"),
        models.SectionBlock(text="*words*", fields=["one", "two"], accessory=elements[0]),
        models.DividerBlock(),
        models.ContextBlock(elements=[models.MarkdownTextObject(text="small")]),
        models.ActionsBlock(elements=elements, block_id="acts"),
        models.ImageBlock(image_url="https://example.com/x.png", alt_text="a chart"),
        models.MarkdownBlock(text="# heading"),
    ]
    forms = [models.InputBlock(label="Why?", element=item, optional=True, hint="short") for item in inputs]
    view = View(type="modal", title="Form", submit="Send", close="Cancel", blocks=forms, private_metadata="17")

    assert [str(problem) for problem in check_message([block.to_dict() for block in message])] == []
    assert [str(problem) for problem in check_view(view.to_dict())] == []


NAMES = st.sampled_from(
    ["type", "text", "elements", "block_id", "action_id", "blocks", "options", "element", "min_length"]
)
WORDS = st.sampled_from(["section", "actions", "input", "modal", "plain_text", "button", "static_select", ""])
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(value=ANY_JSON)
def test_no_payload_breaks_the_check(value: object) -> None:
    """Whatever an app sends, the check answers with problems and never with a crash."""
    assert isinstance(check_message([value]), list)
    assert isinstance(check_message(value), list)
    assert isinstance(check_view(value), list)
    assert isinstance(check_view({"type": "modal", "blocks": [value]}), list)
