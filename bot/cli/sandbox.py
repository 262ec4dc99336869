"""`dragonfly sandbox`: the whole product on this machine."""

import argparse
import sys
from pathlib import Path

from bot.errors import EXIT_OK, ConfigurationError


def run(args: argparse.Namespace) -> int:
    """Run the sandbox until it is stopped.

    Raises:
        ConfigurationError: its packages are not installed, or the database did not start.
    """
    try:
        from bot.sandbox import launcher
        from bot.sandbox.postgres import PostgresError
    except ModuleNotFoundError as error:
        message = f"the sandbox needs the package {error.name}: pip install 'dragonfly-bot[sandbox]'"
        raise ConfigurationError([message]) from error
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
    except PostgresError as error:
        raise ConfigurationError([str(error)]) from error
    return EXIT_OK
