"""What Railway does reaches the simulated workers, and what befalls them reaches Railway."""

import os
from pathlib import Path

import httpx
import pytest

from bot.errors import TargetUnavailable
from bot.sandbox.serving import Served
from bot.sandbox.target import web
from tests.sandbox.systems import INGEST, Running, anew
from tests.support.waiting import eventually


@pytest.fixture
def target_schema() -> str:
    """Processes are the same on both schemas."""
    return "deployed"


def variables_of(running: Running, name: str) -> set[str | None]:
    """The values that the ingest processes have in their environment."""
    found = set()
    for man in running.system.crew.of(INGEST):
        pairs = Path(f"/proc/{man.process.pid}/environ").read_text(encoding="utf-8").split("\0")
        found.add(dict(pair.partition("=")[::2] for pair in pairs if pair).get(name))
    return found


def test_a_restart_starts_new_workers(running: Running) -> None:
    """Under new ids that beat, with a boot line each; the deployment is the old one."""
    crew, before = running.system.crew, running.system.crew.ids(INGEST)
    pids = [man.process.pid for man in crew.of(INGEST)]
    deployment = running.railway.state(INGEST).running
    assert deployment is not None
    running.railway.restart(deployment.id)
    eventually(lambda: anew(before, crew.ids(INGEST)), 10)
    after = crew.ids(INGEST)
    beating = "SELECT count(*) FROM ops.worker_heartbeats WHERE worker_id = ANY (%s) AND status = 'running'"
    eventually(lambda: running.ask(beating, list(after)) == [(2,)], 10)
    eventually(lambda: running.instances() == ["RUNNING", "RUNNING"])

    lines = running.lines()
    assert {f"{worker} serves" for worker in after} <= {line.partition(" serves")[0] + " serves" for line in lines}
    assert lines.count("WORKER_BOOT") >= 4 and "WORKER_SHUTDOWN" in lines
    state = running.railway.state(INGEST)
    assert state.running is not None and state.running.id == deployment.id
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_a_variable_reaches_new_workers(running: Running) -> None:
    """A new deployment, new processes, the new value beside the old ones, and the vendor is left alone."""
    crew, before = running.system.crew, running.system.crew.ids(INGEST)
    service_id = running.railway.state(INGEST).service_id
    assert variables_of(running, "SIMPLICITY_OFFLINE_MODE") <= {None, "false"}
    eventually(lambda: running.system.vendor.calls, 15)
    running.railway.set_variable(service_id, "SIMPLICITY_OFFLINE_MODE", "true")
    eventually(lambda: anew(before, crew.ids(INGEST)), 15)
    assert variables_of(running, "SIMPLICITY_OFFLINE_MODE") == {"true"}
    assert variables_of(running, "SIMPLICITY_API_URL") == {running.system.vendor.url}
    calls = running.system.vendor.calls
    done = "SELECT count(*) FROM ops.job_queue WHERE status::text IN ('completed', 'failed') AND updated_at > %s"
    [(now,)] = running.ask("SELECT clock_timestamp()")
    eventually(lambda: running.ask(done, now)[0][0] >= 3, 20)
    assert running.system.vendor.calls == calls
    again = crew.ids(INGEST)
    running.railway.set_variable(service_id, "SIMPLICITY_OFFLINE_MODE", "false")
    eventually(lambda: anew(again, crew.ids(INGEST)), 15)


def test_an_oom_kill_is_seen_on_railway(running: Running) -> None:
    """The lines, the diagnosis, the instances, at last the deployment; then it is brought back under new ids."""
    crew, before = running.system.crew, running.system.crew.ids(INGEST)
    text = running.system.fault("oom-kill")
    assert text.startswith("2 ingest_processor") and crew.ids(INGEST) == ()
    eventually(lambda: {"CRASHED", "RESTARTING"} >= set(running.instances()))
    deployment = running.railway.state(INGEST).running
    assert deployment is not None and running.railway.diagnosis(deployment.id)
    assert "Killed" in running.lines() and "exit code 137" in running.lines()
    eventually(lambda: _status(running) == "CRASHED", 15)
    held = "SELECT count(*) FROM ops.job_queue WHERE status = 'processing'"
    assert running.ask(held)[0][0] >= 2

    running.system.fault("bring-back")
    assert anew(before, crew.ids(INGEST)) and running.instances() == ["RUNNING", "RUNNING"]
    assert not running.railway.diagnosis(deployment.id)


def _status(running: Running) -> str:
    """Return the status of the ingest service's deployment."""
    found = running.railway.state(INGEST).running
    return found.status if found else ""


def test_a_crash_loop_outlives_a_restart(running: Running) -> None:
    """New processes come up, say so, beat once as an error, and give up; bringing back ends it."""
    running.system.fault("crash-loop")
    eventually(lambda: _status(running) == "CRASHED", 20)
    first = running.lines().count("Crash loop detected")
    deployment = running.railway.state(INGEST).running
    assert first == 2 and deployment is not None
    running.railway.restart(deployment.id)
    eventually(lambda: running.lines().count("Crash loop detected") == 4, 20)
    eventually(lambda: "RUNNING" not in running.instances(), 10)
    assert running.ask("SELECT count(*) FROM ops.worker_heartbeats WHERE status = 'error'")[0][0] >= 2

    running.recover()
    assert len(running.system.crew.ids(INGEST)) == 2


def test_railway_can_be_down(running: Running) -> None:
    """No answer at all; the workers go on; afterwards everything is answered."""
    running.system.fault("railway-down")
    with pytest.raises(TargetUnavailable):
        running.railway.state(INGEST)
    assert len(running.system.crew.ids(INGEST)) == 2

    running.system.fault("bring-back")
    assert running.instances() == ["RUNNING", "RUNNING"]


def test_the_api_is_a_service_too(running: Running) -> None:
    """It restarts under a new id, without a worker."""
    before = running.system.platform.api
    deployment = running.railway.state("dragonfly-api").running
    assert deployment is not None and running.instances("dragonfly-api") == ["RUNNING"]
    running.railway.restart(deployment.id)
    eventually(lambda: running.system.platform.api != before)
    eventually(lambda: "WORKER_BOOT" in running.lines("dragonfly-api"))


def test_a_worker_of_ours_is_no_childs_parent(running: Running) -> None:
    """Each has a session of its own, so that Ctrl-C is for us alone."""
    assert {os.getsid(man.process.pid) for man in running.system.crew.men}.isdisjoint({os.getsid(0)})


def test_what_is_stopped_stays_so_until_it_is_brought_back(running: Running) -> None:
    """No process, and an API that the platform does not find."""
    before = running.system.crew.ids(INGEST)
    api = Served(web.api(running.system, "key"), "api").start()

    def answer() -> int:
        return httpx.get(f"{api.url}/api/health", trust_env=False).status_code

    for service in (INGEST, "dragonfly-api"):
        running.system.platform.stop(service)
    assert running.system.crew.of(INGEST) == [] and answer() == 404

    running.system.fault("bring-back")
    assert anew(before, running.system.crew.ids(INGEST)) and answer() == 200
    api.stop()
    with pytest.raises(httpx.ConnectError):
        answer()
