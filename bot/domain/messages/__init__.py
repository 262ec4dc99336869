"""One frozen value per message that people can get; no words of Slack, no layout.

Three renderings are made of each: Block Kit, terminal text, and `--json` (the value itself). Words are in `templates/`,
layout in `bot.render`. A number that cannot be read is None and renders as `not known`, never as 0.
People are Slack user or user-group ids, `cli:` actors or plain names; a renderer makes mentions of them.
"""

from bot.domain.messages.alerts import *
from bot.domain.messages.base import *
from bot.domain.messages.lists import *
from bot.domain.messages.plans import *
from bot.domain.messages.reads import *
from bot.domain.messages.watching import *
