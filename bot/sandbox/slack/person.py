"""A person of the cast, for tests and scripts: says, types and presses from any thread, as in the browser.

Each act returns once Slack knows what became of it, which is at the app's acknowledgement, not when its work is done.
"""

from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from bot.sandbox.slack import people
from bot.sandbox.slack.entities import Json, Message, View
from bot.sandbox.slack.interactions import Interactions, Result
from bot.sandbox.slack.workspace import Workspace

T = TypeVar("T")
Run = Callable[[Coroutine[Any, Any, Result]], Result]


class Person:
    """Somebody at a keyboard."""

    def __init__(self, user_id: str, workspace: Workspace, interactions: Interactions, run: Run) -> None:
        """Act as this user; `run` carries an act to the server's event loop."""
        self.id = user_id
        self._workspace = workspace
        self._interactions = interactions
        self._run = run

    def types(self, text: str, channel: str = people.INCIDENTS, *, thread_ts: str = "") -> Result:
        """Type a slash command in a channel."""
        return self._run(self._interactions.command(self.id, channel, text, thread_ts))

    def says(self, text: str, channel: str = people.INCIDENTS, *, thread_ts: str = "") -> Result:
        """Post a message; `@dragonfly` mentions the bot."""
        return self._run(self._interactions.say(self.id, channel, text, thread_ts))

    def presses(
        self,
        where: Message | View,
        action_id: str,
        *,
        block_id: str = "",
        given: Json | None = None,
        state: Json | None = None,
    ) -> Result:
        """Press a button, or choose (`given`), in a message or view as it looked when the value was taken."""
        press: Callable[..., Coroutine[Any, Any, Result]] = self._interactions.press_in_message
        if isinstance(where, View):
            press = self._interactions.press_in_view
        return self._run(
            press(self.id, where, action_id=action_id, block_id=block_id, given=given or {}, state=state or {})
        )

    def submits(self, view: View, values: Json | None = None) -> Result:
        """Submit a form with these values over the ones it began with."""
        return self._run(self._interactions.submit(self.id, view, values or {}))

    def closes(self, view: View, *, whole_stack: bool = False) -> Result:
        """Close a form without submitting it."""
        return self._run(self._interactions.close(self.id, view, whole_stack=whole_stack))

    def opens_home(self, tab: str = "home") -> Result:
        """Look at the app's Home."""
        return self._run(self._interactions.open_home(self.id, tab))

    @property
    def modal(self) -> View | None:
        """Return the modal the person sees now, or None."""
        stack = self._workspace.views.stack(self.id)
        return stack[-1] if stack else None

    @property
    def home(self) -> View | None:
        """Return what the person's Home shows, or None."""
        return self._workspace.views.home(self.id)

    @property
    def private_messages(self) -> list[Message]:
        """Return what only this person was shown, oldest first."""
        return self._workspace.ephemerals(self.id)

    def sees_modal(self, callback_id: str = "", *, timeout_seconds: float = 5.0) -> View:
        """Return the modal once it is open (with this callback id, if given)."""

        def seen() -> View | None:
            view = self.modal
            return view if view and callback_id in ("", view.payload.get("callback_id")) else None

        view = self._workspace.wait_for(seen, timeout_seconds)
        assert view is not None
        return view

    def is_told(self, containing: str = "", *, timeout_seconds: float = 5.0) -> Message:
        """Return the newest message shown only to this person that contains the text, once there is one."""

        def newest() -> Message | None:
            found = [m for m in self.private_messages if containing in m.text or containing in str(m.blocks)]
            return found[-1] if found else None

        try:
            message = self._workspace.wait_for(newest, timeout_seconds)
        except TimeoutError as error:
            told = [m.text for m in self.private_messages[-3:]]
            raise TimeoutError(f"not told {containing!r}, last told {told}; {error}") from None
        assert message is not None
        return message
