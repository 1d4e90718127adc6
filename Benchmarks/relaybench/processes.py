"""Processes whose lines can be waited for, and that end when the benchmark does, whatever ends it."""

import collections
import json
import pathlib
import queue
import shutil
import subprocess
import tempfile
import threading
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
THROWAWAY_POSTGRES = REPOSITORY / "scripts/throwaway-postgres.sh"
CARETAKER = 'trap "" HUP INT TERM; cat; "$0" stop "$1/postgres"; rm -rf "$1"'

# How long a process may take to do what it does at once on a quiet machine.
PATIENCE_SECONDS = 60
# How long a server may take to end before it is killed. The relay sends its clients away over some seconds.
STOP_SECONDS = 20
# What is shown of a process that failed.
LINES_KEPT = 20


class Failure(Exception):
    """Something that had to happen did not: the case can't go on."""


class Process:
    """A program whose output is read line by line; standard input is a pipe."""

    def __init__(self, name, command, environment=None, folder=None):
        self.name = name
        # The kernel ends it when we die without a chance to do so. Its own session: a terminal's Ctrl-C is for us.
        self.process = subprocess.Popen(
            [shutil.which("setpriv") or "/usr/bin/setpriv", "--pdeathsig", "KILL", *map(str, command)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env=environment, cwd=folder, text=True, errors="replace", start_new_session=True,
        )
        self.pid = self.process.pid
        self.lines = queue.SimpleQueue()
        self.last_lines = collections.deque(maxlen=LINES_KEPT)
        streams = (self.process.stdout, self.process.stderr)
        self.readers = [threading.Thread(target=self._read, args=(stream,), daemon=True) for stream in streams]
        for reader in self.readers:
            reader.start()

    def _read(self, stream):
        for line in stream:
            line = line.rstrip("\n")
            if not line.startswith("{"):
                self.last_lines.append(line)
            self.lines.put(line)
        self.lines.put(None)

    def wait_for(self, found, what, seconds=PATIENCE_SECONDS):
        """What `found` gives for the first line for which that is true."""
        deadline = time.monotonic() + seconds
        ended_streams = 0
        while ended_streams < len(self.readers):
            try:
                line = self.lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise self.failure(f"not within {seconds:.0f} s: {what}") from None
            if line is None:
                ended_streams += 1
            elif result := found(line):
                return result
        raise self.failure(f"ended before: {what}")

    def wait_for_report(self, event, seconds=PATIENCE_SECONDS):
        """The next JSON line whose `event` is one of these names."""
        def report(line):
            if not line.startswith("{"):
                return None
            report = json.loads(line)
            return report if report.get("event") in event.split() else None

        return self.wait_for(report, event, seconds)

    def say(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except OSError:
            raise self.failure(f"gone before it was told '{line}'") from None

    def failure(self, what):
        said = "".join(f"\n    {line}" for line in self.last_lines)
        return Failure(f"{self.name}: {what}{said}")

    def end(self, is_server=False):
        """Tools end with their standard input; servers are told to."""
        for stop in (self.process.terminate if is_server else self.close_input, self.process.kill):
            if self.process.poll() is None:
                stop()
                try:
                    self.process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    pass
        for reader in self.readers:
            reader.join(PATIENCE_SECONDS)
        self.close_input()
        for stream in (self.process.stdout, self.process.stderr):
            stream.close()

    def close_input(self):
        try:
            self.process.stdin.close()
        except OSError:
            pass  # It ended with a line of ours unread.


class Postgres:
    """A throw-away PostgreSQL and the folder for all that a run leaves on disk."""

    def __init__(self):
        # Not under TMPDIR: PostgreSQL's user has to reach it, and the path of a Unix socket is short.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pg_eventrelay-bench.", dir="/tmp"))
        # Stops and removes it when our end of the pipe is closed, be it because we were killed.
        self.caretaker = subprocess.Popen(
            ["bash", "-c", CARETAKER, THROWAWAY_POSTGRES, self.folder],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True,
        )
        try:
            # Its folder is closed to others; ours has to be open to PostgreSQL's user.
            self.folder.chmod(0o711)
            started = subprocess.run(
                [THROWAWAY_POSTGRES, "start", self.folder / "postgres"], stdout=subprocess.PIPE, text=True,
                timeout=2 * PATIENCE_SECONDS,
            )
            if started.returncode != 0:
                raise Failure("no throw-away PostgreSQL")
            self.url = started.stdout.strip()
        except BaseException:
            self.remove()
            raise

    def remove(self):
        self.caretaker.stdin.close()
        self.caretaker.wait(PATIENCE_SECONDS)
