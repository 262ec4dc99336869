"""The whole configuration is judged at once, and each fault says what to write instead."""

from datetime import timedelta
from pathlib import Path

import pytest

from bot.bootstrap import build
from bot.domain.durations import parse_duration
from bot.errors import ConfigurationError
from bot.settings import load

DATABASE = {"DRAGONFLY_DATABASE_URL": "postgresql://bot@db/ops"}


def faults(toml: str, tmp_path: Path, **env: str) -> list[str]:
    """Return the faults of a file and an environment."""
    file = tmp_path / "dragonfly.toml"
    file.write_text(toml, encoding="utf-8")
    with pytest.raises(ConfigurationError) as refused:
        load({**DATABASE, "DRAGONFLY_CONFIG": str(file), **env})
    return list(refused.value.faults)


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("[queue]\napprove_abov = 3", "write approve_above"),
        ("[timing]\noffline_aftr = '60s'", "write offline_after"),
        ("[timing]\noffline_after = '60'", "no unit"),
        ("[people]\noperators = ['ada']", "write U…, W… or a user group S…"),
        ("[people]\nsame = [['U0ADA', 'ada']]", "write a Slack user id U… or W…, or cli:name@host"),
        ("[oncall]\npeople = ['U0ADA']\nzone = 'Mars/Base'", "is no time zone"),
        ("[queue]\nbatch = 0", "greater than or equal to 1"),
        ("profile = 'slow'", "profile"),
        ("[slack]\nalert_channel = { env = 'NOT_SET' }", "asks for the variable NOT_SET"),
        ("this is not toml", "is not TOML"),
        ("[services.ingest-worker]\nalias = []", "services.ingest-worker.alias: unknown key; write aliases"),
        ("[services.ingest-worker]\nname = 'x'", "the name stands in the brackets"),
        ("[services]\ningest-worker = 3", "services: write one table each"),
        ("[gate]\ndeadline = 60", "gate.deadline: '60' has no unit"),
        ("[[oncall.overrides]]\nwhom = 'U0ADA'", "oncall.overrides.0.whom: unknown key; write who"),
        ("[oncall]\nstarts = 2026-01-05T08:00:00", "oncall.starts: a time without a zone"),
        ("[vendors.simplicity]\ntitle = 'x'\npatterns = ['(']", "is no regular expression"),
        ("[contacts]\ndefault = [{ label = 'x', call = ['nobody'] }]", "no name of [cards]"),
        (
            "[slack]\nalert_channel = '#incidents'",
            "slack.alert_channel: '#incidents' is no channel's id; write one such as",
        ),
        ("[slack]\nchannels = ['incidents']", "slack.channels.0: 'incidents' is no channel's id"),
        ("[vendors.simplicity]\ntitle = 'x'\nendpoint = 'api.simplicity.com'", "endpoint: no web address; write one"),
        ("[runbooks]\nrole = 'A B'", "runbooks.role: write lower-case letters"),
    ],
)
def test_each_fault_says_what_to_write(toml: str, said: str, tmp_path: Path) -> None:
    """A person can put it right from the message alone."""
    assert said in " ".join(faults(toml, tmp_path))


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    """Three faults are three sentences, not three starts."""
    found = faults("[timing]\noffline_after = '1'\nx = '1s'", tmp_path, SUPABASE_MODE="production")
    assert len(found) == 3


def test_a_wrong_variable_hides_no_other_fault() -> None:
    """What cannot be read is named beside all else that is wrong."""
    with pytest.raises(ConfigurationError) as refused:
        load({"PORT": "eighty", "DRAGONFLY_OPERATORS": "U0ADA, ben, cleo", "SUPABASE_MODE": "production"})
    assert [fault.split()[0] for fault in refused.value.faults] == [
        "DRAGONFLY_OPERATORS.1:",
        "DRAGONFLY_OPERATORS.2:",
        "PORT:",
        "SUPABASE_MODE",
        "no",
    ]


@pytest.mark.parametrize("address", ["http://[::1", "http://api:port", "https://", "api.dragonfly.com", "http://a b"])
def test_an_address_that_nobody_could_ask_is_a_fault(address: str, tmp_path: Path) -> None:
    """It is named before anything is asked, and a secret one is not repeated."""
    named = ("DRAGONFLY_API_URL_DEV", "DRAGONFLY_PAGER_URL")
    found = faults("", tmp_path, DRAGONFLY_ALERT_CHANNEL="#incidents", **dict.fromkeys(named, address))
    assert found == [
        "DRAGONFLY_API_URL_DEV: no web address; write one that begins with https://",
        "DRAGONFLY_ALERT_CHANNEL: '#incidents' is no channel's id; write one such as C0123",
        "DRAGONFLY_PAGER_URL: no web address; write one that begins with https://",
    ]


def test_the_other_modes_database_is_never_taken() -> None:
    """One that is for both modes goes before it; where it is all there is, that is a fault."""
    both = {
        "SUPABASE_MODE": "prod",
        "SUPABASE_DB_URL_DEV": "postgresql://dev/x",
        "SUPABASE_DB_URL": "postgresql://any/x",
    }
    assert load(both).config.database_variable == "SUPABASE_DB_URL"
    with pytest.raises(ConfigurationError, match="only SUPABASE_DB_URL_DEV is set"):
        load({**both, "SUPABASE_DB_URL": ""})


@pytest.mark.parametrize("address", ["garbage", "postgresql://bot:verysecret@db:port:x/y?nonsense=1"])
def test_an_address_of_no_database_is_a_fault(address: str) -> None:
    """Its variable is named and what it holds is not repeated."""
    with pytest.raises(ConfigurationError, match=r"^DRAGONFLY_DATABASE_URL is no address of a database") as refused:
        build(load({"DRAGONFLY_DATABASE_URL": address}))
    assert "verysecret" not in str(refused.value)


def test_nothing_comes_from_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variables that are given are all there are: those of the machine do not reach a test or the sandbox."""
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-of-the-machine")
    assert not load(DATABASE).env.slack_bot_token


def test_a_variable_goes_before_the_file(tmp_path: Path) -> None:
    """People named in the environment take the file's place; the shape of the rotation stays the file's."""
    file = tmp_path / "dragonfly.toml"
    file.write_text("[oncall]\npeople = ['U0ADA']\nzone = 'Europe/Berlin'\n[people]\noperators = ['U0ADA']")
    found = load({**DATABASE, "DRAGONFLY_CONFIG": str(file), "DRAGONFLY_ONCALL": "U0BEN, U0CLEO"}).config
    assert found.rotation is not None
    assert (found.rotation.people, found.rotation.zone) == (("U0BEN", "U0CLEO"), "Europe/Berlin")
    assert found.people.operators == ("U0ADA",)


def test_every_secret_is_hidden() -> None:
    """The log's filter knows each secret that was given, used or not."""
    given = {**DATABASE, "RAILWAY_API_TOKEN": "token-of-an-account", "DATABASE_URL": "postgresql://other"}
    assert load(given).secrets() == {*given.values()}


def test_a_password_is_hidden_by_itself() -> None:
    """Of an address and of a list of words, as it is written and as it is meant; a pager's key too."""
    given = {
        "DRAGONFLY_DATABASE_URL": "postgresql://bot:sword%2Ffish@db.example/ops",
        "SUPABASE_DB_URL": "host=db.example user=bot password=halibut-77",
        "DRAGONFLY_PAGER_URL": "https://abcdefghabcdefgh@pager.example/v2",
    }
    hidden = load(given).redactor("sword/fish sword%2Ffish halibut-77 abcdefghabcdefgh bot db.example")
    assert hidden == "[secret] [secret] [secret] [secret] bot db.example"


def test_an_address_from_a_variable_is_hidden_and_a_contact_is_not(tmp_path: Path) -> None:
    """Addresses that carry tokens come from variables; the telephone of a contact is meant to be seen."""
    file = tmp_path / "dragonfly.toml"
    file.write_text(
        "[vendors.acme]\ntitle = 'Acme'\nendpoint = { env = 'ACME' }\ncontact = 'Acme support +1 555 010 0199'",
        encoding="utf-8",
    )
    found = load({**DATABASE, "DRAGONFLY_CONFIG": str(file), "ACME": "https://acme.example/?key=1234"})
    text = "asked https://acme.example/?key=1234, call +1 555 010 0199, not +1 555 010 0198"
    assert found.redactor(text) == "asked [secret], call +1 555 010 0199, not [redacted]"


def test_the_bot_needs_its_tokens() -> None:
    """Everything that is missing to start is named."""
    with pytest.raises(ConfigurationError) as refused:
        load(DATABASE, needs_mode=True, needs_slack=True)
    text = " ".join(refused.value.faults)
    for word in ("SUPABASE_MODE", "SLACK_BOT_TOKEN", "SLACK_SIGNING_SECRET", "PORT", "alert channel"):
        assert word in text


@pytest.mark.parametrize(
    ("toml", "address", "said"),
    [
        ("", "pager.example", "begins with https://"),
        ("[pager]\nshape = 'pagerduty'", "https://events.pagerduty.com/v2/enqueue", "has no routing key"),
        ("[pager]\nshape = 'sms'", "https://pager.example", "pager.shape"),
    ],
)
def test_a_second_path_that_cannot_work_is_named(toml: str, address: str, said: str, tmp_path: Path) -> None:
    """Before anybody needs it, and without the address, which carries a token."""
    found = " ".join(faults(toml, tmp_path, DRAGONFLY_PAGER_URL=address))
    assert said in found
    assert address not in found


def test_a_pager_that_is_called_must_be_there(tmp_path: Path) -> None:
    """A level that calls the pager needs its address in the bot; a shell, which pages nobody, may be without."""
    file = tmp_path / "dragonfly.toml"
    file.write_text("[contacts]\ndefault = [{ label = 'phone', call = ['pager'] }]", encoding="utf-8")
    given = {**DATABASE, "DRAGONFLY_CONFIG": str(file)}
    assert load(given).config.pager == ""
    with pytest.raises(ConfigurationError) as refused:
        load(given, needs_slack=True)
    assert "[contacts] calls the pager" in str(refused.value)
    assert load({**given, "DRAGONFLY_PAGER_URL": "https://pager.example/t"}).config.pager == "webhook"


def test_the_order_of_the_databases() -> None:
    """Our own variable first, then the mode's, then the general ones; its name is kept for the plan's first line."""
    everything = {
        "DRAGONFLY_DATABASE_URL": "a",
        "SUPABASE_DB_URL_PROD": "b",
        "SUPABASE_DB_URL": "c",
        "DATABASE_URL": "d",
        "SUPABASE_MODE": "prod",
    }
    seen = []
    for name in ("DRAGONFLY_DATABASE_URL", "SUPABASE_DB_URL_PROD", "SUPABASE_DB_URL", "DATABASE_URL"):
        seen.append(load(everything).config.database_variable)
        everything.pop(name)
    assert seen == ["DRAGONFLY_DATABASE_URL", "SUPABASE_DB_URL_PROD", "SUPABASE_DB_URL", "DATABASE_URL"]


def test_profiles_and_overrides() -> None:
    """The fast profile is the sandbox's; one duration can be changed on its own."""
    assert load(DATABASE).config.timing.offline_after == timedelta(seconds=60)


@pytest.mark.parametrize(
    ("written", "guard"),
    [("600s", "600s"), ("60s", "180s"), ("600s'\nstart_guard = '5s", "5s")],
    ids=["longer", "shorter", "set"],
)
def test_the_guard_after_a_start_is_as_long_as_dead_after(written: str, guard: str, tmp_path: Path) -> None:
    """Who waits longer for a worker waits longer after a database start too, unless that is set as well."""
    file = tmp_path / "dragonfly.toml"
    file.write_text(f"[timing]\ndead_after = '{written}'", encoding="utf-8")
    made = load({**DATABASE, "DRAGONFLY_CONFIG": str(file)})
    assert made.config.timing.start_guard == parse_duration(guard)
