"""Open modals and published Home tabs: each person has a stack of at most three views, and one Home."""

import secrets
import threading
import time
from dataclasses import replace

from bot.sandbox.slack.entities import Json, Refusal, View
from bot.sandbox.slack.feed import Feed
from bot.sandbox.slack.wire import view_as_slack, with_ids

MAX_VIEWS = 3


def _new_hash() -> str:
    return f"{int(time.time())}.{secrets.token_hex(4)}"


class ViewStore:
    """Knows what each person has open; shows every change on that person's pages."""

    def __init__(self, changed: threading.Condition, feed: Feed) -> None:
        """Share the workspace's lock, which wakes whoever waits for a change, and its feed."""
        self._lock = changed
        self._feed = feed
        self._views: dict[str, View] = {}
        self._stacks: dict[str, list[str]] = {}
        self._homes: dict[str, str] = {}

    def get(self, view_id: str) -> View | None:
        """Return an open view or a Home tab, or None."""
        with self._lock:
            return self._views.get(view_id)

    def by_external_id(self, external_id: str) -> View | None:
        """Return the view with the app's own id, or None."""
        with self._lock:
            found = (v for v in self._views.values() if v.payload.get("external_id") == external_id)
            return next(found, None)

    def home(self, user: str) -> View | None:
        """Return what was published for the person, or None."""
        with self._lock:
            return self._views.get(self._homes.get(user, ""))

    def stack(self, user: str) -> list[View]:
        """Return the person's open modals, the visible one last."""
        with self._lock:
            return [self._views[view_id] for view_id in self._stacks.get(user, [])]

    def open(self, user: str, payload: Json) -> View:
        """The person sees a new modal and nothing under it."""
        self.close_all(user)
        return self._push(user, payload)

    def push(self, user: str, payload: Json) -> View:
        """The person sees a new modal on top of the others.

        Raises:
            Refusal: three are open, or none is.
        """
        depth = len(self.stack(user))
        if depth == 0:
            raise Refusal("not_found")
        if depth >= MAX_VIEWS:
            raise Refusal("push_limit_reached")
        return self._push(user, payload)

    def update(self, view: View, payload: Json, hash_given: str = "") -> View:
        """The view shows the new payload.

        Raises:
            Refusal: the hash is not that of the view as it stands.
        """
        with self._lock:
            current = self._views.get(view.id)
            if current is None:
                raise Refusal("not_found")
            if hash_given and hash_given != current.hash:
                raise Refusal("hash_conflict")
            changed = replace(current, payload=_complete(payload), hash=_new_hash())
            self._views[view.id] = changed
        kind = "home" if changed.payload["type"] == "home" else "view_update"
        self._show(changed, kind)
        return changed

    def publish(self, user: str, payload: Json, hash_given: str = "") -> View:
        """The person's Home tab shows the payload."""
        existing = self.home(user)
        if existing is not None:
            return self.update(existing, payload, hash_given)
        if hash_given:
            raise Refusal("hash_conflict")
        view = self._new(user, payload)
        with self._lock:
            self._views[view.id] = view
            self._homes[user] = view.id
        self._show(view, "home")
        return view

    def close(self, view: View) -> None:
        """The view is gone; the one under it is visible again."""
        with self._lock:
            self._views.pop(view.id, None)
            stack = self._stacks.get(view.user, [])
            if view.id in stack:
                stack.remove(view.id)
            self._lock.notify_all()
        self._feed.publish({"type": "view_close", "view_id": view.id}, frozenset({view.user}))

    def close_all(self, user: str) -> None:
        """The person has no modal open."""
        for view in reversed(self.stack(user)):
            self.close(view)

    def _push(self, user: str, payload: Json) -> View:
        under = self.stack(user)
        view = self._new(user, payload)
        if under:
            view = replace(view, previous_id=under[-1].id, root_id=under[0].id)
        with self._lock:
            self._views[view.id] = view
            self._stacks.setdefault(user, []).append(view.id)
        self._show(view, "view_open")
        return view

    def _new(self, user: str, payload: Json) -> View:
        external_id = payload.get("external_id")
        if external_id and self.by_external_id(external_id):
            raise Refusal("duplicate_external_id")
        view_id = f"V0{secrets.token_hex(5).upper()}"
        return View(id=view_id, user=user, payload=_complete(payload), hash=_new_hash(), root_id=view_id)

    def _show(self, view: View, kind: str) -> None:
        with self._lock:
            self._lock.notify_all()
        self._feed.publish({"type": kind, "view": view_as_slack(view)}, frozenset({view.user}))


def _complete(payload: Json) -> Json:
    return {**payload, "blocks": list(with_ids(payload.get("blocks", [])))}
