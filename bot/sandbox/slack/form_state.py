"""What Slack's own client does with inputs: their state, and the checks before anything is sent.

A submission with an empty required field or a text that is too long never reaches the app; so here too.
"""

import copy
import re
from collections.abc import Iterable, Iterator, Mapping

from bot.sandbox.slack.entities import Json, Refusal
from bot.sandbox.slack.wire import elements_of

VALUE_OF: Mapping[str, tuple[str, str]] = {
    "plain_text_input": ("value", "initial_value"),
    "email_text_input": ("value", "initial_value"),
    "url_text_input": ("value", "initial_value"),
    "number_input": ("value", "initial_value"),
    "rich_text_input": ("rich_text_value", "initial_value"),
    "file_input": ("files", ""),
    "static_select": ("selected_option", "initial_option"),
    "external_select": ("selected_option", "initial_option"),
    "radio_buttons": ("selected_option", "initial_option"),
    "overflow": ("selected_option", ""),
    "checkboxes": ("selected_options", "initial_options"),
    "multi_static_select": ("selected_options", "initial_options"),
    "multi_external_select": ("selected_options", "initial_options"),
    "users_select": ("selected_user", "initial_user"),
    "multi_users_select": ("selected_users", "initial_users"),
    "conversations_select": ("selected_conversation", "initial_conversation"),
    "multi_conversations_select": ("selected_conversations", "initial_conversations"),
    "channels_select": ("selected_channel", "initial_channel"),
    "multi_channels_select": ("selected_channels", "initial_channels"),
    "datepicker": ("selected_date", "initial_date"),
    "timepicker": ("selected_time", "initial_time"),
    "datetimepicker": ("selected_date_time", "initial_date_time"),
}
"""For each element with a value: the field that holds it, and the element's field that says how it begins."""

_STATELESS = frozenset({"overflow"})
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")


def state_of(blocks: Iterable[Json], given: Mapping[str, object]) -> Json:
    """Return the state of every element that has one: what the person entered, else how it began.

    Raises:
        Refusal: something was entered in a field that is not there.
    """
    state: Json = {}
    for block, element in _stateful(blocks):
        field, initial = VALUE_OF[element["type"]]
        value = copy.deepcopy(element.get(initial)) if initial else None
        fields = state.setdefault(block["block_id"], {})
        fields[element["action_id"]] = {"type": element["type"], field: value}
    for block_id, actions in given.items():
        for action_id, entered in (actions if isinstance(actions, dict) else {}).items():
            known = state.get(block_id, {}).get(action_id)
            if known is None or not isinstance(entered, dict):
                raise Refusal("no_such_field", field=f"{block_id}/{action_id}")
            field = VALUE_OF[known["type"]][0]
            known[field] = entered.get(field)
    return state


def faults_of(blocks: Iterable[Json], state: Json) -> dict[str, str]:
    """Return what Slack's client would show under each input before it sends anything."""
    faults = {}
    for block, element in _stateful(blocks):
        if block.get("type") != "input":
            continue
        held = state[block["block_id"]][element["action_id"]]
        fault = _fault(block, element, held.get(VALUE_OF[element["type"]][0]))
        if fault:
            faults[block["block_id"]] = fault
    return faults


def selected(element: Json, given: Mapping[str, object]) -> Json:
    """Return the part of an action that says what was chosen or pressed, checked against the element.

    Raises:
        Refusal: the choice is none of the element's.
    """
    kind = element["type"]
    if kind not in VALUE_OF:
        return {name: copy.deepcopy(element[name]) for name in ("text", "value", "style") if name in element}
    field = VALUE_OF[kind][0]
    value = given.get(field)
    if not _is_offered(element, value):
        raise Refusal("no_such_option")
    return {field: value}


def _stateful(blocks: Iterable[Json]) -> Iterator[tuple[Json, Json]]:
    for block in blocks:
        for element in elements_of(block):
            if element.get("type") in VALUE_OF and element["type"] not in _STATELESS:
                yield block, element


def _fault(block: Json, element: Json, value: object) -> str:
    if value in (None, "", []):
        return "" if block.get("optional") else "Please complete this required field."
    if element["type"] == "plain_text_input":
        return _length_fault(element, str(value))
    if element["type"] == "email_text_input" and not _EMAIL.fullmatch(str(value)):
        return "Please enter a valid email address."
    if element["type"] == "number_input":
        return _number_fault(element, str(value))
    return "" if _is_offered(element, value) else "Please choose one of the options."


def _length_fault(element: Json, value: str) -> str:
    low, high = element.get("min_length", 0), element.get("max_length", 3000)
    if len(value) < low:
        return f"Please enter at least {low} characters."
    return f"Please enter at most {high} characters." if len(value) > high else ""


def _number_fault(element: Json, value: str) -> str:
    form = r"-?\d+(\.\d+)?" if element.get("is_decimal_allowed") else r"-?\d+"
    if not re.fullmatch(form, value):
        return "Please enter a number."
    if float(value) < float(element.get("min_value", "-inf")):
        return f"Please enter {element['min_value']} or more."
    if float(value) > float(element.get("max_value", "inf")):
        return f"Please enter {element['max_value']} or less."
    return ""


def _is_offered(element: Json, value: object) -> bool:
    """Return whether options chosen from a fixed list are of that list; other values are free."""
    groups = element.get("option_groups", [])
    options = [*element.get("options", []), *(o for group in groups for o in group["options"])]
    if not options:
        return True
    offered = {option["value"] for option in options}
    chosen = value if isinstance(value, list) else [value]
    return all(isinstance(option, dict) and option.get("value") in offered for option in chosen)
