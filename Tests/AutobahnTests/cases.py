"""The cases of the Autobahn test suite, loaded into this Python.

The suite (PyPI: autobahntestsuite) is written for Python 2, which systems no longer ship. But its cases are data and
short methods: what to send, what may come back. So they are taken as they are, with bytes as the text that Python 2 had
for them: each character is one byte (Latin-1). What they used of the suite stands here.
"""

import binascii
import builtins
import importlib.util
import pathlib
import re
import sys
import types


def _hexadecimal(data):
    return binascii.b2a_hex(as_bytes(data)).decode()


def as_bytes(data):
    return data if isinstance(data, bytes) else data.encode("latin-1")


class WebSocketProtocol:
    """The names of the states and close codes that cases use."""

    STATE_CLOSED, STATE_CONNECTING, STATE_CLOSING, STATE_OPEN = range(4)
    CLOSE_STATUS_CODE_NORMAL = 1000
    CLOSE_STATUS_CODE_GOING_AWAY = 1001
    CLOSE_STATUS_CODE_PROTOCOL_ERROR = 1002
    CLOSE_STATUS_CODE_UNSUPPORTED_DATA = 1003
    CLOSE_STATUS_CODE_INVALID_PAYLOAD = 1007
    CLOSE_STATUS_CODE_MESSAGE_TOO_BIG = 1009
    CLOSE_STATUS_CODES_ALLOWED = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011]


class Utf8Validator:
    """As cases use it: (valid so far, ends at a character's end, …)."""

    def reset(self):
        pass

    def validate(self, data):
        try:
            as_bytes(data).decode("utf-8")
            return (True, True, 0, 0)
        except UnicodeDecodeError as error:
            is_cut = error.reason == "unexpected end of data"
            return (is_cut, False, 0, 0)


def _module(name, **content):
    module = types.ModuleType(name)
    module.__dict__.update(content)
    sys.modules[name] = module
    return module


def _load(path, shadow):
    """Runs a file of the suite as a module. Bytes of its literals stay bytes: hence Latin-1."""
    source = path.read_text(encoding="latin-1")
    # Only tests of the suite itself print.
    source = re.sub(r"^(\s*)print\b.*$", r"\1pass", source, flags=re.MULTILINE)
    # Classes that name `object` as a base before another, and division of whole numbers.
    source = source.replace("(object, Case, )", "(Case, )").replace(" / self.p.", " // self.p.")
    module = _module(path.stem)
    module.__dict__["binascii"] = shadow
    exec(compile(source.replace("import binascii", "pass"), str(path), "exec"), module.__dict__)
    return module


def load():
    """All cases by their number as text, such as "7.1.5"; without those of compression."""
    folder = pathlib.Path(importlib.util.find_spec("autobahntestsuite").submodule_search_locations[0]) / "case"
    builtins.xrange, builtins.unichr = range, chr
    _module("autobahn")
    _module("autobahn.websocket")
    _module("autobahn.websocket.protocol", WebSocketProtocol=WebSocketProtocol)
    _module("autobahn.websocket.utf8validator", Utf8Validator=Utf8Validator)
    shadow = types.SimpleNamespace(b2a_hex=_hexadecimal)
    case = _load(folder / "case.py", shadow).Case
    # Compared by value; pickles of equal values may differ.
    case.compare = lambda self, one, other: one == other
    # 9.9 is an unfinished one that the suite itself leaves out.
    unused = ("case12", "case13", "case9_9")
    pending = sorted(path for path in folder.glob("case*_*.py") if not path.stem.startswith(unused))
    found = {}
    # Some derive from others: what fails for want of another is tried again after it.
    while pending:
        later = []
        for path in pending:
            try:
                module = _load(path, shadow)
            except ModuleNotFoundError as error:
                later.append((path, error))
                continue
            found.update(_cases_of(module, case))
        if len(later) == len(pending):
            raise later[0][1]
        pending = [path for path, _ in later]
    return found


def _cases_of(module, base):
    candidates = [value for name, value in vars(module).items() if not name.startswith("_")]
    lists = [value for value in candidates if isinstance(value, list)]
    classes = candidates + [item for values in lists for item in values]
    cases = {}
    for value in classes:
        if isinstance(value, type) and issubclass(value, base) and value is not base:
            numbers = value.__name__.removeprefix("Case").split("_")
            if all(number.isdigit() for number in numbers):
                cases[".".join(numbers)] = value
    return cases
