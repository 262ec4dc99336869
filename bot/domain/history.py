"""Recorded migrations against the local list, as sets by version. Pure.

Versions are labels of 4, 8 or 14 digits, not times; "recorded" does not mean "run" (target-system 3, 2026-11).
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from bot.domain.messages import MigrationLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Both lists compared; None = there is no local list to compare with."""

    applied: int
    pending: int | None
    differs: int
    unknown: int
    mixed_lengths: bool
    lines: tuple[MigrationLine, ...]
    """What is wrong first, by version; then what is applied, the newest version first."""

    @property
    def pending_versions(self) -> tuple[str, ...]:
        """Return the versions that are not recorded."""
        return tuple(item.version for item in self.lines if item.verdict == "pending")


def migration_features(columns: Collection[str]) -> frozenset[str]:
    """Return by which of its optional columns the history may be asked."""
    return frozenset({"history_statements"} if {"name", "statements"} <= set(columns) else ())


def compare(recorded: Mapping[str, str], local: Mapping[str, str] | None) -> Comparison:
    """Return the recorded versions (name by version) against the local ones."""
    here = local or {}
    pending = [
        MigrationLine(version=v, name=name, verdict="pending") for v, name in sorted(here.items()) if v not in recorded
    ]
    differs, unknown, applied = [], [], []
    for version, name in sorted(recorded.items(), reverse=True):
        if local is not None and version not in here:
            unknown.append(MigrationLine(version=version, name=name, verdict="unknown", detail="no local file"))
        elif local is not None and name and not _same(name, version, here[version]):
            differs.append(
                MigrationLine(version=version, name=name, verdict="differs", detail="name is not the file's")
            )
        else:
            applied.append(MigrationLine(version=version, name=name or here.get(version, ""), verdict="applied"))
    return Comparison(
        applied=len(recorded),
        pending=len(pending) if local is not None else None,
        differs=len(differs),
        unknown=len(unknown),
        mixed_lengths=len({len(version) for version in (*recorded, *here)}) > 1,
        lines=(*pending, *differs, *unknown, *applied),
    )


def _same(name: str, version: str, local: str) -> bool:
    """Say whether two names are one: some tools keep the version in the name, and the ending."""
    return name.removesuffix(".sql").removeprefix(f"{version}_") == local
