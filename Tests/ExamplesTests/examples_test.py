#!/usr/bin/python3
"""The examples, each started by its one command and opened in a headless Chromium.

    PG_EVENTRELAY=.build/debug/pg_eventrelay /usr/bin/python3 Tests/ExamplesTests/examples_test.py -v

Needs what the viewer's test needs. With EXAMPLES_SCREENSHOTS set to a folder, pictures of the pages are left there.
"""

import json
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.error
import urllib.parse
import urllib.request

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from browser import (
    DEADLINE_SECONDS, RELAY, REPOSITORY, Postgres, Relay, emulate, eventually, free_port, start_chromium, take_complaints,
    take_requests,
)

SCREENSHOTS = os.environ.get("EXAMPLES_SCREENSHOTS")
CUT_OFF_RELAY = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IS NOT NULL AND application_name <> 'psql'
"""
PHONE = {"width": 390, "height": 780}


def setUpModule():
    global chromium
    chromium = start_chromium()
    unittest.addModuleCleanup(chromium.quit)


class Example:
    """One that was started as a person starts it."""

    def __init__(self, name):
        port, pages = free_port(), free_port()
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ES_")}
        environment |= {"RELAY_BINARY": RELAY, "ES_HTTPPORT": str(port), "EXAMPLE_PORT": str(pages)}
        self.relay = f"http://localhost:{port}"
        self.pages = f"http://localhost:{pages}"
        self.output = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [REPOSITORY / "examples/run.sh", name], env=environment, stdin=subprocess.DEVNULL, stdout=self.output,
            stderr=self.output, cwd="/",
        )
        try:
            self.url = eventually(lambda: self.said(r"Open +(\S+)"), f"the example {name} is there")
            self.folder = self.said(r"PostgreSQL in (\S+)")
        except AssertionError as error:
            self.process.terminate()
            self.process.wait(DEADLINE_SECONDS)
            raise RuntimeError(f"{error}\n{self.read_output()}") from None

    def read_output(self):
        self.output.seek(0)
        return self.output.read()

    def said(self, pattern):
        if self.process.poll() is not None:
            raise AssertionError(f"the example ended with {self.process.returncode}")
        found = re.search(pattern, self.read_output())
        return found and found[1]

    def sql(self, *statements):
        """What the last of them answers. Each is a transaction of its own."""
        url = f"postgresql:///eventrelay?host={self.folder}/socket&port=5432&user=postgres"
        done = subprocess.run(["psql", "-XqtA", "-v", "ON_ERROR_STOP=1", url], input=";\n".join(statements) + ";\n",
                              capture_output=True, text=True, check=True)
        return (done.stdout.splitlines() or [""])[-1]

    def history(self, channel):
        with urllib.request.urlopen(f"{self.relay}/history/{channel}?limit=1000") as response:
            return json.load(response)["events"]

    def post(self, path, body, **headers):
        """Status and text."""
        request = urllib.request.Request(f"{self.pages}{path}", json.dumps(body).encode(), headers)
        try:
            with urllib.request.urlopen(request) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def end(self):
        """As Ctrl-C does it; then nothing of it may be left."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(DEADLINE_SECONDS)
        output = self.read_output()
        self.output.close()
        left = self.left()
        if status != 0 or left or "Traceback" in output:
            raise AssertionError(f"ended with {status}, left: {left}, said:\n{output}")

    def left(self):
        """What is still there of it. The folder is named by PostgreSQL's command line, and by every psql's."""
        found = {
            "its folder": os.path.exists(self.folder), "processes": is_named_by_a_process(self.folder),
            "the relay": is_open(self.relay), "the backend": is_open(self.pages),
        }
        return [what for what, is_there in found.items() if is_there]


def is_named_by_a_process(folder):
    for command_line in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if folder.encode() in command_line.read_bytes():
                return True
        except (FileNotFoundError, ProcessLookupError):
            pass
    return False


def is_open(url):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", urllib.parse.urlparse(url).port)) == 0


class PageTest(unittest.TestCase):
    """Of one example, which has the name of the subclass. No tests of its own."""

    @classmethod
    def setUpClass(cls):
        cls.name = cls.__name__.removesuffix("Test").lower()
        cls.example = Example(cls.name)
        cls.addClassCleanup(cls.example.end)

    def setUp(self):
        emulate(chromium, "light")
        # Leaves the last test's page, so that its requests and complaints are not taken for this one's.
        chromium.get("about:blank")
        take_requests(chromium)
        take_complaints(chromium)
        self.windows = [chromium.current_window_handle]
        self.open()

    def tearDown(self):
        for window in self.windows[1:]:
            chromium.switch_to.window(window)
            chromium.close()
        chromium.switch_to.window(self.windows[0])
        self.assertEqual(take_complaints(chromium), [])
        own = (f"{self.example.pages}/", f"{self.example.relay}/", f"{self.example.relay.replace('http', 'ws', 1)}/")
        asked = take_requests(chromium)
        self.assertIn(f"{self.example.relay}/client.js", asked)
        self.assertEqual([url for url in asked if not url.startswith((*own, "data:", "about:", "chrome:"))], [])

    def open(self):
        chromium.get(self.example.url)
        self.wait_for_state("live")

    def open_another(self):
        chromium.switch_to.new_window("tab")
        self.windows.append(chromium.current_window_handle)
        self.open()

    def go_to(self, window):
        chromium.switch_to.window(self.windows[window])

    def script(self, text, *arguments):
        return chromium.execute_script(text, *arguments)

    def find(self, selector):
        return chromium.find_element(By.CSS_SELECTOR, selector)

    def texts(self, selector):
        return self.script("return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent)", selector)

    def wait_for_state(self, state):
        eventually(lambda: self.script("return document.getElementById('state')?.dataset.state") == state, f"state {state}")

    def take_pictures(self, name=None):
        """Light, dark, and as phones show it, where nothing may be wider than the screen."""
        name = name or self.name
        for scheme, size in (("light", {}), ("dark", {}), ("phone", PHONE), ("phone-dark", PHONE)):
            emulate(chromium, "dark" if "dark" in scheme else "light", **size)
            width = self.script("return document.documentElement.scrollWidth")
            self.assertLessEqual(width, size.get("width", 1200), scheme)
            picture = chromium.get_screenshot_as_png()
            if SCREENSHOTS:
                pathlib.Path(SCREENSHOTS).mkdir(parents=True, exist_ok=True)
                pathlib.Path(SCREENSHOTS, f"{name}-{scheme}.png").write_bytes(picture)
        emulate(chromium, "light")


class TableTest(PageTest):
    def customers(self):
        return self.texts("#orders tr:not(.gone) .customer")

    def is_as_in_the_database(self):
        columns = ("id", "customer", "item", "quantity", "status")
        query = f"SELECT coalesce(json_agg(json_build_array({', '.join(columns)}) ORDER BY id DESC), '[]') FROM orders"
        before = self.example.sql(query)
        shown = self.script("""
            return [...document.querySelectorAll('#orders tr:not(.gone)')]
                .map((row) => arguments[0].map((column) => row.querySelector('.' + column).textContent))
        """, columns)
        # Else the shop went on between the two looks.
        if before != self.example.sql(query):
            return False
        return shown == [[str(value) for value in row] for row in json.loads(before)]

    def test_rows_change_live_in_every_tab(self):
        eventually(self.is_as_in_the_database, "the table as it is")
        self.take_pictures()
        self.example.sql("INSERT INTO orders (customer, item, quantity) VALUES ('<b>Zoë</b>', 'Astrolabe', 1)")
        eventually(lambda: "<b>Zoë</b>" in self.customers(), "the new row, as text")
        self.example.sql("UPDATE orders SET customer = 'Zoë' WHERE item = 'Astrolabe'")
        eventually(lambda: "Zoë" in self.customers() and "<b>Zoë</b>" not in self.customers(), "the changed row")
        self.open_another()
        eventually(lambda: "Zoë" in self.customers(), "the row in another tab")
        # By no pointer: another row may come under it in the meantime.
        self.script("arguments[0].click()", chromium.find_element(By.XPATH, "//tr[td='Zoë']//button[.='Remove']"))
        eventually(lambda: "Zoë" not in self.customers(), "the row is gone where it was removed")
        self.assertEqual(self.example.sql("SELECT count(*) FROM orders WHERE item = 'Astrolabe'"), "0")
        self.go_to(0)
        eventually(lambda: "Zoë" not in self.customers(), "the row is gone in the other tab")
        eventually(self.is_as_in_the_database, "the table as it is")

    def test_after_a_gap_the_state_is_read_again(self):
        # Nobody tells of the second row: whoever could is cut off.
        self.example.sql(
            "INSERT INTO orders (customer, item, quantity) VALUES ('Before', 'Sundial', 1)",
            CUT_OFF_RELAY,
            "INSERT INTO orders (customer, item, quantity) VALUES ('Unheard', 'Sundial', 1)",
        )
        eventually(lambda: "Unheard" in self.customers(), "the row that no event told")
        eventually(self.is_as_in_the_database, "the table as it is")
        entries = self.example.history("orders")
        self.assertIn("disconnected", [entry["reason"] for entry in entries if entry["type"] == "gap"])

    def test_new_order_by_the_button(self):
        newest = int(self.example.sql("SELECT max(id) FROM orders"))
        for _ in range(5):
            self.find("#new").click()
        eventually(lambda: int(self.example.sql("SELECT count(*) FROM orders WHERE id > %d" % newest)) >= 5, "five orders")
        eventually(self.is_as_in_the_database, "the table as it is")


class ChatTest(PageTest):
    def lines(self, room="lobby"):
        return self.texts(f"[data-channel='chat.{room}'] .line p")

    def say(self, text):
        self.find("#text").send_keys(text, Keys.ENTER)

    def enter(self, room):
        chromium.find_element(By.XPATH, f"//nav/button[span='{room}']").click()

    def test_what_was_said_is_there_and_what_is_said_reaches_every_tab_once(self):
        said = [json.loads(entry["payload"])["text"] for entry in self.example.history("chat.lobby") if entry["type"] == "event"]
        self.assertGreaterEqual(len(said), 3)
        self.assertEqual(self.lines(), said)
        text = """It's "me" \\ '); DROP TABLE rooms; -- <b>ünï</b> :'room' \U0001f375"""
        # chromedriver types no characters beyond the first plane.
        self.script("document.getElementById('text').value = arguments[0]", text)
        self.say("!")
        said.append(text + "!")
        eventually(lambda: self.lines() == said, "the own line")
        self.assertEqual(self.find("#text").get_property("value"), "")
        self.open_another()
        self.assertEqual(self.lines(), said)
        self.say("From the other tab")
        said.append("From the other tab")
        eventually(lambda: self.lines() == said, "the other tab's own line")
        self.go_to(0)
        eventually(lambda: self.lines() == said, "the other tab's line")
        self.take_pictures()
        self.example.sql("SELECT say('garden', 'Freya', 'One')", "SELECT say('garden', 'Freya', 'Two')")
        eventually(lambda: self.texts("nav button:nth-child(3) .unread") == ["2"], "two lines not read yet")
        self.enter("garden")
        self.assertEqual(self.lines("garden")[-2:], ["One", "Two"])
        self.assertEqual(self.texts("nav button:nth-child(3) .unread"), [""])
        self.example.sql("""NOTIFY "chat.garden", 'no line of ours'""")
        eventually(lambda: self.lines("garden")[-1] == "no line of ours", "what psql said")
        self.example.sql("""NOTIFY "chat.garden", '{"author":[],"text":"odd"}'""")
        eventually(lambda: self.lines("garden")[-1] == '{"author":[],"text":"odd"}', "what is nearly one of ours")

    def test_nothing_is_missed_or_doubled_where_history_becomes_live(self):
        count = 400
        statements = (f"SELECT say('garden', 'Bot', 'line {n}'), pg_sleep(0.005)" for n in range(1, count + 1))
        writer = threading.Thread(target=self.example.sql, args=tuple(statements))
        writer.start()
        while writer.is_alive():
            self.open()
            # The page is in the midst of it: history, then live.
            lines = [line for line in self.lines("garden") if line.startswith("line ")]
            numbers = [int(line.split()[1]) for line in lines]
            self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))) if numbers else [])
        writer.join()
        eventually(lambda: f"line {count}" in self.lines("garden"), "the last line")
        lines = [line for line in self.lines("garden") if line.startswith("line ")]
        self.assertEqual(lines, [f"line {n}" for n in range(count - len(lines) + 1, count + 1)])
        self.enter("garden")
        while self.find("#earlier").is_displayed():
            shown = len(self.lines("garden"))
            self.find("#earlier").click()
            eventually(lambda: len(self.lines("garden")) > shown, "earlier lines")
        lines = [line for line in self.lines("garden") if line.startswith("line ")]
        self.assertEqual(lines, [f"line {n}" for n in range(1, count + 1)])

    def test_gap_is_told_once_in_every_room(self):
        def gaps():
            return [len(self.texts(f"[data-channel='chat.{room}'] .gap")) for room in ("lobby", "kitchen", "garden")]

        before = gaps()
        self.assertEqual(len(set(before)), 1)
        after = [each + 1 for each in before]
        self.example.sql(CUT_OFF_RELAY)
        eventually(lambda: gaps() == after, f"one gap more than {before}")
        self.open()
        eventually(lambda: gaps() == after, f"the same number from the history, {after}")

    def test_backend_answers_its_own_pages_and_named_queries_only(self):
        line = {"room": "lobby", "author": "Ada", "text": "hello"}
        own = {"Origin": self.example.pages}
        for path, body, headers, expected in (
            ("/api/line", line, {"Origin": "https://evil.example"}, 403),
            ("/api/line", line, {"Host": "evil.example"}, 403),
            ("/api/nothing", {}, own, 404),
            ("/api/../backend", {}, own, 404),
            ("/api/line", {"room": "lobby"}, own, 400),
            ("/api/line", ["lobby"], own, 400),
            ("/api/line", {**line, "text": "a\0b"}, own, 400),
            ("/api/line", {**line, "text": "\udcc0' "}, own, 400),
            ("/api/line", {**line, "text": "\ud800"}, own, 400),
            ("/api/line", {**line, "room": "cellar"}, own, 400),
            ("/api/line", {**line, "text": "x" * 70_000}, own, 413),
        ):
            with self.subTest(path=path, body=str(body)[:60], headers=headers):
                self.assertEqual(self.example.post(path, body, **headers)[0], expected)
        for path in ("/backend.py", "/chat/schema.sql", "/shared/../backend.py", "/chat/%2e%2e/backend.py", "//etc/passwd", "/table/"):
            with self.subTest(path=path), self.assertRaises(urllib.error.HTTPError) as refusal:
                urllib.request.urlopen(self.example.pages + path)
            self.assertEqual(refusal.exception.code, 404)
            refusal.exception.close()


class MapTest(PageTest):
    def places(self):
        return self.script("""
            return [...document.querySelectorAll('#vehicles g')].map((each) => {
                const { e, f } = new DOMMatrix(getComputedStyle(each).transform)
                return [each.getAttribute('class'), e, f]
            })
        """)

    def moved(self, before):
        return [now for then, now in zip(before, self.places()) if then != now]

    def test_vehicles_move_smoothly_and_the_drone_where_it_is_sent(self):
        eventually(lambda: len(self.places()) == 12, "all vehicles")
        before = self.places()
        eventually(lambda: len(self.moved(before)) >= 11, "all move but the drone, which has arrived")
        # Between two events, which come each 0.6 s, the page moves them itself.
        frames = chromium.execute_async_script("""
            const done = arguments[0], places = [], began = performance.now()
            const bus = document.querySelector('#vehicles .bus')
            requestAnimationFrame(function look(now) {
                const { e, f } = new DOMMatrix(getComputedStyle(bus).transform)
                places.push([e, f])
                now - began < 1500 ? requestAnimationFrame(look) : done(places)
            })
        """)
        steps = [abs(a[0] - b[0]) + abs(a[1] - b[1]) for a, b in zip(frames, frames[1:])]
        self.assertGreater(len({tuple(place) for place in frames}), 5)
        self.assertLess(max(steps), 30)
        picture = self.find("#map")
        width = picture.rect["width"]
        # Half way to the upper left from the middle: 250, 125 of 1000, 500.
        ActionChains(chromium).move_to_element_with_offset(picture, -int(width / 4), -int(width / 8)).click().perform()
        eventually(lambda: self.drone_is_near(250, 125), "the drone where it was sent")
        self.take_pictures()

    def drone_is_near(self, x, y):
        ((_, e, f),) = [place for place in self.places() if place[0] == "drone"]
        return abs(e - x) < 4 and abs(f - y) < 4

    def test_trails_come_from_the_history(self):
        eventually(lambda: len(self.example.history("positions")) > 120, "some way behind all vehicles")
        self.example.sql("CREATE TABLE pace AS SELECT id, speed FROM vehicles", "UPDATE vehicles SET speed = 0")
        try:
            # The last move may be under way when the speed is changed.
            eventually(lambda: self.stands_still(), "nothing moves")
            self.open()
            eventually(lambda: len(self.places()) == 12, "all vehicles")
            long = self.script("""
                return [...document.querySelectorAll('#trails path')].filter((each) => each.getAttribute('d')?.split('L').length > 8).length
            """)
            self.assertGreaterEqual(long, 11)
        finally:
            self.example.sql("UPDATE vehicles SET speed = pace.speed FROM pace WHERE pace.id = vehicles.id", "DROP TABLE pace")
        before = self.places()
        eventually(lambda: len(self.moved(before)) >= 11, "they move on")

    def stands_still(self):
        """Every vehicle had its turn, and no event came of it."""
        newest, turns = self.example.history("positions")[-1]["id"], self.example.sql("SELECT max(moved) FROM vehicles")
        eventually(lambda: self.example.sql(f"SELECT min(moved) > '{turns}' FROM vehicles") == "t", "a round of turns")
        return self.example.history("positions")[-1]["id"] == newest


class DashboardTest(PageTest):
    def totals(self):
        return [text.replace(",", "") for text in self.texts(".total")]

    def check_totals(self):
        """Against the database, while nothing is counted: no event to come makes them right."""
        self.example.sql("CREATE TABLE paces AS SELECT name, pace FROM counters", "UPDATE counters SET pace = 0")
        total = self.example.sql("SELECT string_agg(total::text, ' ' ORDER BY place) FROM counters").split()
        eventually(lambda: self.totals() == total, f"the totals {total}")
        self.example.sql("UPDATE counters SET pace = paces.pace FROM paces WHERE paces.name = counters.name", "DROP TABLE paces")

    def gaps(self):
        """For each chart, how wide its hatched bands are, in percent."""
        return self.script("""
            return [...document.querySelectorAll('.chart')].map((chart) =>
                [...chart.querySelectorAll('.gap')].map((gap) => parseFloat(gap.style.width)))
        """)

    def loads(self):
        return self.script("return Number(document.body.dataset.loads)")

    def test_outage_is_shown_as_a_gap_and_the_totals_are_right_afterwards(self):
        self.check_totals()
        self.assertEqual(self.gaps(), [[]] * 4)
        loads = self.loads()
        self.find("#stop").click()
        self.wait_for_state("away")
        eventually(lambda: all(len(bands) == 1 for bands in self.gaps()), "the gap as it grows")
        self.assertFalse(self.find("#stop").is_enabled())
        self.take_pictures("dashboard-away")
        eventually(lambda: self.loads() > loads, "the totals are read again")
        self.wait_for_state("live")
        self.check_totals()
        eventually(lambda: all(len(bands) == 1 and bands[0] > 100 * 3 / 90 for bands in self.gaps()), "the gap of some seconds")
        self.assertIn("(disconnected)", " ".join(self.texts("#log .bad")))
        reasons = [entry["reason"] for entry in self.example.history("counters") if entry["type"] == "gap"]
        self.assertEqual([reason for reason in reasons if reason != "unrecorded"], ["disconnected"])
        eventually(lambda: self.find("#stop").is_enabled(), "the button is back")
        self.take_pictures()
        # Who comes later sees it too: it is in the history.
        self.open()
        eventually(lambda: all(len(bands) == 1 and bands[0] > 100 * 3 / 90 for bands in self.gaps()), "the gap after a reload")
        self.check_totals()


class RunTest(unittest.TestCase):
    def run_example(self, *arguments, **environment):
        return subprocess.run([REPOSITORY / "examples/run.sh", *arguments], capture_output=True, text=True,
                              env={**os.environ, "RELAY_BINARY": RELAY, **environment}, timeout=DEADLINE_SECONDS)

    def test_unknown_name_is_told_the_names(self):
        done = self.run_example("nothing")
        self.assertEqual(done.returncode, 64)
        self.assertIn("table|chat|map|dashboard", done.stderr)

    def test_taken_port_of_the_pages_ends_all_of_it(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            done = self.run_example("chat", ES_HTTPPORT=str(free_port()), EXAMPLE_PORT=port)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(f"port {port}", done.stderr)
        self.assertFalse(os.path.exists(re.search(r"PostgreSQL in (\S+)", done.stderr)[1]))


    def test_end_during_an_outage_leaves_nothing(self):
        example = Example("dashboard")
        self.assertTrue(is_named_by_a_process(example.folder))
        self.assertEqual(example.post("/api/outage", {}, Origin=example.pages)[0], 202)
        eventually(lambda: not os.path.exists(f"{example.folder}/data/postmaster.pid"), "PostgreSQL is away")
        example.end()

    def test_kill_leaves_nothing(self):
        example = Example("chat")
        self.addCleanup(example.output.close)
        example.process.kill()
        example.process.wait()
        eventually(lambda: example.left() == [], "nothing is left")


class CuttingProxy:
    """Passes connections on to a port, and cuts each after a random number of bytes of what comes back."""

    def __init__(self, port, seed):
        self.target, self.random, self.cuts = port, random.Random(seed), 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with client, socket.socket() as relay:
            try:
                relay.connect(("127.0.0.1", self.target))
                relay.sendall(client.recv(65536))
                left = self.random.randrange(200, 6000)
                while left and (data := relay.recv(left)):
                    client.sendall(data)
                    left -= len(data)
                self.cuts += left == 0
            except OSError:
                pass


class ListenTest(unittest.TestCase):
    """examples/listen.py, on a relay and through a network that fail."""

    def setUp(self):
        self.postgres = Postgres()
        self.addCleanup(self.postgres.remove)
        self.relay = Relay(self.postgres.url, ES_CHANNELS="numbers")
        self.addCleanup(self.relay.remove)
        seed = int(os.environ.get("EVENTRELAY_TEST_SEED") or random.randrange(2**32))
        print(f"EVENTRELAY_TEST_SEED={seed}", file=sys.stderr)
        self.proxy = CuttingProxy(self.relay.port, seed)
        self.addCleanup(self.proxy.listener.close)
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder)
        self.published = 0

    def start(self, *channels):
        output = open(self.folder / "output", "a")
        self.addCleanup(output.close)
        command = [REPOSITORY / "examples/listen.py", self.proxy.url, *channels, "--position", self.folder / "position"]
        process = subprocess.Popen(command, stdout=output, stderr=output)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def messages(self, kind):
        lines = (self.folder / "output").read_text().splitlines(keepends=True)
        told = [json.loads(line) for line in lines if line.endswith("\n")]
        return [message for message in told if message["type"] == kind]

    def publish(self, count=200):
        self.postgres.notify("numbers", *map(str, range(self.published + 1, self.published + count + 1)))
        self.published += count

    def wait_for_all(self):
        last = str(self.published)
        eventually(lambda: any(event["payload"] == last for event in self.messages("event")), f"event {last}")

    def test_restarts_and_cuts_lose_nothing_and_double_nothing(self):
        listener = self.start("numbers")
        eventually(lambda: self.messages("live"), "the first connection")
        self.publish()
        self.wait_for_all()
        for stop in (self.relay.stop, self.kill_relay):
            stop()
            self.postgres.notify("numbers", "nobody hears this")
            self.relay.start()
            # Before the client is back.
            self.publish()
            self.wait_for_all()
        # The position is noted after the message was printed.
        newest = self.messages("event")[-1]["id"]
        eventually(lambda: int((self.folder / "position").read_text().split()[0]) >= newest, "the noted position")
        listener.terminate()
        listener.wait()
        self.publish()
        self.start("numbers")
        self.wait_for_all()
        self.assertEqual([event["payload"] for event in self.messages("event")], [str(n) for n in range(1, self.published + 1)])
        self.assertEqual([gap["reason"] for gap in self.messages("gap")], ["restarted", "restarted"])
        self.assertGreater(self.proxy.cuts, 10)

    def kill_relay(self):
        self.relay.process.kill()
        self.relay.process.wait()

    def test_refusal_ends_it_with_the_reason(self):
        listener = self.start("secret")
        self.assertEqual(listener.wait(DEADLINE_SECONDS), 1)
        self.assertIn("403", (self.folder / "output").read_text())


if __name__ == "__main__":
    unittest.main()
