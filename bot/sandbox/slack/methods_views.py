"""`views.*`, and `apps.connections.open`."""

from bot.sandbox.slack.arguments import Args, invalid_arguments
from bot.sandbox.slack.entities import Json, Refusal, View
from bot.sandbox.slack.limits import check_view, view_is_too_large
from bot.sandbox.slack.method import Api, Method
from bot.sandbox.slack.rates import Tier
from bot.sandbox.slack.wire import view_as_slack


def checked_view(view: object, kind: str) -> Json:
    """Return a view payload of the kind, or refuse what Slack refuses in it."""
    if not isinstance(view, dict):
        raise invalid_arguments("missing required field: view")
    if view_is_too_large(view):
        raise Refusal("view_too_large")
    if view.get("type") != kind:
        raise invalid_arguments(f"unsupported type: {view.get('type')} [json-pointer:/view/type]")
    if problems := check_view(view):
        raise invalid_arguments(*(f"{p.message} [json-pointer:{p.pointer}]" for p in problems))
    return view


def views_open(api: Api, args: Args) -> Json:
    """Show a modal to the person whose interaction gave the trigger."""
    view = checked_view(args.structure("view"), "modal")
    trigger = api.workspace.rights.use_trigger(args.required("trigger_id"))
    return {"view": view_as_slack(api.workspace.views.open(trigger.user, view))}


def views_push(api: Api, args: Args) -> Json:
    """Show a modal on top of the one the interaction happened in."""
    view = checked_view(args.structure("view"), "modal")
    trigger = api.workspace.rights.use_trigger(args.required("trigger_id"))
    if not trigger.view_id:
        raise Refusal("not_found")
    return {"view": view_as_slack(api.workspace.views.push(trigger.user, view))}


def views_update(api: Api, args: Args) -> Json:
    """Replace what an open view shows."""
    current = _open_view(api, args)
    view = checked_view(args.structure("view"), current.payload["type"])
    return {"view": view_as_slack(api.workspace.views.update(current, view, args.text("hash")))}


def _open_view(api: Api, args: Args) -> View:
    views = api.workspace.views
    if "view_id" in args:
        found = views.get(args.text("view_id"))
    elif "external_id" in args:
        found = views.by_external_id(args.text("external_id"))
    else:
        raise invalid_arguments("missing required field: view_id")
    if found is None:
        raise Refusal("not_found")
    return found


def views_publish(api: Api, args: Args) -> Json:
    """Replace what a person's Home tab shows."""
    if not api.settings.home_tab_enabled:
        raise Refusal("not_enabled")
    user = api.workspace.user(args.required("user_id"))
    if user is None or user.is_bot:
        raise invalid_arguments("user not found [json-pointer:/user_id]")
    view = checked_view(args.structure("view"), "home")
    return {"view": view_as_slack(api.workspace.views.publish(user.id, view, args.text("hash")))}


def connections_open(api: Api, args: Args) -> Json:
    """Return the address of a socket that can be opened once."""
    return {"url": api.issue_ticket()}


METHODS = (
    Method(name="views.open", run=views_open, tier=Tier.FOUR),
    Method(name="views.push", run=views_push, tier=Tier.FOUR),
    Method(name="views.update", run=views_update, tier=Tier.FOUR),
    Method(name="views.publish", run=views_publish, tier=Tier.FOUR),
    Method(name="apps.connections.open", run=connections_open, tier=Tier.ONE, app_token=True),
)
