#!/usr/bin/python3
"""The Debian package on a machine of its own: installed, started, upgraded, removed, purged.

    BINARY=.build/debug/pg_eventrelay /usr/bin/python3 Tests/PackagingTests/deb_test.py -v

The machine is systemd in namespaces (machine.sh), on a copy of this one's file system. Needs root, and the Debian
packages systemd, dpkg-dev and postgresql. BINARY is the program to pack (default: the static release).

Where the kernel gives no such namespaces, all tests are skipped, and say why.
"""

import os
import pathlib
import shutil
import subprocess
import tempfile
import time
import unittest

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
MACHINE = pathlib.Path(__file__).with_name("machine.sh")
UNIT = "pg_eventrelay.service"
# Generous: it is only ever reached by a failure, and CI machines stall.
DEADLINE_SECONDS = 60


def eventually(condition, what):
    """What `condition` gives once it is true."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {DEADLINE_SECONDS} s: {what}")
        time.sleep(0.05)
    return result


def what_forbids_a_machine():
    """Why there can't be one here; nothing if there can."""
    if os.geteuid() != 0:
        return "a machine of its own needs root"
    probe = subprocess.run([MACHINE, "--probe"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if probe.returncode != 0:
        return f"a machine of its own can't be made here: {' '.join(probe.stdout.split())}"
    return None


class Machine:
    def __init__(self, files):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="eventrelay-machine-", dir="/tmp"))
        (self.folder / "root").mkdir()
        shutil.copytree(files, self.folder / "files")
        self.output = open(self.folder / "output.txt", "w+")
        # Gone with this process, however that ends.
        bound = ["setpriv", "--pdeathsig", "KILL", MACHINE, self.folder]
        self.process = subprocess.Popen(bound, stdout=self.output, stderr=self.output)
        self.init = eventually(self.find_init, "systemd is process 1 of its namespace")
        eventually(lambda: self.run("systemctl", "is-system-running", check=False) == "running", "it has started")

    def find_init(self):
        """The process on the outside that is systemd within: the only child of the one that made the namespaces."""
        if self.process.poll() is not None:
            self.output.seek(0)
            raise AssertionError(f"the machine did not start:\n{self.output.read()}")
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        if len(children) != 1 or pathlib.Path(f"/proc/{children[0]}/comm").read_text() != "systemd\n":
            return None
        return children[0]

    def run(self, *command, check=True, text=None):
        """Runs a command within, as root; returns what it prints."""
        namespaces = ["nsenter", "--target", self.init, "--mount", "--pid", "--ipc", "--uts", "--net", "--cgroup", "--"]
        environment = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive"]
        done = subprocess.run(
            [*namespaces, *environment, *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            input=text,
            text=True,
            timeout=DEADLINE_SECONDS,
        )
        if check and done.returncode != 0:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}")
        return done.stdout.strip()

    def status(self, *command):
        """The status that a command ends with."""
        return int(self.run("sh", "-c", '"$@" >/dev/null 2>&1; echo $?', "sh", *command))

    def write(self, path, text):
        self.run("sh", "-c", 'mkdir -p "${1%/*}" && cat > "$1"', "sh", path, text=text)

    def show(self, name):
        """A property of the service."""
        return self.run("systemctl", "show", "--property", name, "--value", UNIT)

    def remove(self):
        self.process.kill()
        self.process.wait()
        eventually(lambda: not pathlib.Path(f"/proc/{self.init}").exists(), "the machine is gone")
        self.output.close()
        shutil.rmtree(self.folder)
        for parent in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup"):
            group = pathlib.Path(parent, self.folder.name)
            # From the innermost outwards; the files in them can't be removed.
            for path in sorted(group.rglob("*"), reverse=True) if group.is_dir() else []:
                if path.is_dir():
                    path.rmdir()
            if group.is_dir():
                group.rmdir()


@unittest.skipIf(reason := what_forbids_a_machine(), reason)
class DebTest(unittest.TestCase):
    """One life of the package, in the order of the tests' names: each goes on where the one before it ended."""

    @classmethod
    def setUpClass(cls):
        cls.packages = pathlib.Path(tempfile.mkdtemp(prefix="eventrelay-deb-"))
        cls.addClassCleanup(shutil.rmtree, cls.packages)
        for revision in ("1", "2"):
            environment = os.environ | {"OUT": str(cls.packages), "REVISION": revision, "COMPRESSION": "none"}
            subprocess.run(
                [REPOSITORY / "scripts/package.sh", "deb"], check=True, env=environment, stdout=subprocess.DEVNULL
            )
        cls.first, cls.second = (f"/files/{path.name}" for path in sorted(cls.packages.glob("*.deb")))
        cls.machine = Machine(cls.packages)
        cls.addClassCleanup(cls.machine.remove)

    def run(self, result=None):
        failures = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > failures:
            print(self.machine.run("journalctl", "--no-pager", "--lines=60", f"--unit={UNIT}", check=False))

    def owner(self, path):
        return self.machine.run("stat", "--format=%U:%G %a", path)

    def health(self, *arguments):
        return self.machine.status("pg_eventrelay", "health", "--config", "/etc/pg_eventrelay.toml", *arguments)

    def test_1_installing_starts_it_with_its_own_user_and_files(self):
        self.machine.run("dpkg", "--install", self.first)
        self.assertEqual(self.machine.show("ActiveState"), "active")
        self.assertEqual(self.machine.show("SubState"), "running")
        self.assertEqual(self.machine.run("systemctl", "is-enabled", UNIT), "enabled")
        self.assertEqual(self.owner("/etc/pg_eventrelay.toml"), "root:eventrelay 640")
        self.assertEqual(self.owner("/var/lib/pg_eventrelay"), "eventrelay:eventrelay 700")
        self.assertEqual(self.owner("/var/lib/pg_eventrelay/pg_eventrelay.db"), "eventrelay:eventrelay 600")
        self.assertEqual(self.owner(f"/proc/{self.machine.show('MainPID')}"), "eventrelay:eventrelay 555")
        # On this machine only, until somebody says otherwise.
        self.assertIn("127.0.0.1:7700", self.machine.run("ss", "--listening", "--tcp", "--numeric"))
        self.assertNotIn("0.0.0.0:7700", self.machine.run("ss", "--listening", "--tcp", "--numeric"))
        # PostgreSQL is not there yet.
        self.assertEqual((self.health(), self.health("--alive")), (1, 0))
        eventually(lambda: "no connection to PostgreSQL since" in self.machine.show("StatusText"), "the status is told")

    def test_2_it_relays_with_the_postgresql_of_its_machine(self):
        # As README.Debian says, with peer authentication as Debian's PostgreSQL has it.
        programs = max(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parts[-2]))
        as_postgres = ["runuser", "-u", "postgres", "--"]
        self.machine.run("install", "-d", "-o", "postgres", "/var/run/postgresql", "/tmp/data")
        self.machine.run(*as_postgres, f"{programs}/initdb", "-D", "/tmp/data", "--auth=peer", "--no-sync")
        options = "-k /var/run/postgresql -c fsync=off -c listen_addresses="
        self.machine.run(
            *as_postgres, f"{programs}/pg_ctl", "-D", "/tmp/data", "-w", "-l", "/tmp/data/log", "-o", options, "start"
        )
        self.machine.run(*as_postgres, "createuser", "eventrelay")
        self.machine.run(*as_postgres, "createdb", "eventrelay")
        self.machine.write("/etc/default/pg_eventrelay", "ES_CHANNELS=people,*\n")
        self.machine.run("systemctl", "restart", UNIT)
        eventually(lambda: self.health() == 0, "events reach the log")
        eventually(lambda: "listening to PostgreSQL" in self.machine.show("StatusText"), "the status is told")
        self.machine.run(*as_postgres, "psql", "--quiet", "--command=NOTIFY people, 'hello'", "eventrelay")
        eventually(lambda: '"payload":"hello"' in self.history(), "the event is in the log")

    def history(self):
        script = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:7700/history/people').read().decode())"
        return self.machine.run("python3", "-c", script)

    def test_3_it_may_do_nothing_but_its_work(self):
        process = self.machine.show("MainPID")
        lines = self.machine.run("cat", f"/proc/{process}/status").split("\n")
        status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        self.assertEqual(status["Seccomp"], "2")
        self.assertEqual(status["NoNewPrivs"], "1")
        for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
            self.assertEqual(int(status[name], 16), 0, name)
        # Its view of the file system: even root, in it, writes to nothing but the log's folder.
        within = ["nsenter", f"--target={process}", "--mount", "touch"]
        for place in ("/etc", "/usr/bin", "/var/lib", "/opt", "/srv", "/dev"):
            self.assertIn("Read-only file system", self.machine.run(*within, f"{place}/x", check=False), place)
        self.assertEqual(self.machine.status(*within, "/var/lib/pg_eventrelay/x"), 0)
        self.machine.run("rm", "/var/lib/pg_eventrelay/x")

    def test_4_one_that_gives_no_sign_of_life_is_started_again(self):
        drop_in = "/etc/systemd/system/pg_eventrelay.service.d/test.conf"
        self.machine.write(drop_in, "[Service]\nWatchdogSec=2\nTimeoutAbortSec=1\nRestartSec=0\n")
        self.machine.run("systemctl", "daemon-reload")
        self.machine.run("systemctl", "restart", UNIT)
        process = self.machine.show("MainPID")
        heard = {self.machine.show("WatchdogTimestampMonotonic")}
        for _ in range(3):
            heard.add(
                eventually(
                    lambda: (now := self.machine.show("WatchdogTimestampMonotonic")) not in heard and now, "it is alive"
                )
            )
        self.assertEqual((self.machine.show("MainPID"), self.machine.show("NRestarts")), (process, "0"))
        self.machine.run("kill", "-STOP", process)
        eventually(lambda: self.machine.show("NRestarts") == "1", "it is started again")
        eventually(lambda: self.health() == 0, "it works again")
        self.assertNotEqual(self.machine.show("MainPID"), process)
        self.machine.run("rm", "-r", drop_in.rpartition("/")[0])
        self.machine.run("systemctl", "daemon-reload")

    def test_5_an_upgrade_restarts_it_and_keeps_settings_and_events(self):
        process = self.machine.show("MainPID")
        self.machine.run("sh", "-c", 'echo "MaxClients = 77" >> /etc/pg_eventrelay.toml')
        self.machine.run("dpkg", "--install", self.second)
        version = self.machine.run("dpkg-query", "--show", "--showformat=${Version}", "pg-eventrelay")
        self.assertTrue(version.endswith("-2"), version)
        self.assertNotEqual(self.machine.show("MainPID"), process)
        self.assertIn("MaxClients = 77", self.machine.run("cat", "/etc/pg_eventrelay.toml"))
        self.assertEqual(self.owner("/etc/pg_eventrelay.toml"), "root:eventrelay 640")
        eventually(lambda: self.health() == 0, "events reach the log")
        self.assertIn('"payload":"hello"', self.history())

    def test_6_a_wrong_setting_is_not_tried_again_and_again(self):
        self.machine.run("cp", "-p", "/etc/pg_eventrelay.toml", "/tmp/good")
        self.machine.run("sh", "-c", 'echo "Colour = 1" >> /etc/pg_eventrelay.toml')
        self.assertNotEqual(self.machine.status("systemctl", "restart", UNIT), 0)
        self.assertEqual(self.machine.show("ActiveState"), "failed")
        self.assertEqual((self.machine.show("ExecMainStatus"), self.machine.show("NRestarts")), ("78", "0"))
        # The next installation does not fail because of it.
        self.machine.run("dpkg", "--install", self.second)
        self.machine.run("cp", "-p", "/tmp/good", "/etc/pg_eventrelay.toml")
        self.machine.run("systemctl", "reset-failed", UNIT)
        self.machine.run("systemctl", "start", UNIT)
        self.assertEqual(self.health("--alive"), 0)

    def test_7_removing_stops_it_and_leaves_settings_and_log(self):
        self.machine.run("dpkg", "--remove", "pg-eventrelay")
        self.assertEqual(self.machine.status("test", "-e", "/usr/bin/pg_eventrelay"), 1)
        self.assertEqual(self.machine.run("pgrep", "--exact", "pg_eventrelay", check=False), "")
        # Stopped in order: the log is one file.
        self.assertEqual(
            self.machine.run("ls", "/var/lib/pg_eventrelay").split(), ["pg_eventrelay.db", "pg_eventrelay.db.lock"]
        )
        self.assertIn("MaxClients = 77", self.machine.run("cat", "/etc/pg_eventrelay.toml"))

    def test_8_purging_leaves_nothing(self):
        self.machine.run("dpkg", "--purge", "pg-eventrelay")
        for path in ("/etc/pg_eventrelay.toml", "/var/lib/pg_eventrelay"):
            self.assertEqual(self.machine.status("test", "-e", path), 1, path)
        self.assertNotIn("eventrelay", self.machine.run("getent", "passwd"))
        self.assertNotIn("eventrelay", self.machine.run("getent", "group"))
        places = ["/etc", "/lib/systemd", "/usr/lib", "/usr/share", "/var/lib/systemd", "/run/systemd"]
        self.assertEqual(self.machine.run("find", *places, "-name", "*pg_eventrelay*"), "")
        # And it can come again.
        self.machine.run("dpkg", "--install", self.second)
        self.assertEqual(self.machine.show("ActiveState"), "active")


if __name__ == "__main__":
    unittest.main()
