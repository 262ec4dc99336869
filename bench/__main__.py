"""`make bench`: speed as ratios against a floor measured in the same run; writes `bench/out/latest.json`.

Each figure is a median of paired rounds; the floor is what the same work costs without us (bare Bolt, bare SQL).
"""

import json
import sys
from pathlib import Path

from bench import acks, effects, process

OUT = Path(__file__).parent / "out" / "latest.json"


def main() -> int:
    """Measure everything and return 1 if a limit is broken."""
    found = [*process.measure(), *acks.measure(), *effects.measure()]
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(found, indent=2), encoding="utf-8")
    for item in found:
        ratio = f"{item['ratio']:.2f} x" if item["ratio"] is not None else ""
        print(
            f"{'ok  ' if item['ok'] else 'OVER'} {item['name']:<44} {item['value']:>10.4f} floor {item['floor']:>9.4f} {ratio:>8}  limit {item['limit']}"
        )
    return 0 if all(item["ok"] for item in found) else 1


if __name__ == "__main__":
    sys.exit(main())
