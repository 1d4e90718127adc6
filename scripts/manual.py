#!/usr/bin/env python3
"""Writes the manual page: options from the program's own argument parser, the rest from the documents.

    scripts/manual.py PROGRAM > pg_eventrelay.1

The date is SOURCE_DATE_EPOCH, else that of the last commit.
"""

import json
import os
import pathlib
import re
import subprocess
import sys
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
# Sections of the page, and the section of a document that each is made of.
SECTIONS = [
    ("SETTINGS", "docs/settings.md", "All settings"),
    ("SIGNALS", "docs/operations.md", "Stopping"),
    ("FILES", "docs/operations.md", "The files"),
    ("EXIT STATUS", "docs/operations.md", "Exit codes"),
]


def escaped(text):
    """Plain text for roff."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"(?m)^([.'])", r"\\&\1", text)


def bold(text):
    return f"\\fB{escaped(text)}\\fR"


def inline(markdown):
    """A paragraph of Markdown. Links keep their text, code and what is strong become bold."""
    markdown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", markdown)
    parts = re.split(r"(`[^`]+`|\*\*[^*]+\*\*)", markdown)
    text = "".join(
        bold(part[1:-1]) if part[:1] == "`" else bold(part[2:-2]) if part[:2] == "**" else escaped(part)
        for part in parts
    )
    return re.sub(r"^([.'])", r"\\&\1", text)


def section_of(document, title):
    """The lines below a heading, up to the next of the same level."""
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    match = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if match is None:
        raise SystemExit(f"manual: {document} has no section '{title}'")
    return match.group(1).strip().split("\n")


def roff(lines):
    """Paragraphs, lists, tables and code of Markdown."""
    page, heads, is_code, table_row = [], [], False, 0
    for line in lines:
        if line.startswith("```"):
            is_code = not is_code
            page.append(".PP\n.nf" if is_code else ".fi")
            continue
        if is_code:
            page.append(escaped(line))
            continue
        table_row = table_row + 1 if line.startswith("|") else 0
        cells = [cell.strip() for cell in line.strip()[1:-1].split("|")] if table_row else []
        if table_row == 1:
            heads = [head + ("" if not head or head.endswith("?") else ":") for head in cells]
        elif table_row > 2:  # Below the heads stands a rule.
            told = [f"{head} {cell}".strip() for head, cell in zip(heads[1:], cells[1:]) if cell]
            page += [".TP", inline(cells[0]), inline(". ".join(told)) or "\\&"]
        elif table_row == 0:
            numbered = re.match(r"(\d+\.|-) (.*)", line)
            if numbered:
                mark = "\\(bu" if numbered.group(1) == "-" else numbered.group(1)
                page += [f".IP {mark} 4", inline(numbered.group(2))]
            elif line:
                page += [".PP", inline(line)]
    return page


def option(argument):
    if argument["kind"] == "positional":
        return [".TP", f"\\fI{escaped(argument['valueName'])}\\fR", inline(argument.get("abstract", "")) or "\\&"]
    names = []
    for name in argument["names"]:
        dashes = "-" if name["kind"] == "short" else "--"
        value = "" if argument["kind"] == "flag" else f" \\fI{escaped(argument['valueName'])}\\fR"
        names.append(f"\\fB{escaped(dashes + name['name'])}\\fR{value}")
    return [".TP", ", ".join(names), inline(argument.get("abstract", "")) or "\\&"]


def commands_below(command, path=()):
    """The commands that do something, by all words that call them."""
    for each in command["subcommands"]:
        words = (*path, each["commandName"])
        if each["commandName"] == "help":
            continue
        if each.get("subcommands"):
            yield from commands_below(each, words)
        else:
            yield " ".join(words), each


def main():
    program = sys.argv[1]
    dump = json.loads(subprocess.run([program, "--experimental-dump-help"], check=True, capture_output=True).stdout)
    version = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
    seconds = os.environ.get("SOURCE_DATE_EPOCH") or subprocess.run(
        ["git", "-C", REPOSITORY, "log", "-1", "--format=%ct"], check=True, capture_output=True, text=True
    ).stdout
    date = time.strftime("%Y-%m-%d", time.gmtime(int(seconds)))

    command = dump["command"]
    name = command["commandName"]
    shared = [argument for argument in command["arguments"] if argument["shouldDisplay"]]
    shared_names = {json.dumps(argument["names"]) for argument in shared}
    commands = list(commands_below(command))

    page = [
        f'.TH {name.upper()} 1 {date} "pg_eventrelay {version}" "User Commands"',
        ".SH NAME",
        f"{name} \\- PostgreSQL NOTIFY to WebSocket, with resume",
        ".SH SYNOPSIS",
    ]
    # The first is the default one, which the dump does not tell.
    for index, (words, each) in enumerate(commands):
        word = f"[\\fB{escaped(words)}\\fR]" if index == 0 else f"\\fB{escaped(words)}\\fR"
        values = [argument["valueName"] for argument in each["arguments"] if argument["kind"] == "positional"]
        line = [f"\\fB{name}\\fR", word, "[\\fIoptions\\fR]", *(f"\\fI{value}\\fR" for value in values)]
        page += [" ".join(line), ".br"]
    page[-1:] = [".SH DESCRIPTION", inline(command["abstract"]), ".PP", inline(command["discussion"])]
    page.append(".SH COMMANDS")
    for words, each in commands:
        page += [".TP", f"\\fB{escaped(words)}\\fR", inline(each["abstract"])]
        if each.get("discussion"):
            page += [".IP", inline(each["discussion"])]
    page.append(".SH OPTIONS")
    for argument in shared:
        page += option(argument)
    for words, each in commands:
        own = [
            argument
            for argument in each["arguments"]
            if argument["shouldDisplay"] and json.dumps(argument.get("names")) not in shared_names
        ]
        if own:
            page += [".PP", f"Of \\fB{escaped(words)}\\fR only:"]
        for argument in own:
            page += option(argument)
    for title, document, heading in SECTIONS:
        page.append(f".SH {title}")
        body = roff(section_of(document, heading))
        page += body[1:] if body and body[0] == ".PP" else body
    page += [
        ".SH ENVIRONMENT",
        ".TP",
        bold("DATABASE_URL") + ", " + bold("ES_") + "\\fIKEY\\fR",
        "Settings, see above.",
        ".TP",
        bold("PGPASSFILE") + ", " + bold("PGSSLROOTCERT") + " and others of libpq",
        "What the connection string leaves open.",
        ".TP",
        bold("NOTIFY_SOCKET") + ", " + bold("WATCHDOG_USEC") + ", " + bold("WATCHDOG_PID"),
        escaped("Where a service manager is told of readiness, state, stop and signs of life, see sd_notify(3)."),
    ]
    page += [".SH SEE ALSO", "\\fBpsql\\fR(1), \\fBsqlite3\\fR(1), \\fBsystemctl\\fR(1)"]
    print("\n".join(page))


if __name__ == "__main__":
    main()
