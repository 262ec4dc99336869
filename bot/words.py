"""Sentences that Python must put together stand in `templates/*.toml`, with `{placeholders}` for facts.

What one card alone says stands in its own template; here is what `--json`, several cards or a list say too.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def load(name: str) -> dict[str, Any]:  # TOML's own shape
    """Return the sentences of one file by their names."""
    return tomllib.loads(files("templates").joinpath(f"{name}.toml").read_text(encoding="utf-8"))
