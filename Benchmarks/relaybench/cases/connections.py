"""Connections: how fast they come, and what an idle one costs."""

import resource
import time

from ..figures import at_most, ratio_at_least
from ..processes import Failure
from . import RUN_SECONDS, Case

# Open files of the relay beyond its WebSockets: other connections that it allows for, and its own.
DESCRIPTORS_BESIDE = 1_200


def connections(bench):
    """All connect to one channel, at most 200 at once, then nothing happens."""
    clients = bench.sizes.idle_clients
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit < clients + DESCRIPTORS_BESIDE:
        needed = clients + DESCRIPTORS_BESIDE
        raise Failure(f"{clients:,} connections need {needed:,} open files, {limit:,} are allowed: ulimit -Hn")
    table = bench.table(f"{clients:,} connections", "yardstick", "relay")
    for contender in bench.runs(table):
        with bench.contenders.start(contender) as server, bench.load.swarm(server, clients) as swarm:
            before = swarm.mark()
            connected = swarm.connect(RUN_SECONDS)
            time.sleep(bench.sizes.idle_window)
            idle = swarm.mark()
        seconds = (connected["ended_us"] - connected["began_us"]) / 1e6
        table.add("connects", "/s", contender, clients / seconds, ratio_at_least(0.8))
        table.add("CPU per connect", "us", contender, connected["server_cpu_ns"] / 1000 / clients, at_most(40))
        each = (idle["server_rss_kib"] - before["server_rss_kib"]) / clients
        table.add("RSS per idle connection", "KiB", contender, each, at_most(8), is_compared=False)
        share = idle["server_cpu_ns"] / 1000 / (idle["ended_us"] - idle["began_us"])
        table.add("CPU while idle, of a core", "%", contender, 100 * share, is_compared=False)


CASES = [Case("connections", "connect rate, memory of idle connections", connections)]
