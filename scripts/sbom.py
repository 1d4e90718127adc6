#!/usr/bin/env python3
"""What is in the program: a software bill of materials as CycloneDX 1.6, JSON.

    scripts/sbom.py [--binary FILE] [--output FILE] [--texts FILE] [--check docs/dependencies.md]

--binary   the program, in the folder that it was built in: what was linked is read there (default .build/debug)
--output   the file to write, - for standard output
--texts    a file for the licences and notices of all that is linked in
--check    a table of a document that has to name what is linked, with its licences

Packages that were resolved but are not linked have the scope "excluded". The same build gives the same bytes; the time
is SOURCE_DATE_EPOCH, else that of the last commit. Needs git, pkg-config and Swift.
"""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import subprocess
import sys
import time
import uuid

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = "pg_eventrelay"

# What packages carry within them: the module, its name, its licence, and the file and pattern with its version.
VENDORED = [
    ("CNIOBoringSSL", "BoringSSL in swift-nio-ssl", "Apache-2.0", "hash.txt", r"revision ([0-9a-f]{40})"),
    ("CCryptoBoringSSL", "BoringSSL in swift-crypto", "Apache-2.0", "hash.txt", r"revision ([0-9a-f]{40})"),
    ("CXKCP", "XKCP in swift-crypto", "CC0-1.0", "vendored-sources.txt", r"XKCP#master \(heads/master-0-g(\w+)\)"),
    ("CNIOLLHTTP", "llhttp in swift-nio", "MIT", "include/c_nio_llhttp.h", r"VERSION_M\w+ (\d+)\n.*?(\d+)\n.*?(\d+)"),
    ("CNIOSHA1", "sha1.c of FreeBSD in swift-nio", "BSD-3-Clause", None, None),
]
# What the system or the toolchain brings: the name, its licence, and the command that tells its version.
SYSTEM = [
    ("libpq", "PostgreSQL", ["pkg-config", "--modversion", "libpq"]),
    ("SQLite", "blessing", ["pkg-config", "--modversion", "sqlite3"]),
    # The ICU in it, by which Foundation knows languages and calendars, is under Unicode-3.0.
    ("Swift runtime and Foundation", "Apache-2.0 WITH Swift-exception AND Unicode-3.0", ["swiftc", "--version"]),
]


class Failure(Exception):
    """What keeps it from a true answer."""


@dataclasses.dataclass
class Component:
    name: str
    version: str
    licence: str
    is_linked: bool = True
    url: str = ""
    revision: str = ""
    folder: pathlib.Path | None = None
    needs: frozenset = frozenset()

    @property
    def reference(self):
        if self.url:
            return f"pkg:swift/{re.sub('^https://|[.]git$', '', self.url)}@{self.version}"
        return f"{self.name}@{self.version}"

    def json(self):
        spdx = {"expression": self.licence} if " " in self.licence else {"license": {"id": self.licence}}
        value = {
            "type": "library",
            "bom-ref": self.reference,
            "name": self.name,
            "version": self.version,
            "scope": "required" if self.is_linked else "excluded",
            "licenses": [spdx],
        }
        if self.url:
            value["purl"] = self.reference
            value["externalReferences"] = [{"type": "vcs", "url": self.url}]
            value["properties"] = [{"name": "git:revision", "value": self.revision}]
        return value


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=REPOSITORY).stdout.strip()


def linked_modules(binary):
    """The modules whose object files the linker was given."""
    listing = binary.parent / f"{PROGRAM}.product" / "Objects.LinkFileList"
    if not listing.exists():
        raise Failure(f"{listing} is not there: --binary has to be where it was built")
    return set(re.findall(r"/([^/]+)\.build/", listing.read_text()))


def licence_texts(folder):
    """The files of a package that say what one may do with it, and whose it is."""
    return sorted(path for path in folder.iterdir() if re.match(r"(LICEN[CS]E|NOTICE)", path.name, re.IGNORECASE))


def licence_of(folder):
    texts = [path for path in licence_texts(folder) if path.name.upper().startswith("LICEN")]
    text = "\n".join(path.read_text(encoding="utf-8") for path in texts)
    if "Apache License" in text and "Version 2.0" in text:
        return "Apache-2.0 WITH Swift-exception" if "Runtime Library Exception" in text else "Apache-2.0"
    if "Permission is hereby granted, free of charge" in text:
        return "MIT"
    raise Failure(f"the licence in {folder} is none that this script knows")


def packages(scratch, modules):
    """All resolved packages, and where each linked module lies."""
    tree = json.loads(
        output_of("swift", "package", "--scratch-path", str(scratch), "show-dependencies", "--format", "json")
    )
    nodes, waiting = {}, list(tree["dependencies"])
    while waiting:
        node = waiting.pop()
        nodes[node["identity"]] = node
        waiting += node["dependencies"]
    own = {target.name for target in (REPOSITORY / "Sources").iterdir()} | {"RelayAssets", "RelayMigrations"}
    folders = {}
    for module in modules - own:
        found = [
            (identity, pathlib.Path(node["path"]) / "Sources" / module)
            for identity, node in nodes.items()
            if (pathlib.Path(node["path"]) / "Sources" / module).is_dir()
        ]
        if len(found) != 1:
            raise Failure(f"the module {module} lies in {len(found)} packages, so its package is not known")
        folders[module] = found[0]
    linked = {identity for identity, _ in folders.values()}
    components = [
        Component(
            name=identity,
            version=node["version"],
            licence=licence_of(pathlib.Path(node["path"])),
            is_linked=identity in linked,
            url=node["url"],
            revision=output_of("git", "-C", node["path"], "rev-parse", "HEAD"),
            folder=pathlib.Path(node["path"]),
            needs=frozenset(each["identity"] for each in node["dependencies"]),
        )
        for identity, node in nodes.items()
    ]
    return components, {module: folder for module, (_, folder) in folders.items()}, tree


def vendored(folders):
    for module, name, licence, file, pattern in VENDORED:
        if module not in folders:
            continue
        version = "unknown"
        if file and (folders[module] / file).exists():
            match = re.search(pattern, (folders[module] / file).read_text(), re.DOTALL)
            if match is None:
                raise Failure(f"{folders[module] / file} does not tell the version of {name}")
            version = ".".join(match.groups())
        yield Component(name=name, version=version, licence=licence)


def system():
    for name, licence, command in SYSTEM:
        answer = output_of(*command)
        match = re.search(r"Swift version (\S+)", answer)
        yield Component(name=name, version=match.group(1) if match else answer, licence=licence)


def bill(components, direct, version):
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH") or output_of("git", "log", "-1", "--format=%ct"))
    references = {component.name: component.reference for component in components}
    root = f"{PROGRAM}@{version}"
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds)),
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": PROGRAM,
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": [component.json() for component in components],
        "dependencies": [
            {"ref": root, "dependsOn": sorted(references[name] for name in direct)},
            *(
                {"ref": component.reference, "dependsOn": sorted(references[name] for name in component.needs)}
                for component in components
            ),
        ],
    }
    # A name of the content: another program has another, the same has the same.
    name = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(document, sort_keys=True))
    schema = "http://cyclonedx.org/schema/bom-1.6.schema.json"
    return {"$schema": schema, "serialNumber": f"urn:uuid:{name}", **document}


def check(document, components):
    """Compares with the rows "| name | … | licence |" of a table."""
    rows = re.findall(r"^\| (?:\[)?([^|\]]+?)(?:\]\([^)]*\))? \|.*\| ([^|]+) \|$", document.read_text(), re.MULTILINE)
    written = {(name, licence) for name, licence in rows if set(name) != {"-"} and name != "what"}
    linked = {(component.name, component.licence) for component in components if component.is_linked}
    for name, licence in sorted(linked - written):
        print(f"{document}: missing: | {name} | … | {licence} |", file=sys.stderr)
    for name, licence in sorted(written - linked):
        print(f"{document}: not linked: | {name} | … | {licence} |", file=sys.stderr)
    if written != linked:
        raise Failure(f"{document} does not name what is linked")


def write_texts(path, components):
    with open(path, "w", encoding="utf-8") as file:
        for component in components:
            if not component.is_linked or component.folder is None:
                continue
            for text in licence_texts(component.folder):
                file.write(f"{'=' * 72}\n{component.name} {component.version}: {text.name}\n{'=' * 72}\n\n")
                file.write(text.read_text(encoding="utf-8").strip("\n") + "\n\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", type=pathlib.Path, default=REPOSITORY / ".build/debug" / PROGRAM)
    parser.add_argument("--output")
    parser.add_argument("--texts", type=pathlib.Path)
    parser.add_argument("--check", type=pathlib.Path)
    arguments = parser.parse_args()

    # …/SCRATCH/debug is a link to …/SCRATCH/TRIPLE/debug.
    binary = arguments.binary.absolute()
    scratch = binary.parent.parent
    modules = linked_modules(binary)
    swift_packages, folders, tree = packages(scratch, modules)
    components = sorted(
        [*swift_packages, *vendored(folders), *system()], key=lambda component: component.name.lower()
    )
    if arguments.check:
        check(arguments.check, components)
    if arguments.texts:
        write_texts(arguments.texts, components)
    if arguments.output:
        version = output_of(str(binary), "--version").split()[1]
        direct = {each["identity"] for each in tree["dependencies"]} | {name for name, _, _ in SYSTEM}
        text = json.dumps(bill(components, direct, version), indent=2, ensure_ascii=False) + "\n"
        if arguments.output == "-":
            sys.stdout.write(text)
        else:
            pathlib.Path(arguments.output).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"sbom: {failure}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"sbom: {' '.join(map(str, error.cmd))} ended with {error.returncode}: {error.stderr}")
