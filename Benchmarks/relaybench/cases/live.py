"""Live delivery: fan-out, latency, many channels, and what PostgreSQL and the log have to do with it."""

from ..figures import at_most, ratio_at_least, ratio_at_most
from ..sizes import BATCH, RATE, SMALL
from . import RUN_SECONDS, Case

# Those whose figures have targets.
MEASURED = {(1_000, SMALL), (5_000, SMALL)}


def size(clients, size_of_payload):
    return f"{clients:,} client{'s' if clients > 1 else ''}, {size_of_payload:,} B"


def delivered(bench, contender, clients, count, per_transaction=BATCH, **options):
    """All clients connect, then all events are published; the swarm's report, and the publisher's."""
    publishing = {"bytes": options.pop("bytes", SMALL), "rate": options.pop("rate", None)}
    channels = options.get("channels", 1)
    with bench.contenders.start(contender) as server:
        with bench.load.swarm(server, clients, until=count, **options) as swarm:
            swarm.connect(RUN_SECONDS)
            with bench.load.publisher(
                count=count * channels, channels=channels, per_transaction=per_transaction, **publishing
            ) as publisher:
                report = swarm.complete(RUN_SECONDS)
                return report, publisher.wait_for_report("published", RUN_SECONDS)


def fan_out(bench):
    """All events are published at once, in transactions of 100; every client gets all of them."""
    for clients, payload, count in bench.sizes.fan_out:
        table = bench.table(f"fan-out, {size(clients, payload)}, {count:,} events", "yardstick", "relay")
        is_judged = (clients, payload) in MEASURED
        for contender in bench.runs(table):
            report, _ = delivered(bench, contender, clients, count, bytes=payload)
            table.add("deliveries", "/s", contender, report.rate, ratio_at_least(0.5) if is_judged else None)
            cpu = at_most(0.25) if is_judged else None
            table.add("CPU per delivery", "us", contender, report.server_cpu_us_each, cpu)
            table.add("the swarm, of a core", "%", contender, 100 * report.own_share, is_compared=False)


def latency(bench):
    """Some events a second, one in each transaction: from just before NOTIFY until a client has read it."""
    for clients, payload, count, rate in bench.sizes.at_rate:
        table = bench.table(f"{rate} events/s, {size(clients, payload)}", "yardstick", "relay")
        is_judged = (clients, payload) == (1_000, SMALL)
        targets = {0.5: ratio_at_most(1.2), 0.99: ratio_at_most(1.5)} if is_judged else {}
        for contender in bench.runs(table):
            report, _ = delivered(bench, contender, clients, count, 1, bytes=payload, rate=rate, latency=True)
            for share in (0.5, 0.99, 0.999):
                milliseconds = report.percentile(share) / 1000
                table.add(f"latency p{100 * share:g}", "ms", contender, milliseconds, targets.get(share))
            cpu = ratio_at_most(1.3) if is_judged else None
            table.add("CPU per delivery", "us", contender, report.server_cpu_us_each, cpu)
            table.add("deliveries", "/s", contender, report.rate)


def many_channels(bench):
    """Events go round the channels, flat out; each has a few clients."""
    channels, clients, count = bench.sizes.many_channels
    table = bench.table(f"{channels:,} channels, {clients} clients on each, flat out", "yardstick", "relay")
    for contender in bench.runs(table):
        report, _ = delivered(bench, contender, channels * clients, count, channels=channels)
        table.add("deliveries", "/s", contender, report.rate)
        table.add("CPU per delivery", "us", contender, report.server_cpu_us_each)


def ingest(bench):
    """One client and a flat-out publisher, beside a listener that does nothing but count."""
    for count, per_transaction, target in zip(bench.sizes.ingest, (BATCH, 1), (0.5, 0.95)):
        table = bench.table(f"1 client flat out, {per_transaction} a transaction", "bare listener", "relay")
        for contender in bench.runs(table):
            if contender == "relay":
                report, published = delivered(bench, contender, 1, count, per_transaction)
                table.add("largest RSS", "MiB", contender, report["server_peak_rss_kib"] / 1024)
            else:
                report, published = heard(bench, count, per_transaction)
            behind = max(0, report["last_receipt_us"] - published["ended_us"])
            table.add("events", "/s", contender, report.rate, ratio_at_least(target))
            table.add("CPU per event", "us", contender, report.server_cpu_us_each)
            table.add("behind the publisher at its end", "ms", contender, behind / 1000, is_compared=False)


def heard(bench, count, per_transaction):
    """The same for the bare listener."""
    with bench.load.listener(until=count) as listener:
        with bench.load.publisher(count=count, per_transaction=per_transaction) as publisher:
            return listener.complete(RUN_SECONDS), publisher.wait_for_report("published", RUN_SECONDS)


def log_cost(bench):
    """The same relay with and without append. Events come in bursts, each when the one before is delivered."""
    for clients, count, bursts in bench.sizes.log_cost:
        table = bench.table(f"cost of the log, {size(clients, SMALL)}", "relay without log", "relay")
        for contender in bench.runs(table):
            reports = []
            with bench.contenders.start(contender) as server:
                with bench.load.swarm(server, clients) as swarm:
                    swarm.connect(RUN_SECONDS)
                    for first in range(0, bursts * count, count):
                        swarm.expect_more(first + count)
                        bench.load.publish(RUN_SECONDS, count=count, first=first, per_transaction=BATCH)
                        reports.append(swarm.complete(RUN_SECONDS))
            deliveries = sum(report["deliveries"] for report in reports)
            rate = deliveries / sum(report.seconds for report in reports)
            cpu = sum(report["server_cpu_ns"] for report in reports) / 1000 / deliveries
            table.add("deliveries", "/s", contender, rate, ratio_at_least(0.9))
            table.add("CPU per delivery", "us", contender, cpu)


CASES = [
    Case("fan-out", "one channel, flat out, 1 to 5,000 clients, small and large payloads", fan_out),
    Case("latency", f"the same at {RATE} events a second: p50, p99, p99.9", latency),
    Case("channels", "many channels with a few clients each, flat out", many_channels),
    Case("ingest", "one client against what PostgreSQL itself can deliver", ingest),
    Case("log-cost", "fan-out with and without the append", log_cost),
]
