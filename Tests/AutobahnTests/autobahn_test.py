#!/usr/bin/env python3
"""Runs the cases of the Autobahn test suite against a WebSocket and prints a table of outcomes.

    autobahn_test.py NAME HOST:PORT TARGET [--no-echo] [--without PREFIX…]

The suite's package has to be importable. Exits with 1 if any outcome is neither OK, NON-STRICT nor INFORMATIONAL.

With --no-echo the server is one that ignores messages: of what a case expects, echoed messages are left out, and a case
that such a message would have ended is ended without it. All that is judged on pings, broken rules and closing stays.
"""

import argparse
import asyncio
import collections
import sys

import cases
from fuzzing_client import FuzzingClient

GOOD = ("OK", "NON-STRICT", "INFORMATIONAL")
# Connections at a time: most cases wait for something not to happen. Large messages would only wait for each other.
AT_A_TIME = 24
AT_A_TIME_IF_LARGE = 1
ROWS_SHOWN = 30
# No case of those that run takes longer, also on a busy machine.
TIME_LIMIT = 120.0


def number(case):
    return tuple(int(part) for part in case.split("."))


async def run_all(chosen, host, port, target, echoes):
    outcomes = {}

    async def run(name, case_type, slots):
        async with slots:
            try:
                case = await FuzzingClient().run(case_type, host, port, target, echoes, TIME_LIMIT)
                outcomes[name] = (case.behavior, case.behaviorClose, case.result, case.resultClose)
            except Exception as error:  # One case that can't run must not hide the others.
                outcomes[name] = ("FAILED", "FAILED", f"{type(error).__name__}: {error}", "")

    for is_large, at_a_time in ((False, AT_A_TIME), (True, AT_A_TIME_IF_LARGE)):
        slots = asyncio.Semaphore(at_a_time)
        names = [name for name in chosen if name.startswith("9.") == is_large]
        await asyncio.gather(*(run(name, chosen[name], slots) for name in names))
    return outcomes


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("address")
    parser.add_argument("target")
    parser.add_argument("--no-echo", action="store_true")
    parser.add_argument("--without", nargs="*", default=[])
    arguments = parser.parse_args()
    host, port = arguments.address.rsplit(":", 1)

    left_out = [number(prefix) for prefix in arguments.without]
    chosen = {
        name: case_type
        for name, case_type in sorted(cases.load().items(), key=lambda item: number(item[0]))
        if not any(number(name)[: len(prefix)] == prefix for prefix in left_out)
    }
    outcomes = asyncio.run(run_all(chosen, host, int(port), arguments.target, not arguments.no_echo))

    sections = collections.defaultdict(collections.Counter)
    bad = []
    for name, (behavior, close, *reasons) in outcomes.items():
        outcome = next((each for each in (behavior, close) if each not in GOOD), behavior)
        sections[name.split(".")[0]][outcome] += 1
        if outcome not in GOOD:
            bad.append((name, behavior, close, *reasons))
    print(f"{arguments.name}: {len(outcomes)} cases")
    for section in sorted(sections, key=int):
        print(f"  {section + '.*':5} " + ", ".join(f"{count} {name}" for name, count in sections[section].items()))
    for name, behavior, close, result, result_close in sorted(bad, key=lambda row: number(row[0]))[:ROWS_SHOWN]:
        print(f"  {name:8} {behavior} / {close}: {result} {result_close}")
    # A suite that was not found must not look like one that passed.
    return 1 if bad or len(outcomes) < 100 else 0


if __name__ == "__main__":
    sys.exit(main())
