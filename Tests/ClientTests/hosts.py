"""Where the client runs: a process of Node, or a tab of Chromium. Both do the same commands, see driver.mjs."""

import json
import pathlib
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from browser import DEADLINE_SECONDS, eventually

FOLDER = pathlib.Path(__file__).resolve().parent


class Failed(Exception):
    """A promise of the client was rejected. `status` is that of `Refused`, else None."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


class Host:
    def do(self, *command):
        said = self.say(command)
        if "failure" in said:
            raise Failed(**said["failure"])
        return said["value"]


class Node(Host):
    """A process of its own, with the module as the relay serves it."""

    def __init__(self, relay_url, *flags):
        self.folder = tempfile.mkdtemp(prefix="client-node-")
        # Node takes the ending of a file for what kind of module it is.
        module = pathlib.Path(self.folder, "client.mjs")
        with urllib.request.urlopen(f"{relay_url}/client.js") as response:
            module.write_bytes(response.read())
        self.process = subprocess.Popen(
            ["node", *flags, FOLDER / "node_driver.mjs", module, FOLDER / "driver.mjs"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        self.answers = queue.SimpleQueue()
        self.complaints = []
        self.readers = [
            threading.Thread(target=lambda: [self.answers.put(line) for line in self.process.stdout]),
            threading.Thread(target=lambda: self.complaints.extend(self.process.stderr)),
        ]
        for reader in self.readers:
            reader.start()

    def say(self, command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        try:
            return json.loads(self.answers.get(timeout=DEADLINE_SECONDS))
        except queue.Empty:
            raise AssertionError(f"no answer to {command}\n{''.join(self.complaints)}") from None

    def end(self):
        """What is left to say when nothing keeps it: its status, and what it complained of."""
        self.process.stdin.close()
        try:
            status = self.process.wait(DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            status = "something keeps Node from ending"
            self.process.kill()
            self.process.wait()
        for reader in self.readers:
            reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        shutil.rmtree(self.folder)
        experimental = ("ExperimentalWarning", "--trace-warnings")
        return status, [line for line in self.complaints if not any(each in line for each in experimental)]


class Tab(Host):
    """A tab of Chromium. Its page is of the relay's own origin, and has no client but the driver's."""

    def __init__(self, chromium, relay_url, is_first=False):
        self.chromium = chromium
        self.relay_url = relay_url
        if not is_first:
            chromium.switch_to.new_window("tab")
        self.window = chromium.current_window_handle
        self.load()

    def load(self):
        self.show()
        self.chromium.get(f"{self.relay_url}/health")
        self.load_driver()

    def reload(self):
        self.show()
        self.chromium.refresh()
        self.load_driver()

    def load_driver(self):
        said = self.chromium.execute_async_script(
            """
            const [url, source, done] = arguments
            const driverURL = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }))
            Promise.all([import(url), import(driverURL)]).then(([client, { makeDriver }]) => {
              const driver = window.driver = makeDriver(client)
              addEventListener('error', ({ error }) => driver.noteUncaught(error))
              addEventListener('unhandledrejection', ({ reason }) => driver.noteUncaught(reason))
              done('loaded')
            }, (error) => done(String(error)))
            """,
            f"{self.relay_url}/client.js",
            (FOLDER / "driver.mjs").read_text(),
        )
        if said != "loaded":
            raise AssertionError(said)

    def show(self):
        # Each command goes to the tab that was shown last, and most go to the same one.
        if getattr(self.chromium, "shown", None) != self.window:
            self.chromium.switch_to.window(self.window)
            self.chromium.shown = self.window

    def say(self, command):
        self.show()
        # As text: what WebDriver makes of numbers and undefined is not what JSON does.
        return json.loads(self.chromium.execute_async_script(
            "const [command, done] = arguments; driver.do(command).then((said) => done(JSON.stringify(said)))", command,
        ))

    def close(self):
        self.show()
        self.chromium.close()
        # A command, and a new tab is one, needs a tab that is there.
        self.chromium.shown = self.chromium.window_handles[0]
        self.chromium.switch_to.window(self.chromium.shown)

    def diary(self, name):
        self.show()
        text = self.chromium.execute_script("return localStorage.getItem(arguments[0])", name) or ""
        return [json.loads(line) for line in text.splitlines()]


class Client:
    """A client within a host, and all that it has heard and gone through so far."""

    def __init__(self, host, name, url, channels, **options):
        self.host = host
        self.name = name
        self.heard = []
        self.states = []
        host.do("open", name, url, {"channels": channels, **options})

    def look(self):
        seen = self.host.do("look", self.name, len(self.heard), len(self.states))
        self.heard += seen.pop("heard")
        self.states += seen.pop("states")
        self.now = seen
        return self

    def do(self, action, *values):
        return self.host.do(action, self.name, *values)

    def of(self, kind):
        return [message for message in self.heard if message["type"] == kind]

    def payloads(self, channel=None):
        return [event["payload"] for event in self.of("event") if channel in (None, event["channel"])]

    def until(self, condition, what):
        """Looks until `condition` of this client is true."""
        try:
            eventually(lambda: condition(self.look()), what)
            return self
        except AssertionError as error:
            raise AssertionError(
                f"{error}: heard {len(self.heard)}, last {self.heard[-3:]}, states {self.states[-6:]}, {self.now}"
            ) from None

    def until_live(self, times=1):
        return self.until(lambda client: len(client.of("live")) >= times, f"live {times} times")

    def until_payloads(self, count):
        return self.until(lambda client: len(client.of("event")) >= count, f"{count} events")

    def until_state(self, state):
        return self.until(lambda client: state in [each["state"] for each in client.states], f"state {state}")
