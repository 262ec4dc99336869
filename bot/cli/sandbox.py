"""`dragonfly sandbox`: the whole product on this machine."""

import argparse
import sys
from pathlib import Path

from bot.errors import EXIT_OK, ConfigurationError
from runbooks import faults


def run(args: argparse.Namespace) -> int:
    """Run the sandbox until it is stopped.

    Raises:
        ConfigurationError: its packages are not installed, a team's runbook has a fault, or it did not start.
    """
    try:
        from bot.sandbox import launcher
        from bot.sandbox.postgres import PostgresError
    except ModuleNotFoundError as error:
        message = f"the sandbox needs the package {error.name}: pip install 'dragonfly-bot[sandbox]'"
        raise ConfigurationError([message]) from error
    if found := faults(args.runbooks):
        raise ConfigurationError(found)
    place = None if args.ephemeral else Path(args.data_dir).resolve()
    options = launcher.Options(
        port=args.port,
        data_dir=place,
        target=args.schema,
        profile=args.profile,
        browser=not args.no_browser and sys.stdout.isatty(),
        runbooks=Path(args.runbooks) if args.runbooks else None,
    )
    try:
        launcher.run(options)
    except launcher.AlreadyRunning as error:
        sys.stdout.write(f"{error}\nUse that one, end it with Ctrl-C there, or name another --data-dir.\n")
    except PostgresError as error:
        raise ConfigurationError([str(error)]) from error
    except (OSError, OverflowError) as error:
        message = f"the sandbox cannot start: {error}; name another --port or --data-dir"
        raise ConfigurationError([message]) from error
    return EXIT_OK
