"""The undo of a step that has no way back: a refusal that says so. Others bring their own (`Kind.undo`)."""

from collections.abc import Mapping

from bot.domain.catalog import Catalog
from bot.domain.messages import Message
from bot.domain.runbook import Step
from bot.operations.kinds.base import Kind, Preview, cannot
from bot.operations.services import Services
from bot.store.db import Tx


def _preview(services: Services, tx: Tx, step: Step, _catalog: Catalog, params: Mapping[str, str]) -> Preview | Message:
    return cannot(services, tx, step, [f"{params.get('step', 'this step')} cannot be undone"], [])


UNDO = Kind(preview=_preview)
