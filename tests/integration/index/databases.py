"""A PostgreSQL cluster of the tests' own: in a folder, on a Unix socket, gone afterwards."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg
from sqlalchemy import make_url


def programs():
    """The folder with initdb and postgres; None where PostgreSQL is absent."""
    on_path = shutil.which("initdb")
    folders = [Path(on_path).parent] if on_path else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((folder for folder in folders if (folder / "initdb").exists()), None)


class Cluster:
    """A running cluster. PostgreSQL refuses to run as root, so that root runs it as the user `postgres`."""

    def __init__(self, bin_folder):
        self.bin = bin_folder
        # Not where TMPDIR may say: of a socket's path the system takes 107 bytes, options are parted by spaces, and
        # the user `postgres` must get there.
        where = "/tmp" if os.access("/tmp", os.W_OK) else None
        self.folder = Path(tempfile.mkdtemp(prefix="chromatrace-pg-", dir=where))
        self.count = 0
        self.as_user = []
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres")
            self.as_user = ["runuser", "-u", "postgres", "--"]

    def start(self):
        """Makes and starts it."""
        data, socket = self.folder / "data", self.folder
        self._run("initdb", "-D", data, "-U", "index", "--auth=trust", "--no-sync", "--encoding=UTF8", "--locale=C")
        options = f"-k {socket} -c listen_addresses='' -c fsync=off -c max_connections=60"
        options += " -c dynamic_shared_memory_type=mmap"  # in its folder: an immediate stop leaves /dev/shm as it was
        self._run("pg_ctl", "-D", data, "-o", options, "-l", socket / "log", "-w", "-t", "300", "start")
        return self

    def stop(self):
        """Stops and removes it."""
        self._run("pg_ctl", "-D", self.folder / "data", "-m", "immediate", "stop", check=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self, template=None):
        """The URL of a new database: empty, or a copy of the one at the URL `template`, which nobody may use then."""
        self.count += 1
        name = f"index_{os.getpid()}_{self.count}"
        copied = f" TEMPLATE {make_url(template).database}" if template else ""
        with psycopg.connect(host=str(self.folder), user="index", dbname="postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}{copied}")
        return f"postgresql://index@/{name}?host={self.folder}"

    def _run(self, program, *arguments, check=True):
        command = [*self.as_user, str(self.bin / program), *map(str, arguments)]
        subprocess.run(command, check=check, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
