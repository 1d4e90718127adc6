"""What tests in a real headless Chromium need: a PostgreSQL, a relay and the browser.

Needs the Debian packages chromium, chromium-driver, python3-selenium and postgresql. PG_EVENTRELAY names the relay's
binary.
"""

import base64
import hmac
import json
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
RELAY = os.path.abspath(os.environ.get("PG_EVENTRELAY", REPOSITORY / ".build/debug/pg_eventrelay"))
# A folder to take the viewer from in place of the binary: a change is seen without a build.
ASSETS = {"ES_ASSETSPATH": folder} if (folder := os.environ.get("VIEWER_ASSETS")) else {}
# Generous: it is only ever reached by a failure, and CI machines stall.
DEADLINE_SECONDS = 30


def eventually(condition, what):
    """What `condition` gives once it is true."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {DEADLINE_SECONDS} s: {what}")
        time.sleep(0.02)
    return result


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def signed_token(secret, **claims):
    """A JSON Web Token by HS256."""
    def encode(data):
        return base64.urlsafe_b64encode(data).rstrip(b"=")

    signed = b".".join(encode(json.dumps(part).encode()) for part in ({"alg": "HS256"}, claims))
    return (signed + b"." + encode(hmac.digest(secret.encode(), signed, "sha256"))).decode()


class Postgres:
    """A PostgreSQL of its own: data directory, unix socket, no TCP. PostgreSQL refuses root, so root lends it a user."""

    def __init__(self):
        # Not under TMPDIR: the path of a unix socket has at most 107 bytes.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="viewer-pg-", dir="/tmp"))
        self.binaries = self.newest_binaries()
        self.run_as = []
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self.run_as = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        self.run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync", "-D", self.data)
        self.pg_ctl("start")

    @staticmethod
    def newest_binaries():
        installed = pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb")
        by_version = sorted(installed, key=lambda path: float(path.parts[-3]))
        initdb = by_version[-1] if by_version else shutil.which("initdb")
        if not initdb:
            raise unittest.SkipTest("no PostgreSQL server is installed")
        return pathlib.Path(initdb).parent

    @property
    def data(self):
        return str(self.folder / "data")

    @property
    def url(self):
        return f"postgresql://postgres@/postgres?host={self.folder}"

    def run(self, program, *arguments, **options):
        command = [*self.run_as, str(self.binaries / program), *arguments]
        # A file and not a pipe: the server would inherit the pipe and keep it open.
        with open(self.folder / "output.txt", "a+") as output:
            done = subprocess.run(command, stdout=output, stderr=output, cwd="/", text=True, **options)
            if done.returncode != 0:
                output.seek(0)
                raise RuntimeError(f"{program} failed:\n{output.read()}")

    def pg_ctl(self, action, *arguments):
        settings = f"-k {self.folder} -c listen_addresses= -c fsync=off"
        log = str(self.folder / "server.log")
        self.run("pg_ctl", action, "-w", "-D", self.data, "-l", log, "-o", settings, *arguments)

    def execute(self, *statements):
        """Each statement in a transaction of its own."""
        self.run("psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", self.url, input="\n".join(statements))

    def notify(self, channel, *payloads):
        def literal(text):
            return "'" + text.replace("'", "''") + "'"

        self.execute(*(f"SELECT pg_notify({literal(channel)}, {literal(each)});" for each in payloads))

    def restart(self):
        self.pg_ctl("restart", "-m", "fast")

    def remove(self):
        try:
            self.run("pg_ctl", "stop", "-D", self.data, "-m", "immediate")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)


class Relay:
    def __init__(self, database_url, **settings):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="viewer-relay-"))
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}{settings.get('ES_BASEPATH', '')}"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ES_")}
        environment |= {
            "DATABASE_URL": database_url,
            "ES_HTTPHOST": "127.0.0.1",
            "ES_HTTPPORT": str(self.port),
            "ES_LOGPATH": str(self.folder / "relay.db"),
            **ASSETS,
            **settings,
        }
        self.environment = environment
        self.log = open(self.folder / "relay.log", "w+")
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [RELAY], env=self.environment, cwd=self.folder, stdout=self.log, stderr=self.log
        )
        try:
            eventually(self.is_ready, "the relay is healthy")
        except AssertionError as error:
            log = self.read_log()
            self.remove()
            raise RuntimeError(f"{error}\n{log}") from None

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"the relay ended with {self.process.returncode}")
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=5) as response:
                return response.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def history(self, channel):
        with urllib.request.urlopen(f"{self.url}/history/{urllib.parse.quote(channel, safe='')}?limit=1000") as response:
            return [entry for entry in json.load(response)["events"] if entry["type"] == "event"]

    def read_log(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def remove(self):
        self.stop()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def start_chromium():
    options = Options()
    options.binary_location = shutil.which("chromium") or "chromium"
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1200,860"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # Named, because otherwise selenium looks for a driver on the network.
    return webdriver.Chrome(service=Service(shutil.which("chromedriver") or "chromedriver"), options=options)


def emulate(chromium, scheme, width=1200, height=860, motion="no-preference"):
    chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {
        "features": [
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": motion},
        ],
    })
    chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
    })


def take_requests(chromium):
    """The addresses that pages have asked for since this was asked last."""
    asked = []
    for entry in chromium.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] == "Network.requestWillBeSent":
            asked.append(message["params"]["request"]["url"])
        elif message["method"] == "Network.webSocketCreated":
            asked.append(message["params"]["url"])
    return asked


def take_complaints(chromium):
    """What browser and pages have complained of since this was asked last."""
    return [entry["message"] for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"]
