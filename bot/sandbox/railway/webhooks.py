"""Railway's webhook: told to one address, unsigned, from a thread of its own; what it does not reach is logged.

The shape is that of the reference, 1.9. As with Railway `details.status` is no help and only `type` counts.
"""

import logging
import queue
import threading
from typing import Any

import httpx

from bot.sandbox.railway.state import Deployment, Service
from bot.sandbox.railway.world import World

logger = logging.getLogger(__name__)
TIMEOUT_SECONDS = 5.0
STOP_SECONDS = 6.0
SEVERITIES = {"deployed": "INFO", "restarted": "INFO", "crashed": "CRITICAL", "oom_killed": "CRITICAL"}


class Webhooks:
    """Posts what happens, in its order."""

    def __init__(self, world: World) -> None:
        """Nothing is sent before the start."""
        self.url = world.settings.webhook_url
        self._world = world
        self._waiting: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """What is told is sent."""
        self._thread = threading.Thread(target=self._run, name="simulated-railway-webhooks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """What was told before is sent, then nothing more; safe to repeat."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._waiting.put(None)
            thread.join(STOP_SECONDS)

    def tell(self, kind: str, service: Service, deployment: Deployment) -> None:
        """Something happened to a deployment: deployed, crashed, oom_killed, restarted, failed; returns at once."""
        self._waiting.put(self._body(kind, service, deployment))

    def _body(self, kind: str, service: Service, deployment: Deployment) -> dict[str, Any]:
        settings = self._world.settings
        moment = self._world.now().isoformat(timespec="milliseconds")
        commit = {name: deployment.meta.get(name) for name in ("branch", "commitHash", "commitAuthor", "commitMessage")}
        return {
            "type": f"Deployment.{kind}",
            "details": {"id": deployment.id, "source": "GitHub", "status": str(deployment.status), **commit},
            "resource": {
                "workspace": {"id": settings.workspace_id, "name": settings.workspace},
                "project": {"id": settings.project_id, "name": settings.project},
                "environment": {"id": settings.environment_id, "name": settings.environment, "isEphemeral": False},
                "service": {"id": service.id, "name": service.name},
                "deployment": {"id": deployment.id},
            },
            "severity": SEVERITIES.get(kind, "WARNING"),
            "timestamp": moment.replace("+00:00", "Z"),
        }

    def _run(self) -> None:
        with httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client:
            while (body := self._waiting.get()) is not None:
                if self.url is not None:
                    self._post(client, self.url, body)

    def _post(self, client: httpx.Client, url: str, body: dict[str, Any]) -> None:
        try:
            client.post(url, json=body).raise_for_status()
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            logger.warning("event=railway_webhook_lost type=%s error=%s", body["type"], type(error).__name__)
