#!/usr/bin/python3
"""The viewer page in a real headless Chromium, on a real relay and a real PostgreSQL.

    PG_EVENTRELAY=.build/debug/pg_eventrelay /usr/bin/python3 Tests/ViewerTests/viewer_test.py -v

Needs the Debian packages chromium, chromium-driver, python3-selenium and postgresql. The PostgreSQL is a throw-away
one of the test's own. With VIEWER_SCREENSHOTS set to a folder, pictures of the page are left there.
"""

import json
import os
import pathlib
import re
import shutil
import struct
import sys
import tempfile
import time
import unittest
import urllib.parse
import zlib

from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from browser import DEADLINE_SECONDS, Postgres, Relay, eventually, signed_token, start_chromium

SCREENSHOTS = os.environ.get("VIEWER_SCREENSHOTS")


def first_pixel(png):
    """Red, green and blue of the upper left corner. Its neighbours count as 0, so every PNG filter leaves it as it is."""
    data, offset = b"", 8
    while offset < len(png):
        length, kind = struct.unpack_from(">I4s", png, offset)
        if kind == b"IDAT":
            data += png[offset + 8:offset + 8 + length]
        offset += 12 + length
    return tuple(zlib.decompress(data)[1:4])


def setUpModule():
    global postgres, relay, chromium
    postgres = Postgres()
    unittest.addModuleCleanup(postgres.remove)
    relay = Relay(postgres.url)
    unittest.addModuleCleanup(relay.remove)
    chromium = start_chromium()
    unittest.addModuleCleanup(chromium.quit)


class ViewerTest(unittest.TestCase):
    def setUp(self):
        self.relay = relay
        self.channel = self.id().rpartition(".")[2].removeprefix("test_")[:63]
        self.emulate(scheme="light")
        # Leaves the last test's page, so that its requests and messages are not taken for this one's.
        chromium.get("about:blank")
        chromium.get_log("browser")
        chromium.get_log("performance")

    def tearDown(self):
        self.assert_nothing_went_elsewhere()
        self.assertEqual([entry["message"] for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"], [])

    def assert_nothing_went_elsewhere(self):
        own = (f"{self.relay.url}/", f"{self.relay.url.replace('http', 'ws', 1)}/")
        allowed = ("data:", "about:", "chrome:", *own)
        asked = []
        for entry in chromium.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                asked.append(message["params"]["request"]["url"])
            elif message["method"] == "Network.webSocketCreated":
                asked.append(message["params"]["url"])
        self.assertTrue(any(url.startswith(own) for url in asked), "the log of requests is empty")
        self.assertEqual([url for url in asked if not url.startswith(allowed)], [])

    # The page

    def emulate(self, scheme, width=1200, height=860):
        chromium.execute_cdp_cmd("Emulation.setEmulatedMedia", {
            "features": [{"name": "prefers-color-scheme", "value": scheme}],
        })
        chromium.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        })

    def open(self, channel=None):
        """The channel's page, once it is live."""
        channel = channel or self.channel
        chromium.get(f"{relay.url}/?{urllib.parse.urlencode({'channel': channel})}")
        self.wait_for_state("live")

    def element(self, identifier):
        return chromium.find_element(By.ID, identifier)

    def text(self, identifier):
        return self.element(identifier).get_property("textContent")

    def retype(self, identifier, text):
        """As a user does it: `clear()` of WebDriver sends the page no input event."""
        self.element(identifier).send_keys(Keys.CONTROL, "a")
        self.element(identifier).send_keys(text or Keys.DELETE)

    def wait_until(self, condition, what):
        return WebDriverWait(chromium, DEADLINE_SECONDS, poll_frequency=0.05).until(lambda _: condition(), what)

    def wait_for_state(self, state):
        self.wait_until(lambda: self.element("status").get_attribute("data-state") == state, f"state {state}")

    def rows(self, selector=".event"):
        """What the rows say, newest first, read in one step: the list may change between two."""
        return chromium.execute_script(
            """
            return [...document.querySelectorAll('#events > ' + arguments[0])].map((row) => ({
              id: Number(row.dataset.id),
              payload: (row.querySelector('.preview') ?? row.querySelector('.payload'))?.textContent,
              isReplayed: row.matches('.replayed'),
              isShown: row.checkVisibility(),
              reason: row.dataset.reason,
              count: Number(row.dataset.count),
              text: row.textContent,
            }))
            """,
            selector,
        )

    def payloads(self, selector=".event"):
        return [row["payload"] for row in self.rows(selector)]

    def wait_for_payloads(self, expected, selector=".event"):
        try:
            self.wait_until(lambda: self.payloads(selector) == expected, "")
        except Exception:
            self.assertEqual(self.payloads(selector), expected)

    def wait_for_log(self, channel, count):
        eventually(lambda: len(relay.history(channel)) >= count, f"{count} events of {channel} are in the log")

    def screenshot(self, name):
        picture = chromium.get_screenshot_as_png()
        if SCREENSHOTS:
            folder = pathlib.Path(SCREENSHOTS)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{name}.png").write_bytes(picture)
        return picture

    # The start screen and the way to a channel

    def test_start_screen_leads_to_a_channel(self):
        self.open()  # From here on the channel is recorded, and so known.
        chromium.get(f"{relay.url}/")
        known = self.wait_until(
            lambda: [each for each in chromium.find_elements(By.CSS_SELECTOR, "#known button") if each.text == self.channel],
            "the recorded channel is offered",
        )
        self.assertIn("NOTIFY", self.text("start-sql"))
        self.screenshot("start-light")
        known[0].click()
        self.wait_for_state("live")
        self.assertTrue(chromium.current_url.endswith(f"?channel={self.channel}"))

    def test_channel_typed_into_the_form_survives_a_reload(self):
        chromium.get(f"{relay.url}/")
        self.element("channel").send_keys(self.channel)
        self.element("connect").click()
        self.wait_for_state("live")
        chromium.refresh()
        self.wait_for_state("live")
        self.assertEqual(self.element("channel").get_property("value"), self.channel)
        self.element("connect").click()
        self.wait_until(lambda: self.element("start").is_displayed(), "the start screen after Disconnect")

    def test_offered_sql_works_for_any_channel_name(self):
        channel = """it's "quoted" <b>&amp; ünï/?#"""
        self.open(channel)
        postgres.execute(self.text("sql"))
        self.wait_for_payloads(['{"hello": "world"}'])
        self.assertEqual(chromium.find_elements(By.CSS_SELECTOR, "main b:not(#state)"), [])

    # Live events

    def test_events_appear_live_with_the_newest_on_top(self):
        self.open()
        postgres.notify(self.channel, "first", "second", "")
        self.wait_for_payloads(["empty payload", "second", "first"])
        logged = [event["id"] for event in relay.history(self.channel)]
        self.assertEqual([row["id"] for row in self.rows()], logged[::-1])
        self.wait_until(lambda: self.text("received") == "3", "the count of received events")
        self.assertEqual(self.text("head"), str(logged[-1]))

    def test_json_is_folded_and_opens_pretty_printed_as_it_was_written(self):
        self.open()
        payload = json.dumps({
            "op": "INSERT", "big": 12345678901234567890, "row": {"name": "Paul", "tags": ["new", "beta"]}, "many": list(range(50)),
        })
        postgres.notify(self.channel, payload)
        self.wait_for_payloads([payload[:240]])
        self.assertEqual(chromium.find_elements(By.CSS_SELECTOR, "#events .body"), [])
        chromium.find_element(By.CSS_SELECTOR, "#events .payload > summary").click()
        body = self.wait_until(lambda: chromium.find_elements(By.CSS_SELECTOR, "#events .body"), "the open payload")[0]
        lines = self.wait_until(
            lambda: '"beta"' in body.text and body.text.splitlines(), "the inner objects, which are small and so open")
        self.assertIn('"big": 12345678901234567890', lines)
        self.assertIn('"name": "Paul"', lines)
        self.assertIn('"many": [ 50 items ]', lines)
        self.assertNotIn("49", lines)
        self.screenshot("json-light")

    def test_markup_in_a_payload_is_inert(self):
        self.open()
        markup = "<img src=x onerror=window.pwned=1><script>window.pwned=1</script>"
        postgres.notify(self.channel, markup, json.dumps({markup: markup}), markup * 40)
        self.wait_until(lambda: len(self.rows()) == 3, "three rows")
        chromium.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
        self.wait_until(lambda: len(chromium.find_elements(By.CSS_SELECTOR, "#events .body")) == 2, "two open payloads")
        self.assertEqual(self.payloads()[2], markup)
        self.assertEqual(chromium.find_elements(By.CSS_SELECTOR, "#events :is(img, script)"), [])
        self.assertIsNone(chromium.execute_script("return window.pwned"))

    # Filter and pause

    def test_filter_finds_payloads_and_ids(self):
        self.open()
        postgres.notify(self.channel, "apple", "Pear", "plum")
        self.wait_for_payloads(["plum", "Pear", "apple"])

        def shown():
            return [row["payload"] for row in self.rows() if row["isShown"]]

        self.element("filter").send_keys("pea")
        self.wait_until(lambda: shown() == ["Pear"], "only the matching payload")
        postgres.notify(self.channel, "peach", "cherry")
        self.wait_until(lambda: shown() == ["peach", "Pear"], "new events are filtered, too")
        self.retype("filter", str(self.rows()[-1]["id"]))
        self.wait_until(lambda: shown() == ["apple"], "only the event with the id")
        self.retype("filter", "")
        self.wait_until(lambda: len(shown()) == 5, "all of them")

    def test_pause_holds_events_back_and_counts_them(self):
        self.open()
        postgres.notify(self.channel, "before")
        self.wait_for_payloads(["before"])
        self.element("pause").click()
        postgres.notify(self.channel, "held 1", "held 2")
        self.wait_until(lambda: "2 waiting" in self.text("pause"), "the count of waiting events")
        self.assertEqual(self.payloads(), ["before"])
        self.element("pause").click()
        self.wait_for_payloads(["held 2", "held 1", "before"])

    # Connection

    def test_cut_and_resume_brings_exactly_what_was_missed(self):
        self.open()
        postgres.notify(self.channel, "seen 1", "seen 2")
        self.wait_for_payloads(["seen 2", "seen 1"])
        # Longer than the test needs, which ends it with the same button: no race with the clock.
        chromium.execute_script("document.getElementById('cut').dataset.seconds = 600")
        self.element("cut").click()
        self.wait_for_state("cut")
        missed = [f"missed {index}" for index in range(5)]
        postgres.notify(self.channel, *missed)
        self.wait_for_log(self.channel, 7)
        self.assertEqual(self.payloads(), ["seen 2", "seen 1"])
        self.screenshot("cut-light")
        self.element("cut").click()
        self.wait_for_state("live")
        self.wait_until(lambda: self.rows(".resumed"), "the line that says what came back")
        self.assertEqual(self.rows(".resumed")[0]["count"], 5)
        self.assertIn("5 events came back", self.rows(".resumed")[0]["text"])
        postgres.notify(self.channel, "after")
        self.wait_for_payloads(["after", *missed[::-1], "seen 2", "seen 1"])
        self.assertEqual(self.payloads(".replayed"), missed[::-1])
        self.screenshot("resumed-light")

    def test_cut_comes_back_by_itself(self):
        self.open()
        self.element("cut").click()
        self.wait_until(lambda: re.fullmatch(r"back in [12]\.\d s", self.text("state-detail")), "the countdown")
        self.wait_for_state("live")
        self.wait_until(lambda: [row["count"] for row in self.rows(".resumed")] == [0], "the line that says so")

    def test_restart_of_postgresql_is_shown_as_a_gap(self):
        self.open()
        postgres.notify(self.channel, "before")
        self.wait_for_payloads(["before"])
        postgres.restart()
        gap = self.wait_until(lambda: self.rows(".gap[data-reason=disconnected]"), "the gap")[0]
        self.assertIn("PostgreSQL was away", gap["text"])
        postgres.notify(self.channel, "after")
        self.wait_for_payloads(["after", "before"])
        kinds = [row["payload"] or row["reason"] for row in self.rows("li")]
        self.assertEqual(kinds[0], "after")
        self.assertIn("disconnected", kinds[1:-1])
        self.screenshot("gap-light")
        chromium.refresh()
        self.wait_for_state("live")
        self.wait_until(lambda: self.rows(".gap[data-reason=disconnected]"), "the gap in the history")

    # History

    def test_older_history_loads_on_scroll(self):
        self.open()
        expected = [f"event {index}" for index in range(250)]
        postgres.notify(self.channel, *expected)
        self.wait_for_log(self.channel, 250)
        self.open()
        self.wait_until(lambda: self.rows(), "the newest page of history")
        self.assertLess(len(self.rows()), 250)

        def scroll_to_end():
            chromium.execute_script("scrollTo(0, document.body.scrollHeight)")
            return len(self.rows()) >= 250

        self.wait_until(scroll_to_end, "all events after scrolling")
        self.assertEqual(self.payloads(), expected[::-1])
        self.wait_until(lambda: "nothing older" in self.text("end-note"), "the end of the log is named")
        postgres.notify(self.channel, "while far down")
        self.wait_until(lambda: "1 new" in self.text("newer"), "the way back to the top")
        self.element("newer").click()
        self.wait_until(lambda: chromium.execute_script("return scrollY") == 0, "the top")
        self.wait_for_payloads(["while far down", *expected[::-1]])

    # Looks

    def test_light_dark_and_phone(self):
        self.open()
        postgres.notify(self.channel, json.dumps({"op": "INSERT", "row": {"id": 7, "name": "Paul", "active": True}}), "hello")
        self.wait_until(lambda: len(self.rows()) == 2, "two rows")
        light = self.screenshot("viewer-light")
        self.emulate(scheme="dark")
        dark = self.screenshot("viewer-dark")
        self.assertGreater(min(first_pixel(light)), 200)
        self.assertLess(max(first_pixel(dark)), 60)

        self.element("theme").click()
        self.assertEqual(first_pixel(self.screenshot("viewer-chosen-light")), first_pixel(light))
        chromium.refresh()
        self.wait_for_state("live")
        self.assertEqual(first_pixel(chromium.get_screenshot_as_png()), first_pixel(light), "the choice is remembered")
        chromium.execute_script("localStorage.clear()")

        for scheme in ("light", "dark"):
            self.emulate(scheme, width=360, height=780)
            self.open()
            self.screenshot(f"phone-{scheme}")
            self.assertLessEqual(chromium.execute_script("return document.documentElement.scrollWidth"), 360)

    # Pages that know nothing of ids

    def test_token_is_asked_for_when_it_is_needed_and_kept_for_the_tab(self):
        secret = "viewer-" * 8
        settings = {"ES_TOKENSECRET": secret, "ES_ANONYMOUSCHANNELS": "news", "ES_CHANNELS": f"news,{self.channel}"}
        self.relay = Relay(postgres.url, **settings)
        self.addCleanup(self.relay.remove)
        chromium.get(f"{self.relay.url}/")
        self.assertEqual([each.text for each in chromium.find_elements(By.CSS_SELECTOR, "#known button")], ["news"])
        chromium.get(f"{self.relay.url}/?channel=news")
        self.wait_for_state("live")
        self.assertFalse(self.element("token-form").is_displayed())

        chromium.get(f"{self.relay.url}/?{urllib.parse.urlencode({'channel': self.channel})}")
        # Why it was refused, and the token that is given then.
        for reason, token in (
            ("needs a token", "no.token"),
            ("no JSON Web Token", signed_token(secret, channels=["other"])),
            ("does not name", signed_token(secret, channels=[self.channel])),
        ):
            self.wait_until(lambda: reason in self.text("state-detail"), reason)
            self.assertEqual(self.text("state"), "refused")
            self.screenshot("token")
            self.element("token").send_keys(token, Keys.ENTER)
        self.wait_for_state("live")
        postgres.notify(self.channel, "for who may")
        self.wait_for_payloads(["for who may"])
        self.assertFalse(self.element("token-form").is_displayed())
        chromium.refresh()
        self.wait_for_state("live")
        # The browser tells of each refusal in its log; nothing else may stand there.
        severe = [entry["message"] for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"]
        self.assertEqual([each for each in severe if " 401 " not in each and " 403 " not in each], [])

    def test_expired_token_ends_the_connection_and_is_asked_for_again(self):
        secret = "viewer-" * 8
        self.relay = Relay(postgres.url, ES_TOKENSECRET=secret, ES_TOKENLEEWAY="0")
        self.addCleanup(self.relay.remove)
        chromium.get(self.relay.url)
        token = signed_token(secret, channels=["*"], exp=time.time() + 4)
        chromium.execute_script("sessionStorage.relayToken = arguments[0]", token)
        chromium.get(f"{self.relay.url}/?{urllib.parse.urlencode({'channel': self.channel})}")
        self.wait_for_state("live")
        self.wait_for_state("refused")
        self.assertIn("does not allow", self.text("state-detail"))
        self.assertTrue(self.element("token-form").is_displayed())

    def test_plain_page_shows_what_triggers_send(self):
        """What users of pg_eventserv have: a page with a bare WebSocket, and triggers that send rows."""
        page = """<!DOCTYPE html><link rel="icon" href="data:,"><textarea id="shown"></textarea><p id="state"></p><script>
            const socket = new WebSocket("{{ .BaseURL }}/listen/CHANNEL");
            const shown = document.getElementById("shown");
            socket.onopen = () => { document.getElementById("state").textContent = "open"; };
            socket.onmessage = (message) => { shown.value += JSON.stringify(JSON.parse(message.data)) + "\\n"; };
            </script>"""
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        pathlib.Path(folder, "index.html").write_text(page.replace("CHANNEL", self.channel))
        self.relay = Relay(postgres.url, ES_ASSETSPATH=folder)
        self.addCleanup(self.relay.remove)
        chromium.get(self.relay.url)
        self.wait_until(lambda: self.text("state") == "open", "an open socket")
        postgres.execute(f"""
            CREATE TABLE person (name text, height real);
            CREATE FUNCTION send_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                PERFORM pg_notify('{self.channel}', json_build_object('did', TG_OP, 'name', NEW.name)::text);
                RETURN NEW;
            END $$;
            CREATE FUNCTION send_tall_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.height > 2 THEN
                    PERFORM pg_notify('{self.channel}', json_build_object('tall', NEW.name)::text);
                END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER send_row BEFORE INSERT OR UPDATE ON person FOR EACH ROW EXECUTE FUNCTION send_row();
            CREATE TRIGGER send_tall_row BEFORE INSERT ON person FOR EACH ROW EXECUTE FUNCTION send_tall_row();
        """)
        postgres.execute("INSERT INTO person VALUES ('Paul', 1.9)")
        postgres.execute("INSERT INTO person VALUES ('Stretch', 2.8)")
        postgres.execute("UPDATE person SET height = 1 WHERE name = 'Paul'")
        expected = [
            {"did": "INSERT", "name": "Paul"}, {"did": "INSERT", "name": "Stretch"}, {"tall": "Stretch"},
            {"did": "UPDATE", "name": "Paul"},
        ]
        self.wait_until(lambda: len(self.element("shown").get_property("value").split("\n")) > len(expected), "all rows")
        lines = self.element("shown").get_property("value").splitlines()
        self.assertEqual([json.loads(line) for line in lines], expected)

    def test_page_loads_nothing_but_its_own_files(self):
        self.open()
        loaded = chromium.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
        paths = sorted(urllib.parse.urlparse(url).path for url in loaded if url.startswith(relay.url))
        self.assertEqual(len(paths), len(loaded), loaded)
        self.assertEqual(paths, [f"/history/{self.channel}", "/viewer.css", "/viewer.js"])


class EventStreamTest(unittest.TestCase):
    """Server-sent events, read by the browser's own EventSource."""

    def test_event_source_comes_back_by_itself_and_gets_what_it_missed_once(self):
        own = Relay(postgres.url, ES_CHANNELS="stream,other")
        self.addCleanup(own.remove)
        chromium.get(own.url)
        chromium.execute_script("""
            window.seen = []
            const source = new EventSource('/listen?channel=stream&channel=other&last-seen-id=0')
            const note = (event) => window.seen.push({...JSON.parse(event.data), heard: [event.type, event.lastEventId]})
            for (const type of ['message', 'gap', 'live']) source.addEventListener(type, note)
        """)

        def seen(kind):
            return [message for message in chromium.execute_script("return window.seen") if message["type"] == kind]

        def texts():
            return [f"{event['channel']} {event['payload']}" for event in seen("event")]

        eventually(lambda: seen("live"), "the stream is live")
        postgres.notify("stream", "1", "2\nlines")
        postgres.notify("other", "3")
        eventually(lambda: len(texts()) == 3, "the first events")
        own.stop()
        postgres.notify("stream", "nobody listens")
        own.start()
        # Before the browser is back: what it has waited for is over sooner than its shortest delay.
        postgres.notify("stream", "4")
        eventually(lambda: len(seen("live")) == 2, "the browser has come back")
        postgres.notify("other", "5")
        eventually(lambda: len(texts()) == 5, "what came later")
        self.assertEqual(texts(), ["stream 1", "stream 2\nlines", "other 3", "stream 4", "other 5"])
        self.assertEqual([(gap["reason"], gap["channel"]) for gap in seen("gap")], [("restarted", None)])
        for message in chromium.execute_script("return window.seen"):
            heard = ["message" if message["type"] == "event" else message["type"], str(message["id"])]
            self.assertEqual(message["heard"], heard)


if __name__ == "__main__":
    unittest.main()
