#!/usr/bin/python3
"""The viewer page in a real headless Chromium, on a real relay and a real PostgreSQL.

    PG_EVENTRELAY=.build/debug/pg_eventrelay /usr/bin/python3 Tests/ViewerTests/viewer_test.py -v

Needs the Debian packages chromium, chromium-driver, python3-selenium, python3-venv and postgresql, and once the network
for axe-core. The PostgreSQL is a throw-away one of the test's own. With VIEWER_SCREENSHOTS set to a folder, pictures of
the page are left there.
"""

import base64
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request
import zlib

from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from browser import (
    DEADLINE_SECONDS, REPOSITORY, Postgres, Relay, emulate, eventually, signed_token, start_chromium, take_complaints,
    take_requests,
)

SCREENSHOTS = os.environ.get("VIEWER_SCREENSHOTS")
# The package that carries the newest axe-core.
AXE = "axe-playwright-python==0.1.8"
AXE_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def axe_source():
    """Axe-core's script, which is all that is used of the package; so what the package needs is not installed."""
    environment = REPOSITORY / ".build-axe"
    if not (environment / AXE).exists():
        shutil.rmtree(environment, ignore_errors=True)
        subprocess.run([sys.executable, "-m", "venv", environment], check=True)
        pip = [environment / "bin/pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", AXE]
        subprocess.run(pip, check=True)
        (environment / AXE).touch()
    return next(environment.glob("lib/*/site-packages/axe_playwright_python/axe.min.js")).read_text()


def image_data(png):
    """What a PNG has compressed of its pixels."""
    data, offset = b"", 8
    while offset < len(png):
        length, kind = struct.unpack_from(">I4s", png, offset)
        if kind == b"IDAT":
            data += png[offset + 8:offset + 8 + length]
        offset += 12 + length
    return data


def first_pixel(png):
    """Red, green and blue of the upper left corner. Its neighbours count as 0, so every PNG filter leaves it as it is."""
    return tuple(zlib.decompress(image_data(png))[1:4])


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
        chromium.execute_cdp_cmd("Browser.grantPermissions", {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]})
        # Leaves the last test's page, so that its requests and messages are not taken for this one's.
        chromium.get("about:blank")
        take_complaints(chromium)
        take_requests(chromium)

    def tearDown(self):
        self.assert_nothing_went_elsewhere()
        self.assertEqual(take_complaints(chromium), [])

    def forget_refusals(self):
        """The browser tells of each in its log; nothing else may stand there."""
        self.forget_complaints(" 401 ", " 403 ", "HTTP Authentication failed", "Unexpected response code: 403")

    def forget_complaints(self, *known):
        self.assertEqual([each for each in take_complaints(chromium) if not any(words in each for words in known)], [])

    def assert_nothing_went_elsewhere(self):
        own = (f"{self.relay.url}/", f"{self.relay.url.replace('http', 'ws', 1)}/")
        allowed = ("data:", "about:", "chrome:", *own)
        asked = take_requests(chromium)
        self.assertTrue(any(url.startswith(own) for url in asked), "the log of requests is empty")
        self.assertEqual([url for url in asked if not url.startswith(allowed)], [])

    # The page

    def emulate(self, scheme, **size):
        # A colour on its way to another one has nobody's contrast.
        emulate(chromium, scheme, motion="reduce", **size)

    def begin_with(self, script):
        """Run in each page before its own scripts."""
        added = chromium.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        self.addCleanup(chromium.execute_cdp_cmd, "Page.removeScriptToEvaluateOnNewDocument", added)

    def open(self, *channels, at=None):
        """The channels' page, once it is live."""
        query = [("channel", channel) for channel in channels or [self.channel]]
        chromium.get(f"{self.relay.url}/?{urllib.parse.urlencode(query + ([('at', at)] if at else []))}")
        self.wait_for_state("live")

    def press(self, *keys):
        ActionChains(chromium).send_keys(*keys).perform()

    def focus(self):
        """What has the keyboard's focus: the id, or else the name for those who don't see it."""
        return chromium.execute_script(
            "const e = document.activeElement; return e.id || e.getAttribute('aria-label') || e.textContent")

    def tab_to(self, name):
        for _ in range(60):
            if self.focus() == name:
                return
            self.press(Keys.TAB)
        self.fail(f"the Tab key does not lead to {name}")

    def is_hidden(self, identifier):
        return self.element(identifier).get_property("hidden")

    def marked(self):
        return [row["payload"] for row in self.rows() if row["isMarked"]]

    def copied(self):
        return chromium.execute_async_script("navigator.clipboard.readText().then(arguments[0])")

    def channels_on_show(self):
        return chromium.execute_script("return [...document.querySelectorAll('#chips > li')].map((chip) => chip.dataset.name)")

    def element(self, identifier):
        return chromium.find_element(By.ID, identifier)

    def text(self, identifier):
        return self.element(identifier).get_property("textContent")

    def retype(self, identifier, text):
        """As a user does it: `clear()` of WebDriver sends the page no input event."""
        self.element(identifier).send_keys(Keys.CONTROL, "a")
        self.element(identifier).send_keys(text or Keys.DELETE)

    def wait_until(self, condition, what, seconds=DEADLINE_SECONDS):
        return WebDriverWait(chromium, seconds, poll_frequency=0.05).until(lambda _: condition(), what)

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
              channel: row.querySelector('.channel')?.textContent,
              isMarked: row.matches('.marked'),
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
        known = f"#known li[data-name={self.channel}]"
        self.assertEqual(chromium.find_elements(By.CSS_SELECTOR, known), [])
        self.element("channel").send_keys(self.channel)
        self.element("connect").click()
        self.wait_for_state("live")
        chromium.find_element(By.CSS_SELECTOR, "#chips .remove").click()
        self.wait_until(lambda: chromium.find_elements(By.CSS_SELECTOR, f"{known} button"), "the channel among those to choose")
        chromium.back()
        self.wait_for_state("live")
        chromium.refresh()
        self.wait_for_state("live")
        self.assertEqual(self.channels_on_show(), [self.channel])
        chromium.find_element(By.CSS_SELECTOR, "#chips .remove").click()
        self.wait_until(lambda: self.element("start").is_displayed(), "the start screen when the last channel was removed")

    def test_start_screen_says_how_much_there_is_and_who_listens(self):
        self.open()
        postgres.notify(self.channel, "one", "two")
        self.wait_for_payloads(["two", "one"])
        chip = chromium.find_element(By.CSS_SELECTOR, "#chips .about")
        self.wait_until(lambda: chip.text == "2 events · 1 listening", "what the channel holds, once it is counted anew")
        chromium.get(f"{relay.url}/")
        row = chromium.find_element(By.CSS_SELECTOR, f"#known li[data-name={self.channel}] .about")
        self.wait_until(lambda: row.text.startswith("2 events · "), "what it holds, on the start screen")

    def test_several_channels_and_patterns_each_row_says_its_own(self):
        first, second = f"{self.channel[:40]}.a", f"{self.channel[:40]}.b"
        self.open(first)
        self.assertIsNone(chromium.execute_script("return document.querySelector('#events .channel')"))
        self.element("channel").send_keys(second, Keys.ENTER)
        self.wait_until(lambda: self.channels_on_show() == [first, second], "the channel that was added")
        self.wait_for_state("live")
        self.assertIn(f"channel={second}", chromium.current_url)
        self.element("channel").send_keys(second, Keys.ENTER)
        self.wait_until(lambda: self.element("channel").get_property("value") == "", "an empty field, as it is on show already")
        self.assertEqual(self.channels_on_show(), [first, second])
        postgres.notify(first, "1")
        postgres.notify(second, "2")
        postgres.notify(first, "3")
        self.wait_for_payloads(["3", "2", "1"])
        self.assertEqual([row["channel"] for row in self.rows()], [first, second, first])
        colours = chromium.execute_script(
            "return [...document.querySelectorAll('#events .channel')].map((each) => getComputedStyle(each, '::before').backgroundColor)")
        self.assertEqual((colours[0] == colours[2], colours[0] == colours[1]), (True, False))

        chromium.find_element(By.CSS_SELECTOR, f"#chips [aria-label='Remove {first}']").click()
        self.wait_until(lambda: self.channels_on_show() == [second], "the other channel")
        self.wait_for_state("live")
        self.wait_for_payloads(["2"])
        chromium.back()
        self.wait_until(lambda: self.channels_on_show() == [first, second], "both again")
        self.wait_for_state("live")

        # A pattern finds what is recorded, also from later on.
        self.open(f"{self.channel[:40]}.*")
        self.wait_for_payloads(["3", "2", "1"])
        third = f"{self.channel[:40]}.c"
        with urllib.request.urlopen(f"{relay.url}/history/{third}?after=0&wait=1s") as answer:
            self.assertEqual(answer.status, 200)
        postgres.notify(third, "4")
        self.wait_for_payloads(["4", "3", "2", "1"])
        self.assertEqual(self.rows()[0]["channel"], third)

    def test_offered_sql_works_for_any_channel_name(self):
        for channel in ("""it's "quoted" <b>&amp; ünï/%#""", "z\n\\! echo 'x'"):
            self.open(channel)
            self.assertTrue(self.text("sql").isprintable())
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

    def test_flood_of_events_leaves_the_page_usable_and_bounded(self):
        self.open()
        chromium.execute_script("""
            window.longest = 0
            let last = performance.now()
            const frame = (now) => { window.longest = Math.max(window.longest, now - last); last = now; requestAnimationFrame(frame) }
            requestAnimationFrame(frame)
        """)
        postgres.execute(*(
            f"SELECT count(pg_notify('{self.channel}', json_build_object('number', number)::text))"
            f" FROM generate_series({start}, {start + 9_999}) AS number;" for start in range(0, 100_000, 10_000)))
        # A busy machine needs a minute for so many; to look at all rows each time would make it several.
        self.wait_until(lambda: self.text("received") == "100,000", "all events", seconds=180)
        self.wait_until(lambda: self.payloads()[:1] == ['{"number" : 99999}'], "the newest event on top")
        self.assertLessEqual(len(self.rows("li")), 2000)
        numbers = [json.loads(payload)["number"] for payload in self.payloads()]
        self.assertEqual(numbers, list(range(99_999, 99_999 - len(numbers), -1)))
        # All rows in one go would take a minute; a busy machine may hold a frame back for a second or two.
        self.assertLess(chromium.execute_script("return window.longest"), 10_000)

    # Filter, search and pause

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

    def test_search_looks_through_all_of_the_log_and_leads_there(self):
        self.open()
        postgres.execute(
            f"SELECT count(pg_notify('{self.channel}', CASE WHEN number % 10 = 0 THEN 'tenth ' ELSE '' END || CASE number"
            f" WHEN 7 THEN 'a <b>Needle</b>' ELSE 'straw ' || number END)) FROM generate_series(1, 2500) AS number;")
        self.wait_until(lambda: self.text("received") == "2,500", "all events")
        self.open()
        self.element("filter").send_keys("needle", Keys.ENTER)
        self.wait_until(lambda: self.text("search-state") == "1 found in 2,500 events · the whole log", "the end of the search")
        found = chromium.find_element(By.CSS_SELECTOR, "#found a")
        self.assertEqual(found.find_element(By.TAG_NAME, "mark").text, "Needle")
        self.assertIn("a <b>Needle</b>", found.text)
        self.retype("filter", "")
        found.click()
        self.wait_until(lambda: self.marked() == ["a <b>Needle</b>"], "the event, marked")
        self.assertEqual(self.payloads()[-7:], ["a <b>Needle</b>", *(f"straw {each}" for each in (6, 5, 4, 3, 2, 1))])

        # 250 are there, and it stops at 200.
        self.retype("filter", "tenth")
        self.element("search-log").click()
        self.wait_until(lambda: "The first 200 found" in self.text("search-state"), "the bound")
        self.assertEqual(len(chromium.find_elements(By.CSS_SELECTOR, "#found li")), 200)
        self.element("search-stop").click()
        self.wait_until(lambda: "50 found in 2,500 events · the whole log" == self.text("search-state"), "the rest")
        self.element("search-close").click()
        self.assertFalse(self.element("search").is_displayed())

    def test_search_can_be_stopped_and_goes_on(self):
        self.open()
        postgres.execute(f"SELECT count(pg_notify('{self.channel}', 'straw ' || number)) FROM generate_series(1, 3000) AS number;")
        self.wait_until(lambda: self.text("received") == "3,000", "all events")
        # Holds back every page but the first, until it is let go.
        chromium.execute_script("""
            window.realFetch = window.fetch
            let searched = 0
            window.fetch = async (address, options) => {
              const answer = await window.realFetch(address, options)
              if (/limit=1000/.test(address) && searched++ > 0) await new Promise((resolve) => { window.letGo = resolve })
              return answer
            }
        """)
        self.element("filter").send_keys("nothing like it", Keys.ENTER)
        self.wait_until(lambda: chromium.execute_script("return Boolean(window.letGo)"), "the second page is on its way")
        self.assertEqual(self.text("search-state"), "0 found in 1,000 events · searching")
        self.assertTrue(self.element("search-progress").is_displayed())
        self.element("search-stop").click()
        self.assertEqual(self.text("search-state"), "0 found in 1,000 events · stopped")
        chromium.execute_script("window.fetch = window.realFetch; window.letGo()")
        self.assertEqual(self.text("search-stop"), "Continue")
        self.element("search-stop").click()
        self.wait_until(lambda: self.text("search-state") == "0 found in 3,000 events · the whole log", "the end")

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
        # Nothing came, so the second resume begins where the first one did.
        self.element("cut").click()
        self.wait_for_state("cut")
        self.element("cut").click()
        self.wait_until(lambda: [row["count"] for row in self.rows(".resumed")] == [0, 0], "one more line")

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

    def test_link_of_a_row_opens_the_past_there_and_goes_on(self):
        self.open()
        postgres.notify(self.channel, *(f"event {index}" for index in range(400)))
        self.wait_until(lambda: self.text("received") == "400", "all events")
        self.retype("filter", "event 200")
        row = self.wait_until(lambda: [each for each in self.rows() if each["isShown"]], "the row")[0]
        chromium.find_element(By.CSS_SELECTOR, f"#events [data-id='{row['id']}'] .more").click()
        chromium.find_element(By.XPATH, "//button[text()='Copy link']").click()
        chromium.get(self.copied())
        self.wait_for_state("live")

        self.wait_until(lambda: self.marked() == ["event 200"], "the event, marked")
        self.assertTrue(self.text("place").startswith("At "), self.text("place"))
        at_first = [f"event {index}" for index in range(250, 150, -1)]
        self.assertEqual(self.payloads()[:100], at_first)
        # What comes now waits above the hole.
        postgres.notify(self.channel, "while in the past")
        self.wait_until(lambda: self.text("newer") == "↑ Back to the newest · 1 waiting", "the way back")
        self.assertEqual(self.payloads()[:100], at_first)
        for _ in range(2):
            before = len(self.rows())
            chromium.execute_script("scrollTo(0, 0)")
            self.element("load-newer").click()
            self.wait_until(lambda: len(self.rows()) > before, "newer events")
        expected = ["while in the past", *(f"event {index}" for index in range(399, 150, -1))]
        self.wait_until(lambda: self.payloads()[:250] == expected, "all of them, joined with what came live")
        self.assertFalse(self.element("load-newer").is_displayed())
        postgres.notify(self.channel, "live again")
        self.wait_until(lambda: self.payloads()[:251] == ["live again", *expected], "what comes now")

        # The same from further back, by the button.
        chromium.refresh()
        self.wait_until(lambda: self.marked() == ["event 200"], "the event, marked")
        self.element("newer").click()
        self.wait_until(lambda: self.payloads()[:2] == ["live again", "while in the past"], "the newest")
        self.assertNotIn("at=", chromium.current_url)
        chromium.back()
        self.wait_until(lambda: self.marked() == ["event 200"], "the event, marked")

    def test_link_to_what_is_not_there_says_so(self):
        self.open()
        postgres.notify(self.channel, "first")
        self.wait_for_payloads(["first"])
        first = self.rows()[0]["id"]
        for at, said in ((first, "At "), (first - 1, "The log does not reach back that far"), (first + 1, "Around ")):
            self.open(at=at)
            self.assertTrue(self.text("place").startswith(said), self.text("place"))
            self.assertTrue(self.rows()[0]["isMarked"])
        self.open(at="nonsense")
        self.wait_for_payloads(["first"])
        self.assertFalse(self.rows()[0]["isMarked"])

    def test_way_back_to_the_newest_leaves_no_hole_and_no_disorder(self):
        self.open()
        postgres.notify(self.channel, *(f"event {index}" for index in range(200)))
        self.wait_until(lambda: self.text("received") == "200", "all events")
        first = relay.history(self.channel)[0]["id"]
        count = 200
        for way in ("button", "slider"):
            self.open(at=first)
            self.wait_until(lambda: self.marked() == ["event 0"], "the oldest, marked")
            # More than a page of history has.
            postgres.notify(self.channel, *(f"event {index}" for index in range(count, count + 250)))
            count += 250
            self.wait_until(lambda: "250 waiting" in self.text("newer"), "what waits")
            if way == "button":
                self.element("newer").click()
            else:
                self.element("slider").send_keys(Keys.END)
            self.wait_until(lambda: self.payloads()[:1] == [f"event {count - 1}"], "the newest on top")

            def scroll_to_end():
                chromium.execute_script("scrollTo(0, document.body.scrollHeight)")
                return self.is_hidden("older") and len(self.rows()) >= count

            self.wait_until(scroll_to_end, "the end of the log")
            self.assertEqual(self.payloads(), [f"event {index}" for index in range(count - 1, -1, -1)])
            self.assertIn("nothing older", self.text("end-note"))

    def hold_history_back(self):
        """Until `window.letGo()`, whose argument is what becomes of the requests: an answer, or an error."""
        self.begin_with("""
            const realFetch = window.fetch
            const held = new Promise((resolve, reject) => {
              window.letGo = (isAnswered) => (isAnswered ? resolve() : reject(new TypeError('away')))
            })
            window.fetch = async (address, options) => {
              const answer = await realFetch(address, options)
              window.asked = (window.asked ?? 0) + /[/]history/.test(address)
              if (/[/]history/.test(address) && !window.isLetGo) await held
              return answer
            }
        """)

    def test_place_that_was_chosen_last_is_shown_when_the_page_comes_late(self):
        self.open()
        postgres.notify(self.channel, *(f"event {index}" for index in range(200)))
        self.wait_until(lambda: self.text("received") == "200", "all events")
        first = relay.history(self.channel)[0]["id"]
        self.hold_history_back()
        for count, is_answered in ((200, True), (202, False)):
            chromium.get(f"{relay.url}/?{urllib.parse.urlencode({'channel': self.channel, 'at': first})}")
            self.wait_until(lambda: chromium.execute_script("return window.asked >= 2"), "the page of the past is on its way")
            if not is_answered:
                chromium.execute_script("window.letGo(false)")
                self.wait_for_state("reconnecting")
            self.element("newer").click()
            postgres.notify(self.channel, f"before it connects, {is_answered}")
            self.wait_for_log(self.channel, count + 1)
            chromium.execute_script("window.isLetGo = true; window.letGo(true)")
            self.wait_for_state("live")
            postgres.notify(self.channel, f"live, {is_answered}")
            self.wait_until(lambda: self.payloads()[:1] == [f"live, {is_answered}"], "what comes live")
            self.assertEqual(self.payloads()[1], f"before it connects, {is_answered}")
            self.assertEqual(self.marked(), [])
            self.assertNotIn("at=", chromium.current_url)

    def test_link_into_an_empty_log_waits_for_its_first_event(self):
        self.open(at="0")
        self.assertEqual(self.text("place"), "")
        self.assertTrue(self.is_hidden("older"))
        postgres.notify(self.channel, "first")
        self.wait_for_payloads(["first"])

    # Chart and timeline

    def test_slider_goes_step_by_step_by_the_keys(self):
        self.open()
        # A step is shorter than the rows that are shown above the place.
        postgres.execute(f"SELECT count(pg_notify('{self.channel}', number::text)) FROM generate_series(1, 1200) AS number;")
        self.wait_until(lambda: self.text("received") == "1,200", "all events")
        slider = self.element("slider")
        self.wait_until(slider.is_enabled, "a timeline")
        places, marked = [], []
        for step in range(1, 6):
            slider.send_keys(Keys.ARROW_LEFT)

            def is_there():
                at = re.search(r"at=(\d+)", chromium.current_url)
                return at and int(at[1]) not in places and self.marked() and places.append(int(at[1])) is None

            self.wait_until(is_there, "another place")
            marked += [row["id"] for row in self.rows() if row["isMarked"]]
            # Painted, with what the list has now.
            chromium.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
            self.assertEqual(slider.get_property("value"), str(1000 - step))
        self.assertEqual(places, sorted(places, reverse=True))
        self.assertEqual(marked, sorted(marked, reverse=True))
        self.assertLess(marked[0], relay.history(self.channel)[-1]["id"])

        def follows():
            chromium.execute_script("scrollTo(0, document.body.scrollHeight)")
            return int(slider.get_property("value")) < 900

        self.wait_until(follows, "the place that the reader scrolls to")

    def test_chart_and_timeline_show_what_was_and_where_it_is_missing(self):
        self.relay = Relay(postgres.url, ES_CHANNELS=f"{self.channel},*")
        self.addCleanup(self.relay.remove)
        self.open()
        self.assertEqual(self.text("span"), "nothing retained yet")
        self.assertTrue(self.element("gap-before").get_property("disabled"))
        postgres.notify(self.channel, *(f"early {index}" for index in range(120)))
        self.wait_until(lambda: self.text("received") == "120", "all events")
        self.relay.stop()
        self.relay.start()
        self.wait_for_state("live")
        # The page may have tried to come back while nobody was there.
        self.forget_complaints("ERR_CONNECTION_REFUSED")
        postgres.notify(self.channel, "late")
        self.wait_until(lambda: self.payloads()[0] == "late", "the latest event")

        for reload in (False, True):
            if reload:
                self.open()
            self.wait_until(lambda: self.text("span") == "121 events · 1 gap", "what the log retains")
            self.assertRegex(
                self.element("timeline").get_attribute("aria-label"),
                r"Retained: 121 events from \S.* to \S.*\. 1 gap: The relay was away, \S.* to \S")
            bars = chromium.execute_script(
                "return ['counted', 'guessed', 'hatching'].map((each) => document.querySelector(`#timeline .${each}`).getAttribute('d').split('M').length - 1)")
            self.assertGreaterEqual(bars[0], 1)
            self.assertEqual(bars[1:], [0, 1])
            self.assertRegex(self.element("chart").get_attribute("aria-label"), r"[1-9]\d(\.\d)?/s at most")
            self.assertNotEqual(chromium.execute_script("return document.querySelector('#chart .counted').getAttribute('d')"), "")

        # The gap, by keyboard.
        self.element("gap-before").send_keys(Keys.ENTER)
        gap = self.wait_until(lambda: [row for row in self.rows(".gap") if row["isMarked"]], "the gap, marked")[0]
        self.assertEqual(gap["reason"], "restarted")
        self.assertIn("at=", chromium.current_url)
        # And a place, by the slider.
        slider = self.element("slider")
        slider.send_keys(Keys.HOME)
        self.wait_until(lambda: self.marked() == ["early 0"], "the oldest")
        self.assertEqual(self.focus(), "slider")
        slider.send_keys(Keys.END)
        self.wait_until(lambda: self.marked() == ["late"], "the newest")
        # The same by the mouse, at the left end.
        middle = slider.rect["width"] / 2
        ActionChains(chromium).move_to_element_with_offset(slider, 9 - middle, 0).click().perform()
        self.wait_until(lambda: self.marked() == ["early 0"], "the oldest")

    def test_timeline_of_a_large_log_is_read_in_part_and_says_so(self):
        self.open()
        postgres.execute(*(
            f"SELECT count(pg_notify('{self.channel}', number::text)) FROM generate_series({start}, {start + 2999}) AS number;"
            for start in range(0, 30_000, 3000)))
        self.wait_until(lambda: self.text("received") == "30,000", "all events")
        self.open()
        self.wait_until(lambda: self.text("span") == "30,000 events · 0 known gaps, estimates are paler", "an estimate")
        asked = chromium.execute_script("return performance.getEntriesByType('resource').filter(({ name }) => name.includes('/history')).length")
        self.assertLess(asked, 60)

    # Copying

    def test_copied_psql_line_sends_the_event_again(self):
        self.open()
        payloads = [
            "plain", "it's 'quoted' and \"quoted\"", "back\\slash \\n not a line", "two\nlines\r\nand\ttab", "$$dollar$$ :colon :'c'",
            "\x01\x7f control", "C1 \x85 and ünï 🐘", "",
        ]
        postgres.execute(*(f"SELECT pg_notify('{self.channel}', convert_from(decode('{each.encode().hex()}', 'hex'), 'UTF8'));"
                           for each in payloads))
        self.wait_until(lambda: len(self.rows()) == len(payloads), "all events")
        for more in chromium.find_elements(By.CSS_SELECTOR, "#events .more"):
            more.click()
        lines = []
        for button in chromium.find_elements(By.XPATH, "//button[text()='Copy as psql line']"):
            button.click()
            lines.append(self.copied())
        self.assertTrue(all(line.isprintable() for line in lines), lines)
        postgres.execute("SET standard_conforming_strings = off;", *lines[::-1])
        postgres.execute(*lines[::-1])
        self.wait_for_log(self.channel, 3 * len(payloads))
        self.assertEqual([event["payload"] for event in relay.history(self.channel)], 3 * payloads)

    def test_copied_payload_is_the_same_to_the_byte(self):
        self.open()
        payloads = ["", "two\nlines\r\nand\ttab\rend\n", "  <b>blanks</b> 🐘  ", "\x01 control", "last"]
        postgres.notify(self.channel, *payloads)
        self.wait_until(lambda: len(self.rows()) == len(payloads), "all events")
        # The empty one last, so that a clipboard with nothing in it is not taken for a copy.
        for row, payload in zip(chromium.find_elements(By.CSS_SELECTOR, "#events > li"), payloads[::-1], strict=True):
            row.find_element(By.CSS_SELECTOR, ".more").click()
            button = row.find_element(By.CSS_SELECTOR, ".actions button")
            button.click()
            self.assertEqual(button.text, "Copied")
            self.assertEqual(self.copied(), payload)

        chromium.execute_script("document.execCommand = () => false")
        button.click()
        self.assertEqual((button.text, self.text("said")), ("Not copied", "Not copied"))

    def test_bytes_that_are_not_utf8_are_shown_and_sent_again(self):
        postgres.execute("CREATE DATABASE bytes TEMPLATE template0 ENCODING SQL_ASCII LOCALE 'C';")
        self.relay = Relay(postgres.url.replace("/postgres?", "/bytes?"))
        self.addCleanup(self.relay.remove)
        self.open()
        sent = bytes(range(1, 256))
        line = "".join(f"\\x{each:02x}" for each in sent)
        postgres.execute("\\connect bytes", f"NOTIFY {self.channel}, E'{line}';")
        size = self.wait_until(lambda: chromium.find_elements(By.CSS_SELECTOR, "#events summary .size"), "the event")[0]
        self.assertIn("not UTF-8", size.get_property("textContent"))
        chromium.find_element(By.CSS_SELECTOR, "#events .more").click()
        chromium.find_element(By.XPATH, "//button[text()='Copy as psql line']").click()
        self.assertTrue(self.copied().isascii() and self.copied().isprintable(), self.copied())
        postgres.execute("\\connect bytes", self.copied())
        self.wait_until(lambda: len(self.rows()) == 2, "the same again")
        received = [base64.b64decode(event["payload_base64"]) for event in self.relay.history(self.channel)]
        self.assertEqual(received, [sent, sent])

    # Keyboard, screen reader, phone

    def test_keyboard_alone_is_enough(self):
        chromium.get(f"{relay.url}/")
        self.tab_to("channel")
        self.press(self.channel, Keys.ENTER)
        self.wait_for_state("live")
        postgres.notify(self.channel, "first", '{"a": {"b": 1}}', "third")
        self.wait_for_payloads(["third", '{"a": {"b": 1}}', "first"])
        newest, middle, _ = (row["id"] for row in self.rows())
        self.tab_to(f"Copy event {newest}")
        self.press(Keys.ENTER, Keys.TAB, Keys.ENTER)
        self.wait_until(lambda: self.text("said") == "Copied", "what is said")
        self.assertEqual(self.copied(), "third")
        self.tab_to('{"a": {"b": 1}}' + "{ 1 key } · 15 characters")
        self.press(Keys.ENTER)
        self.wait_until(lambda: '"b": 1' in chromium.find_element(By.CSS_SELECTOR, "#events .body").text, "the open payload")
        self.tab_to(f"Copy event {middle}")
        self.press(Keys.ARROW_UP)
        self.assertEqual(self.focus(), f"Copy event {newest}")
        self.press(Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.ARROW_DOWN)
        self.assertEqual(self.focus(), f"Copy event {self.rows()[2]['id']}")
        chromium.execute_script("document.activeElement.blur()")
        self.tab_to("filter")
        self.press("third", Keys.ENTER)
        self.wait_until(lambda: self.text("search-state").startswith("1 found"), "the search")
        self.tab_to("search-close")
        self.press(Keys.ENTER)
        self.assertEqual(self.focus(), "filter")
        self.tab_to("pause")
        self.press(Keys.SPACE)
        self.assertEqual(self.element("pause").get_attribute("aria-pressed"), "true")
        self.press(Keys.SPACE)
        self.tab_to("cut")
        self.press(Keys.SPACE)
        self.wait_for_state("cut")
        self.press(Keys.SPACE)
        self.wait_for_state("live")
        chromium.execute_script("document.activeElement.blur()")
        self.tab_to(f"Remove {self.channel}")
        self.press(Keys.ENTER)
        self.wait_until(lambda: self.element("start").is_displayed(), "the start screen")
        self.assertEqual(self.focus(), "channel")

    def assert_accessible(self, where):
        """Nothing for axe-core to complain about, in both schemes, on a desktop and a phone that need not be scrolled sideways."""
        for scheme in ("light", "dark"):
            for width, height in ((1200, 860), (360, 740)):
                self.emulate(scheme, width=width, height=height)
                self.screenshot(f"{where}-{scheme}-{width}")
                seen = chromium.execute_script("return document.documentElement.scrollWidth")
                self.assertLessEqual(seen, width, f"{where}, {scheme}")
                violations = chromium.execute_async_script(
                    """
                    const [rules, done] = arguments
                    axe.run({ runOnly: rules }).then(
                      ({ violations, passes }) => done(passes.length < 10 ? ['nothing was checked'] : violations.map(
                        ({ id, nodes }) => `${id}: ${nodes.slice(0, 5).map((node) => `${node.html} ${node.failureSummary}`)}`)),
                      (error) => done([String(error)]))
                    """, AXE_RULES)
                self.assertEqual(violations, [], f"{where}, {scheme}, {width} pixels")
        self.emulate("light")

    def test_every_state_is_accessible_and_fits_a_phone(self):
        axe = axe_source()
        secret = "viewer-" * 8
        self.relay = Relay(postgres.url, ES_TOKENSECRET=secret, ES_ANONYMOUSCHANNELS="other,axe.*", ES_CHANNELS="axe.a,axe.long-name-of-a-channel,*")
        self.addCleanup(self.relay.remove)
        def check(where):
            chromium.execute_script(axe)
            self.assert_accessible(where)

        chromium.get(self.relay.url)
        self.wait_until(lambda: "event" in chromium.find_element(By.CSS_SELECTOR, "#known .about").text, "what is recorded")
        check("start")

        self.open("axe.a")
        check("quiet")

        self.open("axe.a", "axe.*")
        person = json.dumps({"op": "INSERT", "row": {"id": 7, "name": "Paul", "active": True}})
        postgres.notify("axe.a", person, "<b>", "long " * 100, "")
        postgres.notify("axe.long-name-of-a-channel", person)
        self.wait_until(lambda: len(self.rows()) == 5, "all events")
        self.element("cut").click()
        self.wait_for_state("cut")
        postgres.notify("axe.a", "missed", person)
        self.element("cut").click()
        self.wait_for_state("live")
        self.wait_until(lambda: self.rows(".resumed") and len(self.rows()) == 7, "what was missed")
        postgres.restart()
        self.wait_until(lambda: self.rows(".gap[data-reason=disconnected]"), "the gap")
        self.wait_for_state("live")
        chromium.find_elements(By.CSS_SELECTOR, "#events .more")[1].click()
        chromium.find_elements(By.CSS_SELECTOR, "#events details.payload > summary")[0].click()
        self.element("pause").click()
        self.wait_until(lambda: "gap" in self.text("span"), "the gap in the timeline")
        check("live")

        self.element("filter").send_keys("row", Keys.ENTER)
        self.wait_until(lambda: "the whole log" in self.text("search-state"), "the search")
        check("search")

        chromium.find_elements(By.CSS_SELECTOR, "#found a")[-1].click()
        self.wait_until(lambda: [row for row in self.rows() if row["isMarked"]], "a place in the past")
        check("past")

        chromium.get(f"{self.relay.url}/?channel=secret")
        self.wait_for_state("refused")
        check("refused")
        self.forget_refusals()

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
            ("not a JSON Web Token", signed_token(secret, channels=["other"])),
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
        self.forget_refusals()

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
        self.assertIn("expired", self.text("state-detail"))
        self.assertTrue(self.element("token-form").is_displayed())
        self.forget_refusals()

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
        modules = ["chart", "chips", "client", "dom", "list", "payload", "relay", "screen", "search", "timeline", "viewer"]
        expected = {"/channels", "/history", "/viewer.css", *(f"/{name}.js" for name in modules)}

        def loaded():
            urls = chromium.execute_script("return performance.getEntriesByType('resource').map((entry) => entry.name)")
            self.assertEqual([url for url in urls if not url.startswith(f"{relay.url}/")], [])
            return {urllib.parse.urlparse(url).path for url in urls}

        self.wait_until(lambda: loaded() >= expected, "all of its files")
        self.assertEqual(loaded(), expected)


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
