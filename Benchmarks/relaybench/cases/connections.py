"""Connections: how fast they come, and what an idle one costs."""

import time

from ..figures import at_most, ratio_at_least
from . import RUN_SECONDS, Case


def connections(bench):
    """All connect to one channel, at most 256 at once, then nothing happens."""
    clients = bench.sizes.idle_clients
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
        for name, field in (("RSS", "server_rss_kib"), ("PSS", "server_pss_kib")):
            each = (idle[field] - before[field]) / clients
            table.add(f"{name} per idle connection", "KiB", contender, each, at_most(8) if name == "RSS" else None)
        share = idle["server_cpu_ns"] / 1000 / (idle["ended_us"] - idle["began_us"])
        table.add("CPU while idle, of a core", "%", contender, 100 * share)


CASES = [Case("connections", "connect rate, memory of idle connections", connections)]
