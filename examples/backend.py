#!/usr/bin/env python3
"""A page's own backend, as small as it goes: it serves the files of an example and runs its SQL, by name.

    GET  /table/              files of the example and of shared/
    GET  /api/orders          table/sql/get_orders.sql, which answers with one JSON value
    POST /api/order           table/sql/post_order.sql; the fields of a JSON object are its :'variables'
    GET  /api/health          whether the relay hears PostgreSQL
    POST /api/outage          PostgreSQL is away for five seconds

The relay tells pages what changes. What is there, and what users do, is for a backend like this.
Environment: DATABASE_URL, RELAY_URL, POSTGRES_FOLDER, EXAMPLE_PORT. It answers only this machine.
"""

import http.client
import http.server
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request

EXAMPLE = sys.argv[1]
PORT = int(os.environ.get("EXAMPLE_PORT", 7780))
RELAY = os.environ["RELAY_URL"].rstrip("/")
OUTAGE_SECONDS = 5
MAX_BODY = 65_536

HERE = pathlib.Path(__file__).resolve().parent
TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
# What is not in these two is not served: no path of a request ever becomes one of the file system.
FILES = {f"/{path.relative_to(HERE)}": path for name in (EXAMPLE, "shared") for path in (HERE / name).iterdir()}
QUERIES = {path.stem: path for path in (HERE / EXAMPLE / "sql").iterdir()}
OWN_HOSTS = [f"localhost:{PORT}", f"127.0.0.1:{PORT}"]

is_ending = threading.Event()
outage = threading.Lock()


def psql(path, fields):
    """The command that runs a file. psql itself quotes the fields, where the file says :'name'."""
    variables = [f"--set={name}={fields[name]}" for name in variables_of(path)]
    return ["psql", "--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", *variables,
            f"--file={path}", os.environ["DATABASE_URL"]]


def variables_of(path):
    return set(re.findall(r":'(\w+)'", path.read_text()))


def run_query(name, fields):
    """Status and JSON text."""
    if name not in QUERIES:
        return 404, json.dumps(f"no query {name}")
    if missing := variables_of(QUERIES[name]) - fields.keys():
        return 400, json.dumps(f"missing: {', '.join(sorted(missing))}")
    done = subprocess.run(psql(QUERIES[name], fields), capture_output=True, text=True, encoding="utf-8")
    # 2: no connection. 3: PostgreSQL refused what the file asked for.
    status = {0: 200, 2: 503}.get(done.returncode, 400)
    if status == 200:
        return status, done.stdout.strip() or "null"
    # Without the file's path before it and the context behind it.
    print(done.stderr, file=sys.stderr, end="")
    refusal = re.search(r"ERROR:\s*(.*)", done.stderr)
    return status, json.dumps(refusal[1] if status == 400 and refusal else "the database is not available now")


def health():
    try:
        with urllib.request.urlopen(f"{RELAY}/health", timeout=2) as response:
            return json.dumps(json.load(response)["source"])
    except urllib.error.HTTPError as error:
        return json.dumps(json.load(error)["source"])
    except (OSError, http.client.HTTPException, ValueError):
        return json.dumps({"state": "no relay"})


def take_postgres_away():
    """Releases `outage`, which is held from when it is asked for."""
    control, folder = HERE.parent / "scripts/throwaway-postgres.sh", os.environ["POSTGRES_FOLDER"]
    try:
        subprocess.run([control, "down", folder], check=True)
        if not is_ending.wait(OUTAGE_SECONDS):
            subprocess.run([control, "up", folder], check=True)
            if "after_outage" in QUERIES:
                run_query("after_outage", {})
    finally:
        outage.release()


def keep_writing():
    """The example's demo.sql, again after each outage."""
    writer = None
    while not is_ending.is_set():
        writer = subprocess.Popen(psql(HERE / EXAMPLE / "demo.sql", {}), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while writer.poll() is None and not is_ending.wait(0.2):
            pass
    if writer:
        writer.terminate()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path = self.path.partition("?")[0]
        file = FILES.get(path + "index.html" if path.endswith("/") else path)
        if not self.is_own():
            self.answer(403, "text/plain", b"only for pages on this machine")
        elif path == "/":
            self.answer(302, "text/plain", b"", Location=f"/{EXAMPLE}/")
        elif path == "/api/health":
            self.answer(200, "application/json", health().encode())
        elif path.startswith("/api/"):
            self.run("get")
        elif file and file.suffix in TYPES:
            # The address that the files name is the default one.
            self.answer(200, TYPES[file.suffix], file.read_bytes().replace(b"http://localhost:7700", RELAY.encode()))
        else:
            self.answer(404, "text/plain", b"there is no such page")

    def do_POST(self):
        length = self.headers.get("Content-Length", "")
        if not self.is_own():
            self.answer(403, "text/plain", b"only for pages on this machine")
        elif not re.fullmatch(r"\d{1,9}", length) or int(length) > MAX_BODY:
            # Who still sends when the connection ends would not get to read why.
            self.rfile.read(min(int(length), 10 * MAX_BODY) if length.isdecimal() else 0)
            self.answer(413, "text/plain", f"the body may have at most {MAX_BODY} bytes".encode())
        elif self.path == "/api/outage":
            if outage.acquire(blocking=False):
                threading.Thread(target=take_postgres_away).start()
            self.answer(202, "application/json", b"null")
        else:
            self.run("post", self.rfile.read(int(length)))

    def run(self, method, body=b"{}"):
        try:
            fields = {name: str(value) for name, value in json.loads(body).items()}
            # What is no Unicode text would reach psql as bytes that make no text either.
            "".join(fields.values()).encode()
        except (ValueError, AttributeError, RecursionError):
            return self.answer(400, "text/plain", b"expected a JSON object whose values are strings")
        if any("\0" in value for value in fields.values()):
            return self.answer(400, "text/plain", b"PostgreSQL does not accept NUL")
        status, text = run_query(f"{method}_{self.path.removeprefix('/api/')}", fields)
        self.answer(status, "application/json", text.encode())

    def is_own(self):
        """Neither another site's page in this machine's browser, nor one whose name was made to lead here."""
        origin = self.headers.get("Origin")
        return self.headers.get("Host") in OWN_HOSTS and (not origin or origin.removeprefix("http://") in OWN_HOSTS)

    def answer(self, status, kind, body, **headers):
        self.send_response(status)
        for name, value in {"Content-Type": f"{kind}; charset=utf-8", "Cache-Control": "no-store",
                            "Content-Length": len(body), **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), Handler)
    except OSError as error:
        sys.exit(f"example: port {PORT}: {error.strerror}. Another one: EXAMPLE_PORT=7781 examples/run.sh {EXAMPLE}")
    try:
        if (HERE / EXAMPLE / "demo.sql").exists():
            threading.Thread(target=keep_writing).start()
        print(f"\n  Open  http://localhost:{PORT}/{EXAMPLE}/\n\n  Ctrl-C ends everything.\n", flush=True)
        server.serve_forever()
    finally:
        is_ending.set()
        # PostgreSQL must not be started behind the back of who stops it.
        outage.acquire()


main()
