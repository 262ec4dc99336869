"""What Railway does after it said yes, each in a thread of its own: restart, deploy, stop, and the restart policy.

A change is seen before its process is: status and instances move first as Railway's do, and only the platform's answer
makes anything RUNNING. One act at a time has a service in hand; an act whose deployment was superseded ends quietly.
"""

import logging
import threading
import uuid
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from bot.sandbox.railway import state
from bot.sandbox.railway.platform import Platform
from bot.sandbox.railway.refusal import Refusal
from bot.sandbox.railway.state import LIVE, Deployment, InstanceStatus, Service, Status
from bot.sandbox.railway.webhooks import Webhooks
from bot.sandbox.railway.world import World

logger = logging.getLogger(__name__)
STOP_SECONDS = 10.0


class Acts:
    """Everything that takes time."""

    def __init__(self, world: World, platform: Platform, webhooks: Webhooks) -> None:
        """Nothing is under way."""
        self._world = world
        self._settings = world.settings
        self._platform = platform
        self._webhooks = webhooks
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._hands = {each.id: threading.Lock() for each in world.services()}
        self._turns: dict[str, int] = defaultdict(int)
        """Grows whenever a service's processes are replaced: a restart policy at work for the old ones ends."""

    def close(self) -> None:
        """What is under way ends where it may; returns when it has ended."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(STOP_SECONDS)

    # What is asked for

    def restart(self, service: Service, deployment: Deployment) -> None:
        """The deployment's processes will be started anew; returns before anything is to be seen.

        Raises:
            Refusal: it has none to start.
        """
        if deployment.status not in LIVE:
            raise Refusal
        self._spawn(lambda: self._restart(service, deployment.id))

    def stop(self, service: Service, deployment: Deployment) -> None:
        """The deployment's processes will end; returns before anything is to be seen.

        Raises:
            Refusal: it has none.
        """
        if deployment.status not in LIVE:
            raise Refusal
        self._spawn(lambda: self._stop(service, deployment.id))

    def deploy(
        self, service_id: str, *, source: Deployment | None = None, variables: Mapping[str, str] | None = None
    ) -> Deployment:
        """A new deployment is queued and will take its way; return it.

        Args:
            service_id: whose.
            source: whose commit; the newest deployment's if not given.
            variables: what its processes get; those set now if not given.
        """
        now = self._world.now()

        def queue(service: Service) -> Service:
            of = source or service.latest
            new = Deployment(
                id=str(uuid.uuid4()),
                created_at=now,
                updated_at=now,
                status_updated_at=now,
                variables=self._world.rendered(service_id) if variables is None else variables,
                meta=of.meta if of else {},
            )
            return state.queued(service, new, now)

        service = self._world.change(service_id, queue)
        deployment = service.latest
        assert deployment is not None, "it was just queued"
        self._spawn(lambda: self._deploy(service, deployment))
        return deployment

    # What the system reports

    def crashed(self, name: str, worker: str, *, oom: bool) -> None:
        """The process is gone; the restart policy tries in vain, and the deployment is CRASHED when it is used up."""
        service = self._world.named(name)
        live = service.live
        if live is None or self._hands[service.id].locked():
            return
        if not any(each.worker == worker and each.status is InstanceStatus.RUNNING for each in live.instances):
            return
        turn = self._turns[service.id]
        after = self._world.change_deployment(service.id, live.id, lambda each: _after_crash(each, worker, oom=oom))
        if oom:
            self._world.measure(service, worker, self._settings.memory_limit_gb)
            self._webhooks.tell("oom_killed", service, after)
        self._spawn(lambda: self._retry(service, live.id, worker, turn))

    def recovered(self, name: str, workers: Sequence[str]) -> None:
        """The service runs again, with exactly these processes."""
        service = self._world.named(name)
        live = service.live
        if live is not None:
            self._runs_again(service, live.id, workers)

    # Inside

    def _restart(self, service: Service, deployment_id: str) -> None:
        if self._stops_within(self._settings.accept_seconds):
            return
        with self._hands[service.id]:
            if self._status(service.id, deployment_id) not in LIVE:
                return
            self._change(service, deployment_id, lambda each: state.restarting(each, self._world.now()))
            if self._stops_within(self._settings.restart_seconds):
                return
            try:
                workers = self._platform.restart(service.name)
            except Exception:
                logger.exception("event=railway_restart_failed service=%s", service.name)
                gone = self._change(service, deployment_id, lambda each: state.crashed(each, self._world.now()))
                self._webhooks.tell("crashed", service, gone)
                return
            self._runs_again(service, deployment_id, workers)

    def _runs_again(self, service: Service, deployment_id: str, workers: Sequence[str]) -> None:
        self._turns[service.id] += 1
        instances = self._world.instances(service.id, tuple(workers))
        after = self._change(service, deployment_id, lambda each: state.restarted(each, instances, self._world.now()))
        self._webhooks.tell("restarted", service, after)

    def _stop(self, service: Service, deployment_id: str) -> None:
        if self._stops_within(self._settings.accept_seconds):
            return
        with self._hands[service.id]:
            if self._status(service.id, deployment_id) not in LIVE:
                return
            try:
                self._platform.stop(service.name)
            except Exception:
                logger.exception("event=railway_stop_failed service=%s", service.name)
                return
            self._turns[service.id] += 1
            self._change(service, deployment_id, lambda each: state.stopped(each, self._world.now()))

    def _deploy(self, service: Service, new: Deployment) -> None:
        quarter = self._settings.deploy_seconds / 4
        for status, step in ((Status.BUILDING, "BUILD_IMAGE"), (Status.DEPLOYING, "CREATE_CONTAINER")):
            if self._stops_within(quarter) or not self._goes_on(service, new.id, status, step):
                return
        if self._stops_within(quarter * 2):
            return
        with self._hands[service.id]:
            if self._status(service.id, new.id) is not Status.DEPLOYING:
                return
            try:
                workers = self._platform.redeploy(service.name, new.variables)
            except Exception as error:
                logger.exception("event=railway_deploy_failed service=%s", service.name)
                self._failed(service, new.id, f"container did not start: {type(error).__name__}")
                return
            self._turns[service.id] += 1
            instances = self._world.instances(service.id, tuple(workers))
            self._world.change(service.id, lambda each: state.went_live(each, new.id, instances, self._world.now()))
        self._webhooks.tell("deployed", service, self._now(service.id, new.id))

    def _goes_on(self, service: Service, deployment_id: str, status: Status, step: str) -> bool:
        """Move a deployment to its next status; return whether it was not superseded."""

        def go_on(each: Deployment) -> Deployment:
            if each.status is Status.REMOVED:
                return each
            now = self._world.now()
            return state.moved(state.begun(each, step, now), status, now)

        self._world.log_build(service, deployment_id, f"{step.replace('_', ' ').capitalize()}: {service.name}")
        return self._change(service, deployment_id, go_on).status is status

    def _failed(self, service: Service, deployment_id: str, why: str) -> None:
        def fail(each: Deployment) -> Deployment:
            now = self._world.now()
            return state.moved(state.finished(each, now, why), Status.FAILED, now)

        self._webhooks.tell("failed", service, self._change(service, deployment_id, fail))

    def _retry(self, service: Service, deployment_id: str, worker: str, turn: int) -> None:
        """Try as often as the policy says, in vain; ends early when the service got new processes."""
        tries = 0 if self._settings.restart_policy == "NEVER" else self._settings.restart_retries
        for retries in range(1, tries + 1):
            for status in (InstanceStatus.RESTARTING, InstanceStatus.CRASHED):
                if self._stops_within(self._settings.retry_seconds / 2):
                    return
                if not self._tries(service, deployment_id, turn, worker, status, retries):
                    return

        def use_up(each: Deployment) -> Deployment:
            same = self._turns[service.id] == turn and each.status is Status.SUCCESS
            return state.crashed(each, self._world.now()) if same and state.is_used_up(each, tries) else each

        before = self._now(service.id, deployment_id)
        after = self._change(service, deployment_id, use_up)
        if after.status is Status.CRASHED and before.status is not Status.CRASHED:
            self._webhooks.tell("crashed", service, after)

    def _tries(
        self, service: Service, deployment_id: str, turn: int, worker: str, status: InstanceStatus, retries: int
    ) -> bool:
        """Show one half of a try; return whether the process is still the policy's business."""
        if self._turns[service.id] != turn or self._status(service.id, deployment_id) is not Status.SUCCESS:
            return False
        if not self._hands[service.id].locked():
            self._change(service, deployment_id, lambda each: state.instance_is(each, worker, status, retries=retries))
        return True

    def _change(self, service: Service, deployment_id: str, act: Callable[[Deployment], Deployment]) -> Deployment:
        return self._world.change_deployment(service.id, deployment_id, act)

    def _now(self, service_id: str, deployment_id: str) -> Deployment:
        return self._world.change_deployment(service_id, deployment_id, lambda each: each)

    def _status(self, service_id: str, deployment_id: str) -> Status:
        return self._now(service_id, deployment_id).status

    def _stops_within(self, seconds: float) -> bool:
        """Wait; return whether the server stops."""
        return self._stopping.wait(seconds)

    def _spawn(self, act: Callable[[], None]) -> None:
        with self._lock:
            self._threads = [thread for thread in self._threads if thread.is_alive()]
            thread = threading.Thread(target=act, name="simulated-railway-act", daemon=True)
            self._threads.append(thread)
            thread.start()


def _after_crash(deployment: Deployment, worker: str, *, oom: bool) -> Deployment:
    gone = state.instance_is(deployment, worker, InstanceStatus.CRASHED, retries=0)
    said = {"summary": "The container ran out of memory: exit code 137 (OOM killed)"}
    return replace(gone, diagnosis=said) if oom else gone
