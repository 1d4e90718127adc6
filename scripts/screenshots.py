#!/usr/bin/python3
"""Takes the README's pictures of the viewer: docs/images/viewer-*.png.

    PG_EVENTRELAY=.build/debug/pg_eventrelay scripts/screenshots.py [FOLDER]     or: make screenshots

A relay with three hours of made-up history, an outage among it, and some events that come live. The Debian packages
fonts-inter and fonts-jetbrains-mono make the pictures look as on most people's machines; without them they are taken
in what there is. With VIEWER_ASSETS set, the files of that folder are shown in place of the binary's.
"""

import contextlib
import json
import math
import os
import pathlib
import random
import sqlite3
import struct
import sys
import tempfile
import time
import zlib

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(REPOSITORY / "Tests/ViewerTests"))
sys.dont_write_bytecode = True

import viewer_test  # noqa: E402

FOLDER = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else REPOSITORY / "docs/images")
HOURS = 3
SECOND = 1_000_000
LARGEST_BYTES = 150_000

FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>
<include ignore_missing="yes">/etc/fonts/fonts.conf</include>
<match><test name="family"><string>system-ui</string></test><edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match>
<match><test name="family"><string>sans-serif</string></test><edit name="family" mode="prepend" binding="strong"><string>Inter</string></edit></match>
<match><test name="family"><string>monospace</string></test><edit name="family" mode="prepend" binding="strong"><string>JetBrains Mono</string></edit></match>
</fontconfig>
"""

NAMES = ["Ada", "Bela", "Chidi", "Dana", "Emeka", "Freya", "Hana", "Iris", "João", "Kofi", "Lena", "Mio", "Nils", "Oona"]
CITIES = ["Lisbon", "Oslo", "Kyoto", "Nairobi", "Lima", "Gdańsk", "Montréal", "Hobart", "São Paulo", "Reykjavík"]
CHANNELS = ["people", "orders.created", "orders.paid", "orders.shipped", "heartbeat"]
dice = random.Random(7)


def payload(channel, number):
    name = dice.choice(NAMES)
    if channel == "people":
        person = {"id": number % 400, "name": name, "city": dice.choice(CITIES), "cups": dice.randrange(9)}
        return json.dumps({"change": dice.choice(["insert", "update", "update", "delete"]), "person": person}, ensure_ascii=False)
    if channel == "heartbeat":
        return json.dumps({"beat": number})
    order = {"order": 41_000 + number, "customer": name}
    if channel == "orders.created":
        order["items"] = dice.randrange(1, 7)
    if channel == "orders.paid":
        order["amount"] = f"{dice.randrange(500, 30_000) / 100:.2f}"
    return json.dumps(order, ensure_ascii=False)


def channel_of_next():
    return dice.choices(CHANNELS, [8, 5, 4, 3, 1])[0]


def write_history(path):
    """As if the relay had run for hours: it finds this log at its start."""
    now = time.time_ns() // 1000
    start, outage = now - HOURS * 3600 * SECOND, now - 64 * 60 * SECOND
    with sqlite3.connect(path) as log:
        log.execute("UPDATE meta SET begins_after = ?, high_water = ?, clean = 1", (start - 1, now))
        log.execute("DELETE FROM gap")
        log.execute("UPDATE channel SET since = ?, recorded_from = ?", (start, start))
        channels = dict(log.execute("SELECT name, id FROM channel"))
        at, number, last = start, 0, start
        while at < now:
            elapsed = (at - start) / (HOURS * 3600 * SECOND)
            rate = 1.4 + math.sin(elapsed * 9) + (3.5 if 0.28 < elapsed < 0.33 else 0) + (2 if elapsed > 0.985 else 0)
            at += int(dice.expovariate(max(0.25, rate)) * SECOND) + 1
            if outage < at < outage + 9 * 60 * SECOND:
                at = outage + 9 * 60 * SECOND
                log.execute("INSERT INTO gap (id, after_id, reason) VALUES (?, ?, 'disconnected')", (at, last))
                continue
            channel = channel_of_next()
            text = payload(channel, number)
            number, last = number + 1, at
            log.execute("INSERT INTO event (id, channel_id, bytes, payload) VALUES (?, ?, ?, ?)",
                        (at, channels[channel], len(text.encode()), text))
    log.close()
    return number


def smaller(png):
    """The same pixels. Chromium filters the lines as photographs need it; a page of text packs better without."""
    width, height = struct.unpack_from(">II", png, 16)
    raw, size, line = zlib.decompress(viewer_test.image_data(png)), 3 * width, bytearray(3 * width)
    lines = []
    for start in range(0, len(raw), size + 1):
        kind, above, line = raw[start], bytes(3) + line, bytearray(3) + raw[start + 1:start + 1 + size]
        for i in range(3, len(line)) if kind else ():
            a, b, c = line[i - 3], above[i], above[i - 3]
            nearest = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            line[i] = line[i] + (0, a, b, (a + b) // 2, nearest)[kind] & 255
        lines.append(b"\0" + line[3:])
        line = line[3:]

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return png[:8] + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"".join(lines), 9)) + chunk(b"IEND", b"")


def take(name, browser):
    picture = smaller(browser.get_screenshot_as_png())
    if len(picture) > LARGEST_BYTES:
        raise SystemExit(f"screenshots: {name}.png would have {len(picture):,} bytes, more than {LARGEST_BYTES:,}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.png").write_bytes(picture)
    print(f"{FOLDER / name}.png, {len(picture):,} bytes")


def main():
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as fonts:
        fonts.write(FONTS)
        fonts.flush()
        os.environ["FONTCONFIG_FILE"] = fonts.name
        take_all()


def take_all():
    with contextlib.ExitStack() as stack:
        postgres = viewer_test.Postgres()
        stack.callback(postgres.remove)
        relay = viewer_test.Relay(postgres.url, ES_CHANNELS=",".join([*CHANNELS, "*"]))
        stack.callback(relay.remove)
        browser = viewer_test.start_chromium()
        stack.callback(browser.quit)
        relay.stop()
        number = write_history(relay.folder / "relay.db")
        relay.start()

        def notify(count):
            nonlocal number
            for _ in range(count):
                channel = dice.choice(CHANNELS[:4])
                postgres.notify(channel, payload(channel, number))
                number += 1

        def wait_for(state):
            script = "return document.getElementById('status').dataset.state === arguments[0]"
            viewer_test.eventually(lambda: browser.execute_script(script, state), f"state {state}")

        def click(identifier):
            # Not by the mouse, which would stay and be seen.
            browser.execute_script("document.getElementById(arguments[0]).click()", identifier)

        def emulate(scheme, width):
            viewer_test.emulate(browser, scheme, width, 760, motion="reduce")

        def settle():
            """Chart and timeline are painted each second, and the counts of channels are a second old."""
            browser.execute_async_script("setTimeout(arguments[0], 2500)")

        address = f"{relay.url}/?channel=people&channel=orders.*"
        emulate("light", 1120)
        browser.get(address)
        wait_for("live")
        notify(2)
        browser.execute_script("document.getElementById('cut').dataset.seconds = 600")
        click("cut")
        wait_for("cut")
        notify(3)
        click("cut")
        wait_for("live")
        notify(2)
        settle()
        for scheme in ("light", "dark"):
            emulate(scheme, 1120)
            take(f"viewer-{scheme}", browser)
        emulate("light", 390)
        settle()
        take("viewer-phone", browser)


if __name__ == "__main__":
    main()
