#!/usr/bin/python3
"""What surrounds the program: unit, manual, completions, tarball, Dockerfile, bill of materials; and what it may do.

    Tests/PackagingTests/run.sh          installs what it needs into an environment of its own

PG_EVENTRELAY is the program (default: .build/debug/pg_eventrelay, with the folder that it was built in).
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import unittest

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
RELAY = os.path.abspath(os.environ.get("PG_EVENTRELAY", REPOSITORY / ".build/debug/pg_eventrelay"))
UNIT = REPOSITORY / "packaging/pg_eventrelay.service"
HADOLINT = pathlib.Path(sys.prefix) / "bin/hadolint"


def run(*command, **options):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout


class PackagingTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="eventrelay-packaging-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)


class UnitTest(PackagingTest):
    def test_systemd_understands_all_of_it(self):
        # The program has to be there; the page of the manual need not.
        unit = self.folder / UNIT.name
        unit.write_text(UNIT.read_text().replace("/usr/bin/pg_eventrelay", RELAY))
        self.assertEqual(run("systemd-analyze", "verify", "--man=no", unit), "")

    def test_its_exposure_is_what_the_document_says(self):
        answer = run("systemd-analyze", "security", "--offline=true", "--no-pager", UNIT)
        exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", answer).group(1)
        stated = re.search(r"exposure level ([0-9]+\.[0-9]+)", (REPOSITORY / "docs/operations.md").read_text()).group(1)
        self.assertEqual(exposure, stated)


class ManualTest(PackagingTest):
    @classmethod
    def setUpClass(cls):
        cls.page = run(REPOSITORY / "scripts/manual.py", RELAY)
        cls.dump = json.loads(run(RELAY, "--experimental-dump-help"))["command"]

    def test_it_has_no_warnings(self):
        file = self.folder / "pg_eventrelay.1"
        file.write_text(self.page)
        environment = os.environ | {"LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"}
        self.assertEqual(
            run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", file, env=environment).count("warning"), 0
        )

    def test_it_names_all_commands_options_settings_and_exit_codes(self):
        text = self.page.replace("\\-", "-")
        names = []

        def take(command, words):
            for argument in command["arguments"]:
                names.extend(name["name"] for name in argument.get("names", []) if name["kind"] == "long")
            below = command.get("subcommands", [])
            for each in below:
                take(each, [*words, each["commandName"]])
            if not below:
                names.append(" ".join(words))

        take(self.dump, [])
        self.assertGreater(len(names), 20)
        self.assertIn("sql trigger", names)
        for name in names:
            if name != "help":
                self.assertRegex(text, rf"\\fB(--)?{name}\\fR")
        example = (REPOSITORY / "config/pg_eventrelay.toml.example").read_text()
        settings = re.findall(r"^#(\w+) = ", example, re.MULTILINE)
        self.assertGreater(len(settings), 20)
        for setting in settings:
            self.assertIn(f"\\fB{setting}\\fR", text)
        for code in (0, 1, 64, 69, 75, 78, "130, 143"):
            self.assertRegex(text, rf"\.TP\n{code}\n")

    def test_its_date_is_the_one_given(self):
        environment = os.environ | {"SOURCE_DATE_EPOCH": "86400"}
        self.assertIn(".TH PG_EVENTRELAY 1 1970-01-02 ", run(REPOSITORY / "scripts/manual.py", RELAY, env=environment))


class CompletionTest(PackagingTest):
    def script(self, shell):
        file = self.folder / shell
        file.write_text(run(RELAY, "--generate-completion-script", shell))
        return file

    def test_bash_completes_options(self):
        # As bash does when somebody has written so much and presses Tab.
        script = """
            source "$1"
            COMP_WORDS=(pg_eventrelay --log-max) COMP_CWORD=1 COMP_LINE="pg_eventrelay --log-max" COMP_POINT=23
            _pg_eventrelay pg_eventrelay --log-max pg_eventrelay
            printf "%s\\n" "${COMPREPLY[@]}"
        """
        words = run("bash", "-c", script, "bash", self.script("bash")).split()
        self.assertIn("--log-max-bytes", words)
        self.assertNotIn("--port", words)

    def test_bash_completes_commands_within_commands(self):
        script = """
            source "$1"
            COMP_WORDS=(pg_eventrelay sql "") COMP_CWORD=2 COMP_LINE="pg_eventrelay sql " COMP_POINT=18
            _pg_eventrelay pg_eventrelay "" sql
            printf "%s\\n" "${COMPREPLY[@]}"
        """
        words = run("bash", "-c", script, "bash", self.script("bash")).split()
        self.assertLessEqual({"trigger", "drop"}, set(words))

    def test_zsh_and_fish_understand_theirs(self):
        for shell in ("zsh", "fish"):
            if shutil.which(shell) is None:
                self.skipTest(f"{shell} is not installed")
            run(shell, "-n", self.script(shell))


class TarballTest(PackagingTest):
    def test_it_holds_what_one_needs_and_is_the_same_each_time(self):
        sums = []
        for time in ("first", "second"):
            out = self.folder / time
            # As another user's umask and another place would have it.
            environment = os.environ | {"OUT": str(out), "BINARY": RELAY, "SOURCE_DATE_EPOCH": "1795374000"}
            run("sh", "-c", 'umask 077; exec "$0" tarball', REPOSITORY / "scripts/package.sh", env=environment)
            run("sha256sum", "--check", "--strict", "SHA256SUMS", cwd=out)
            (tarball,) = out.glob("pg_eventrelay-*-linux-*.tar.gz")
            sums.append(hashlib.sha256(tarball.read_bytes()).hexdigest())
        self.assertEqual(sums[0], sums[1])
        with tarfile.open(tarball) as archive:
            members = archive.getmembers()
        name = tarball.name.removesuffix(".tar.gz")
        expected = "pg_eventrelay pg_eventrelay.1 packaging/pg_eventrelay.service config/pg_eventrelay.toml.example"
        expected += " LICENSE README.md docs/operations.md docs/alerts.yml docs/images/viewer-light.png"
        expected += " THIRD_PARTY.txt completions/_pg_eventrelay completions/pg_eventrelay.bash"
        expected += " completions/pg_eventrelay.fish"
        self.assertLessEqual({f"{name}/{file}" for file in expected.split()}, {member.name for member in members})
        for member in members:
            self.assertEqual((member.uid, member.gid, member.mtime), (0, 0, 1795374000), member.name)
            mode = 0o755 if member.isdir() or member.name.endswith("/pg_eventrelay") else 0o644
            self.assertEqual(member.mode & 0o777, mode, member.name)


class DockerfileTest(PackagingTest):
    """There need be no Docker here: the file is read as Docker reads it, not built."""

    @classmethod
    def setUpClass(cls):
        text = re.sub(r"(?m)^#.*\n", "", (REPOSITORY / "Dockerfile").read_text()).replace("\\\n", " ")
        lines = [line.split(None, 1) for line in text.split("\n") if line.strip()]
        starts = [index for index, line in enumerate(lines) if line[0] == "FROM"]
        cls.stages = [lines[start:end] for start, end in zip(starts, starts[1:] + [len(lines)])]

    def test_hadolint_finds_nothing(self):
        self.assertEqual(run(HADOLINT, "--no-color", REPOSITORY / "Dockerfile"), "")

    def test_the_last_stage_runs_the_program_as_a_user_that_is_not_root(self):
        last = dict(self.stages[-1])
        self.assertRegex(last["USER"], r"^[1-9]\d*$")
        self.assertIn(f"--uid {last['USER']} ", last["RUN"] if isinstance(last["RUN"], str) else "")
        self.assertEqual(json.loads(last["ENTRYPOINT"]), ["pg_eventrelay"])
        self.assertEqual(last["VOLUME"], last["WORKDIR"])
        self.assertEqual(last["STOPSIGNAL"], "SIGTERM")
        # The command of the check is one that the program has, with an option that it has.
        check = json.loads(last["HEALTHCHECK"].split("CMD", 1)[1])
        self.assertEqual(check[0], "pg_eventrelay")
        self.assertIn("USAGE", run(RELAY, *check[1:], "--help"))

    def test_what_is_copied_is_there_and_not_ignored(self):
        ignored = [line for line in (REPOSITORY / ".dockerignore").read_text().split("\n") if line and line[0] != "#"]
        self.assertEqual(ignored[0], "*")
        kept = [line[1:] for line in ignored if line[0] == "!"]
        copies = [rest for stage in self.stages for word, rest in stage if word == "COPY" and "--from" not in rest]
        for source in (source for copy in copies for source in copy.split()[:-1]):
            self.assertTrue((REPOSITORY / source).exists(), source)
            self.assertTrue(any(path == source or path.startswith(f"{source}/") for path in kept), source)
        # All that the manifest needs.
        for path in re.findall(r'path: "([^"]+)"', (REPOSITORY / "Package.swift").read_text()):
            self.assertTrue(any(path == each or path.startswith(f"{each}/") for each in kept), path)


class BillTest(PackagingTest):
    def bill(self):
        return run(REPOSITORY / "scripts/sbom.py", "--binary", RELAY, "--output", "-")

    def test_it_is_cyclonedx_and_the_same_each_time(self):
        bill = self.bill()
        self.assertIsNone(JsonStrictValidator(SchemaVersion.V1_6).validate_str(bill))
        self.assertEqual(bill, self.bill())
        content = json.loads(bill)
        names = {component["name"] for component in content["components"] if component["scope"] == "required"}
        self.assertLessEqual({"swift-nio", "libpq", "SQLite", "Swift runtime and Foundation"}, names)

    def test_the_document_names_what_is_linked(self):
        run(REPOSITORY / "scripts/sbom.py", "--binary", RELAY, "--check", REPOSITORY / "docs/dependencies.md")

    def test_a_document_that_names_more_or_less_is_refused(self):
        text = (REPOSITORY / "docs/dependencies.md").read_text()
        row = next(line for line in text.split("\n") if "swift-log" in line)
        for wrong in (text.replace(row + "\n", ""), text + row.replace("swift-log", "swift-other") + "\n"):
            (self.folder / "dependencies.md").write_text(wrong)
            with self.assertRaises(AssertionError):
                run(REPOSITORY / "scripts/sbom.py", "--binary", RELAY, "--check", self.folder / "dependencies.md")


@unittest.skipUnless(os.geteuid() == 0, "a file system of its own needs root")
class UnprivilegedTest(PackagingTest):
    def test_it_runs_as_nobody_and_writes_to_nothing_but_the_log_s_folder(self):
        self.folder.chmod(0o755)
        log = self.folder / "log"
        log.mkdir()
        os.chown(log, 65534, 65534)
        # In a mount namespace of its own everything is read-only but that folder; nobody has no right to change it.
        script = """
            mount --bind "$1" "$1"
            for place in $(findmnt --noheadings --output TARGET --list | sort --reverse); do
                case $place in "$1") ;; *) mount -o remount,bind,ro "$place" 2>/dev/null || true ;; esac
            done
            shift
            exec setpriv --reuid=65534 --regid=65534 --clear-groups --no-new-privs --bounding-set=-all "$@"
        """
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-euc", script, "sh", str(log)]
        # It really is so: what is refused in /tmp is possible in the folder.
        run(*command, "sh", "-c", f"! touch {self.folder}/x /tmp/x /dev/shm/x && touch {log}/x && rm {log}/x")
        environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "DATABASE_URL": "host=/nowhere"}
        environment |= {"ES_HTTPPORT": "0", "ES_HTTPHOST": "127.0.0.1", "ES_LOGPATH": f"{log}/log.db"}
        relay = subprocess.Popen(
            [*command, RELAY], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/"
        )
        try:
            lines = []
            for line in relay.stdout:
                lines.append(line)
                if "] serving" in line:
                    break
            port = re.search(r"port=(\d+)", lines[-1])
            self.assertIsNotNone(port, "".join(lines))
            self.assertIn("65534", run("stat", "--format=%u", f"/proc/{relay.pid}"))
            environment["ES_HTTPPORT"] = port.group(1)
            self.assertIn('"state":"writable"', run(RELAY, "health", "--alive", env=environment))
            self.assertEqual({file.name.split("-")[0] for file in log.iterdir()}, {"log.db", "log.db.lock"})
            relay.send_signal(signal.SIGTERM)
            rest = relay.communicate(timeout=60)[0]
            self.assertEqual(relay.returncode, 0, rest)
            self.assertNotIn(" error ", "".join(lines) + rest)
            self.assertEqual({file.name for file in log.iterdir()}, {"log.db", "log.db.lock"})
        finally:
            relay.kill()
            relay.wait()
            relay.stdout.close()


if __name__ == "__main__":
    unittest.main()
