"""A PostgreSQL cluster for tests, in a temporary folder and on a Unix socket."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy import make_url


def programs():
    """Return the folder with initdb and postgres, or None if PostgreSQL is not installed."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


class Cluster:
    """A PostgreSQL cluster. It runs as the user `postgres` if the tests run as root, which PostgreSQL rejects."""

    def __init__(self, bin_folder):
        self.bin = bin_folder
        # Not TMPDIR: the path of a socket is limited to 107 bytes, spaces separate options, and the user `postgres`
        # needs access.
        parent = "/tmp" if os.access("/tmp", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="chromatrace-pg-", dir=parent))
        self.count = 0
        self.as_user = []
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
            self.as_user = ["runuser", "-u", "postgres", "--"]

    def start(self):
        """Create and start the cluster."""
        data, socket = self.folder / "data", self.folder
        self._run("initdb", "-D", data, "-U", "index", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        options = f"-k {socket} -c listen_addresses='' -c fsync=off -c max_connections=60"
        options += " -c dynamic_shared_memory_type=mmap"  # an immediate stop would leave files in /dev/shm
        self._start = ("pg_ctl", "-D", data, "-o", options, "-l", socket / "log", "-w", "-t", "300", "start")
        self._run(*self._start)
        return self

    @contextmanager
    def stopped(self):
        """Stop the server while the block lasts; its connections break."""
        self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop")
        yield
        self._run(*self._start)

    def stop(self):
        """Stop and delete the cluster."""
        self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self, template=None):
        """Return the URL of a new database: empty, or a copy of the database `template`, which must not be in use."""
        self.count += 1
        name = f"index_{os.getpid()}_{self.count}"
        template_clause = f" TEMPLATE {make_url(template).database}" if template else ""
        with psycopg.connect(host=str(self.folder), user="index", dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}{template_clause}")
        return f"postgresql://index@/{name}?host={self.folder}"

    def _run(self, program, *arguments, check=True):
        command = [*self.as_user, str(self.bin / program), *map(str, arguments)]
        subprocess.run(command, check=check, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
