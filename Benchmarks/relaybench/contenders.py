"""The servers that are compared. Each run gets a new one, so that none profits from what an earlier run left."""

import contextlib
import itertools
import json
import os
import re
import shutil

from .processes import Process


class Server:
    """A running contender."""

    def __init__(self, process, port):
        self.process = process
        self.port = port
        self.pid = process.pid


class Contenders:
    """Starts servers on the throw-away PostgreSQL."""

    def __init__(self, postgres, relay, relay_without_log, tools):
        self.postgres = postgres
        self.binaries = {"relay": relay, "relay without log": relay_without_log}
        self.tools = tools
        self.numbers = itertools.count(1)

    @contextlib.contextmanager
    def start(self, name, **settings):
        """A contender by its name; `settings` are keys of the relay's configuration."""
        folder = self.postgres.folder / f"server-{next(self.numbers)}"
        folder.mkdir()
        if name == "yardstick":
            process = Process(name, [self.tools / "yardstick", self.postgres.url], self.environment(), folder)
        else:
            keys = {"HttpHost": "127.0.0.1", "HttpPort": "0", "LogPath": str(folder / "log.db"), **settings}
            environment = self.environment() | {f"ES_{key.upper()}": str(value) for key, value in keys.items()}
            environment["DATABASE_URL"] = self.postgres.url
            process = Process(name, [self.binaries[name]], environment, folder)
        try:
            yield Server(process, process.wait_for(port_in, "the port"))
        finally:
            process.end(is_server=True)
            # A log may have a gigabyte.
            shutil.rmtree(folder)

    @staticmethod
    def environment():
        """Ours, without what would configure a relay or libpq."""
        return {
            name: value for name, value in os.environ.items()
            if not name.startswith(("ES_", "PG")) and name != "DATABASE_URL"
        }


def port_in(line):
    """The port that a server names: the yardstick in JSON, the relay in its log."""
    if line.startswith("{"):
        return json.loads(line).get("port")
    named = re.search(r"\bport=(\d+)", line)
    return int(named[1]) if named and line.endswith("serving") else None
