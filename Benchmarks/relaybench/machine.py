"""What a run was made on, without which its figures say little."""

import datetime
import os
import platform
import re
import subprocess

from .processes import REPOSITORY


def first_line(*command):
    """What a program says; empty where there is no such program."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=REPOSITORY)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip().partition("\n")[0]


def value_in(path, pattern):
    try:
        with open(path, encoding="utf-8") as file:
            found = re.search(pattern, file.read(), re.MULTILINE)
    except OSError:
        return ""
    return found[1].strip() if found else ""


def describe(postgres_url):
    memory = value_in("/proc/meminfo", r"^MemTotal:\s+(\d+)")
    commit = first_line("git", "rev-parse", "--short", "HEAD")
    if commit and first_line("git", "status", "--porcelain", "--untracked-files=no"):
        commit += ", with changes"
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": commit or "unknown",
        "processor": value_in("/proc/cpuinfo", r"^model name\s*:(.*)") or platform.machine(),
        "cores": os.cpu_count(),
        "memory": f"{int(memory) / (1 << 20):.1f} GiB" if memory else "unknown",
        "kernel": platform.release(),
        "PostgreSQL": first_line("psql", "-XAtc", "SHOW server_version", postgres_url) or "unknown",
        "Swift": (re.search(r"Swift version (\S+)", first_line("swiftc", "--version")) or ["", "unknown"])[1],
        "load before": f"{os.getloadavg()[0]:.2f}",
    }
