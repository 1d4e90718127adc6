"""What comes from the log, which the yardstick lacks: replays, storms of clients that come back, pages of history."""

import contextlib
import json
import time
import urllib.request

from ..figures import at_least, at_most
from ..load import merged, percentile
from ..sizes import BATCH, RATE
from . import RUN_SECONDS, Case

# More than is ever published here: what a replay has to give must not be evicted.
ROOMY = {"LogMaxEvents": 4_000_000, "LogMaxBytes": "4GiB", "MaxChannels": 2_000}
IDS_ON_A_PAGE = 1_000


@contextlib.contextmanager
def filled(bench, count, channels=1, **settings):
    """A relay with `count` events in each channel."""
    with bench.contenders.start("relay", **ROOMY, **settings) as server:
        # One client for each channel makes it recorded, and tells when all is there.
        with bench.load.swarm(server, channels, until=count, channels=channels) as swarm:
            swarm.connect(RUN_SECONDS)
            bench.load.publish(RUN_SECONDS, count=count * channels, channels=channels, per_transaction=BATCH)
            swarm.complete(RUN_SECONDS)
        yield server


def newest_ids(server, count, channel="bench"):
    """Of the newest `count` events, ascending."""
    ids = []
    while len(ids) < count:
        before = f"&before={ids[0]}" if ids else ""
        url = f"http://127.0.0.1:{server.port}/history/{channel}?limit={min(IDS_ON_A_PAGE, count - len(ids))}{before}"
        with urllib.request.urlopen(url, timeout=RUN_SECONDS) as answer:
            ids = [each["id"] for each in json.load(answer)["events"] if each["type"] == "event"] + ids
    return ids


def cursor_file(bench, name, cursors):
    """For the swarm: of each client the id that it saw last and the number of the event that follows."""
    path = bench.contenders.postgres.folder / name
    path.write_text("".join(f"{event_id} {number}\n" for event_id, number in cursors))
    return path


def spread_cursors(bench, server, total, clients, missing):
    """Each client at a place of its own, so that on average `missing` of `total` events are behind it."""
    first = missing // 2
    distances = [first + (index * missing) // clients for index in range(clients)]
    ids = newest_ids(server, max(distances) + 1)
    cursors = [(ids[-1 - distance], total - distance) for distance in distances]
    return cursor_file(bench, f"cursors-{clients}", cursors)


def replayed(bench, server, clients, count, cursors, meanwhile=contextlib.nullcontext(), **options):
    """All connect at once; the rate and CPU of the replay, from the first connect to the last event."""
    with bench.load.swarm(server, clients, until=count, cursors=cursors, **options) as swarm, meanwhile:
        reports = [swarm.connect(RUN_SECONDS), swarm.complete(RUN_SECONDS)]
    deliveries = sum(report["deliveries"] for report in reports)
    seconds = (max(report["last_receipt_us"] for report in reports) - reports[0]["began_us"]) / 1e6
    cpu = sum(report["server_cpu_ns"] for report in reports) / 1000 / deliveries
    return {"rate": deliveries / seconds, "cpu": cpu, "peak": reports[-1]["server_peak_rss_kib"] / 1024}


def replay(bench):
    """One client that missed everything, then many that missed a part."""
    total = bench.sizes.replay_one
    clients, missing = bench.sizes.replay_many
    with filled(bench, total) as server:
        runs = (
            (f"replay, 1 client misses {total:,}", 1, cursor_file(bench, "from-0", [(0, 0)]), 1e6),
            (f"replay, {clients:,} clients miss {missing:,} each", clients,
             spread_cursors(bench, server, total, clients, missing), 3e6),
        )
        for name, count, cursors, target in runs:
            table = bench.table(name, "relay")
            for _ in bench.runs(table):
                result = replayed(bench, server, count, total, cursors)
                table.add("deliveries", "/s", "relay", result["rate"], at_least(target))
                table.add("CPU per delivery", "us", "relay", result["cpu"])
                table.add("largest RSS so far", "MiB", "relay", result["peak"])


class LiveTraffic:
    """Clients that are live on a channel of their own while something else happens."""

    def __init__(self, swarm):
        self.swarm = swarm

    @contextlib.contextmanager
    def watched(self, histograms):
        self.swarm.mark()
        yield
        histograms.append(self.swarm.mark()["latency_us"])


@contextlib.contextmanager
def live_traffic(bench, server):
    endless = 10_000_000
    with bench.load.swarm(server, bench.sizes.live_clients, channel="live", latency=True) as swarm:
        swarm.connect(RUN_SECONDS)
        with bench.load.publisher(channel="live", count=endless, rate=RATE):
            yield LiveTraffic(swarm)


@contextlib.contextmanager
def as_much_elsewhere(bench, meanwhile):
    """As many connects and deliveries as in a storm, at another server: what the machine takes from live traffic."""
    clients, missing = bench.sizes.storm
    with bench.contenders.start("yardstick") as other:
        with bench.load.swarm(other, clients, until=missing, channel="elsewhere") as swarm, meanwhile:
            swarm.connect(RUN_SECONDS)
            bench.load.publish(RUN_SECONDS, channel="elsewhere", count=missing, per_transaction=missing)
            swarm.complete(RUN_SECONDS)


def add_storms(bench, table, server, clients, count, cursors, target, **options):
    """Each round: the live traffic alone, then beside storms, then beside as much that is another server's."""
    with live_traffic(bench, server) as live:
        for _ in bench.runs(table):
            quiet, stormy, elsewhere, results = [], [], [], []
            with live.watched(quiet):
                time.sleep(bench.sizes.quiet_window)
            for _ in range(bench.sizes.storms):
                results.append(replayed(bench, server, clients, count, cursors, live.watched(stormy), **options))
                as_much_elsewhere(bench, live.watched(elsewhere))
            rate = sum(result["rate"] for result in results) / len(results)
            table.add("deliveries", "/s", "relay", rate, at_least(target) if target else None)
            table.add("CPU per delivery", "us", "relay", sum(result["cpu"] for result in results) / len(results))
            # Tiny storms are over before a live event comes, and a short quiet too.
            for share in (0.5, 0.99) if merged(quiet) and merged(stormy) and merged(elsewhere) else ():
                before, during = percentile(merged(quiet), share), percentile(merged(stormy), share)
                beside = percentile(merged(elsewhere), share)
                name = f"live p{100 * share:g}"
                table.add(f"{name}, quiet", "ms", "relay", before / 1000)
                table.add(f"{name}, storm", "ms", "relay", during / 1000)
                table.add(f"{name}, as much elsewhere", "ms", "relay", beside / 1000)
                judged = at_most(2) if share == 0.99 and target else None
                table.add(f"{name}, storm : quiet", "", "relay", during / max(1, before), judged)
                table.add(f"{name}, storm : elsewhere", "", "relay", during / max(1, beside))


def storm(bench):
    """Clients come back all at once to one channel, each from a place of its own."""
    clients, missing = bench.sizes.storm
    total = 2 * missing
    with filled(bench, total) as server:
        cursors = spread_cursors(bench, server, total, clients, missing)
        table = bench.table(f"storm, {clients:,} clients miss {missing:,} each, one channel", "relay")
        add_storms(bench, table, server, clients, total, cursors, 2e6)


def storm_restart(bench):
    """The same after a restart: nothing is in memory, and each client is told that the relay was away."""
    clients, missing = bench.sizes.storm
    total = 2 * missing
    log = bench.contenders.postgres.folder / "restarted.db"
    with filled(bench, total, LogPath=log) as server:
        cursors = spread_cursors(bench, server, total, clients, missing)
    with bench.contenders.start("relay", **ROOMY, LogPath=log) as server:
        table = bench.table(f"storm after a restart, {clients:,} clients miss {missing:,} each", "relay")
        add_storms(bench, table, server, clients, total, cursors, None, gaps_each=1)


def storm_channels(bench):
    """The same with a channel for each client: what they miss lies apart in the log, and only there."""
    clients, missing = bench.sizes.storm
    with filled(bench, missing, channels=clients) as server:
        cursors = cursor_file(bench, "from-0", [(0, 0)])
        table = bench.table(f"storm, {clients:,} clients miss {missing:,} each, a channel each", "relay")
        add_storms(bench, table, server, clients, missing, cursors, None, channels=clients)


def history(bench):
    """Pages of the log as JSON, each from another place; on one connection, and on several."""
    with filled(bench, bench.sizes.replay_one) as server:
        for pages, limit in bench.sizes.history:
            ids = newest_ids(server, min(bench.sizes.replay_one, 50 * limit))
            cursors = cursor_file(bench, f"pages-{limit}", [(each, 0) for each in ids[:-limit][:: max(1, limit // 10)]])
            for connections in (1, 8):
                name = f"history, pages of {limit:,}, {connections} connection{'s' if connections > 1 else ''}"
                table = bench.table(name, "relay")
                for _ in bench.runs(table):
                    with bench.load.started(
                        "pager", port=server.port, server=server.pid, pages=pages, limit=limit,
                        connections=connections, cursors=cursors,
                    ) as pager:
                        report = pager.wait_for_report("complete", RUN_SECONDS)
                    seconds = (report["ended_us"] - report["began_us"]) / 1e6
                    table.add("pages", "/s", "relay", pages / seconds)
                    table.add("events", "/s", "relay", pages * limit / seconds)
                    table.add("CPU per page", "us", "relay", report["server_cpu_ns"] / 1000 / pages)


CASES = [
    Case("replay", "one client that missed a million events; 200 that missed 10,000 each", replay),
    Case("storm", "1,000 clients that come back at once, beside live traffic", storm),
    Case("storm-restart", "the same after a restart of the relay, when nothing is in memory", storm_restart),
    Case("storm-channels", "the same, each on a channel of its own", storm_channels),
    Case("history", "pages of /history", history),
]
