#!/usr/bin/env python3
"""Prints the events of channels, each once, over restarts of the relay, of the network, and with --position of itself.

    examples/listen.py http://localhost:7700 people orders --position people.id
"""
import argparse, http.client, json, os, pathlib, random, signal, sys, time, urllib.error, urllib.parse, urllib.request

arguments = argparse.ArgumentParser()
arguments.add_argument("relay")
arguments.add_argument("channels", nargs="+")
arguments.add_argument("--position", type=pathlib.Path, help="file that keeps the position, to continue from there")
options = arguments.parse_args()

is_kept = options.position and options.position.exists()
last, _, log = (is_kept and options.position.read_text() or "latest").partition(" ")
signal.signal(signal.SIGINT, signal.SIG_DFL)
wait = 0.5
while True:
    query = [("channel", name) for name in options.channels] + [("last-seen-id", last), *[("log", log)] * bool(log)]
    url = f"{options.relay.rstrip('/')}/listen?{urllib.parse.urlencode(query)}"
    try:
        # A sign of life comes each 30 s.
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Accept": "text/event-stream"}), timeout=75) as stream:
            for line in stream:
                if not line.startswith(b"data:") or not line.endswith(b"\n"):
                    continue
                message = json.loads(line[5:])
                print(json.dumps(message), flush=True)
                # Of every message, whatever its type. What was printed and not yet noted when this ends comes again.
                last, log, wait = message["id"], message.get("log", log), 0.5
                if options.position:
                    pathlib.Path(f"{options.position}.new").write_text(f"{last} {log}")
                    os.replace(f"{options.position}.new", options.position)
    except urllib.error.HTTPError as error:  # A proxy whose relay is away may answer anything, which is no refusal.
        if error.headers.get_content_type() == "application/problem+json" and error.code < 500 and error.code not in (408, 429):
            sys.exit(f"{error.code}: {error.read().decode()}")
    except (OSError, http.client.HTTPException):
        pass
    time.sleep(wait * random.uniform(0.5, 1))
    wait = min(2 * wait, 30)
