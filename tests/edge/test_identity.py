"""Who somebody is and whether a channel is ours alone, asked of a real directory over HTTP (§7, Z2 and Z3)."""

from dataclasses import replace
from datetime import datetime

import pytest

from bot.bootstrap import with_slack
from bot.clock import SystemClock
from bot.domain.ids import SCOPES
from bot.domain.timing import PLAYBOOK
from bot.errors import DeliveryError
from bot.operations import doctor
from bot.operations.services import Services
from bot.process import Bot
from bot.sandbox.slack.faults import Fault
from bot.sandbox.slack.people import Channel, User
from bot.sandbox.slack.server import SlackServer, SlackSettings
from bot.settings import Environment, SecretStr
from bot.slack.app import client
from bot.slack.directory import SlackDirectory


class Told(SystemClock):
    """A clock that goes on when the test says so."""

    def __init__(self) -> None:
        """Begin."""
        self.seconds = 0.0

    def monotonic(self) -> float:
        """Return the seconds that have passed."""
        return self.seconds

    def now(self) -> datetime:
        """Never asked for."""
        raise AssertionError


@pytest.fixture
def clock() -> Told:
    """Give a clock."""
    return Told()


@pytest.fixture
def directory(slack: SlackServer, clock: Told) -> SlackDirectory:
    """Give the directory of the workspace."""
    return SlackDirectory(client(slack.settings.bot_token, slack.api_url), clock, PLAYBOOK)


def change(slack: SlackServer, user_id: str, **facts: object) -> None:
    """Let a person be something else from now on."""
    user = slack.workspace.user(user_id)
    assert user is not None
    slack.workspace.put_user(replace(user, **facts))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        ({}, ""),
        ({"is_restricted": True}, "a guest"),
        ({"deleted": True}, "a deleted account"),
        ({"is_bot": True}, "a bot"),
        ({"is_stranger": True, "team_id": "T9OTHER"}, "somebody from another workspace"),
    ],
)
def test_what_keeps_somebody_from_being_a_member(
    slack: SlackServer, directory: SlackDirectory, facts: dict[str, object], why: str
) -> None:
    """Guests, deleted accounts, bots and strangers are each told by Slack's own flag."""
    change(slack, "U0BEN", **facts)
    assert directory.identify("U0BEN", fresh=True).why_not == why


def test_who_slack_does_not_show_is_nobody(slack: SlackServer, directory: SlackDirectory) -> None:
    """An id that Slack does not know is no error, and no member; Slackbot is a bot, though Slack says it is none."""
    assert directory.identify("U9NOBODY", fresh=True).why_not == "somebody unknown to this workspace"
    slack.workspace.put_user(User(id="USLACKBOT", name="slackbot", real_name="Slackbot", title="", color="#000"))
    assert directory.identify("USLACKBOT", fresh=True).why_not == "a bot"


def test_facts_for_a_change_are_a_minute_old_at_most(
    slack: SlackServer, directory: SlackDirectory, clock: Told
) -> None:
    """At 59 s nobody is asked again, at 60 s they are; for a read what is known is good for 15 min."""
    directory.identify("U0BEN", fresh=True)
    change(slack, "U0BEN", deleted=True)
    clock.seconds = 59
    assert directory.identify("U0BEN", fresh=True).why_not == ""
    clock.seconds = 60
    assert directory.identify("U0BEN", fresh=False).why_not == ""
    assert directory.identify("U0BEN", fresh=True).why_not == "a deleted account"
    change(slack, "U0BEN", deleted=False)
    clock.seconds = 60 + 899
    assert directory.identify("U0BEN", fresh=False).why_not == "a deleted account"
    clock.seconds = 60 + 900
    assert directory.identify("U0BEN", fresh=False).why_not == ""
    assert len(slack.workspace.calls_of("users.info")) == 3


def test_groups_and_channels_are_kept_as_long(slack: SlackServer, directory: SlackDirectory, clock: Told) -> None:
    """A group's members and a channel's sharing are asked for once a minute."""
    incidents = slack.workspace.channel("C0INCIDENTS")
    assert incidents is not None
    for _ in range(3):
        assert "U0ADA" in directory.members("S0OPS", fresh=True)
        assert directory.why_not_here("C0INCIDENTS", fresh=True) == ""
    slack.workspace.put_channel(replace(incidents, is_ext_shared=True))
    clock.seconds = 60
    assert directory.why_not_here("C0INCIDENTS", fresh=True) == "another organisation is in it"
    slack.workspace.put_channel(Channel(id="D0ADA", name="d0ada", members=frozenset({"U0BOT"}), is_im=True))
    assert directory.why_not_here("D0ADA", fresh=True) == "it is a direct message"
    assert len(slack.workspace.calls_of("usergroups.users.list")) == 1
    assert len(slack.workspace.calls_of("conversations.info")) == 3


def test_a_directory_that_fails_is_asked_three_times(
    slack: SlackServer, directory: SlackDirectory, clock: Told
) -> None:
    """Twice is no failure; three times is, and what was known is not used beyond its age."""
    slack.workspace.faults.script(*[Fault(method="users.info", status=503)] * 2)
    assert directory.identify("U0ADA", fresh=True).why_not == ""
    clock.seconds = 61
    slack.workspace.faults.script(*[Fault(method="users.info", status=503)] * 3)
    with pytest.raises(DeliveryError):
        directory.identify("U0ADA", fresh=True)
    assert directory.identify("U0ADA", fresh=False).why_not == ""


def test_doctor_names_channels_that_are_not_ours_alone(bot: Bot, slack: SlackServer) -> None:
    """By day it is said where nothing will be done at night, and that nobody else hears of a run alone."""
    incidents = slack.workspace.channel("C0INCIDENTS")
    assert incidents is not None
    slack.workspace.put_channel(replace(incidents, is_ext_shared=True))
    lines = {line.name: line for line in doctor.examine(bot.services).lines}
    assert "another organisation is in it" in lines["channel C0INCIDENTS"].detail
    assert lines["security channel"].verdict == "off"
    assert (lines["Slack"].verdict, lines["Slack"].detail) == ("ok", "9 of 9 scopes")
    told = replace(bot.services, config=replace(bot.services.config, security_channel="C0SECURITY"))
    names = [line.name for line in doctor.examine(told).lines]
    assert "security channel" not in names and "channel C0SECURITY" not in names


def test_doctor_names_the_scopes_that_a_token_lacks(services: Services) -> None:
    """In a shell too, where the token is set; where it is not, nothing is said to be well."""
    with SlackServer(SlackSettings(scopes=SCOPES - {"usergroups:read"})) as slack:
        env = Environment(slack_bot_token=SecretStr(slack.settings.bot_token), slack_api_url=slack.api_url)
        asked = {line.name: line for line in doctor.examine(with_slack(services, env)).lines}["Slack"]
    assert (asked.verdict, asked.detail) == ("bad", "8 of 9 scopes; not usergroups:read")
    unasked = {line.name: line.verdict for line in doctor.examine(with_slack(services, Environment())).lines}
    assert unasked["Slack"] == "off"
