"""The regular expressions of the package, where they are used, and texts that are hard for each of them."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import aurora_dev

ROOT = Path(aurora_dev.__file__).parent
METHODS = ("search", "match", "fullmatch", "finditer", "findall", "sub", "subn", "split")

# Imports every module in a fresh interpreter, and prints each pattern that is compiled meanwhile with its place.
_RECORDER = """
import importlib, importlib.util, json, pkgutil, re, sys
root = sys.argv[1]
real, found = re._compile, []
def record(pattern, flags):
    frame = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename in (re.__file__, "<string>"):
        frame = frame.f_back
    if frame is not None and frame.f_code.co_filename.startswith(root) and isinstance(pattern, (str, bytes)):
        text = pattern if isinstance(pattern, str) else pattern.decode("latin-1")
        line = frame.f_lineno
        names = []
        while frame is not None and frame.f_code.co_filename.startswith(root):
            names.append([frame.f_code.co_filename, frame.f_lineno])
            frame = frame.f_back
        found.append([names, text, isinstance(pattern, bytes), int(flags)])
    return real(pattern, flags)
re._compile = record
import aurora_dev, aurora_dev.lazy
aurora_dev.lazy.lazy_pattern = lambda expression, flags=0: re.compile(expression, flags)
name = "aurora_dev.core.text.secrets.edits"  # before its package, which makes patterns
spec = importlib.util.spec_from_file_location(name, root + "/core/text/secrets/edits.py")
sys.modules[name] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(sys.modules[name])
sys.modules[name].LazyPattern.__init__ = lambda self, source, flags=0: re.compile(source, flags) and None
for module in pkgutil.walk_packages(aurora_dev.__path__, "aurora_dev."):
    if module.name.endswith("__main__"):
        continue
    try:
        importlib.import_module(module.name)
    except ImportError:
        pass
print(json.dumps(found))
"""


@dataclass(slots=True)
class Place:
    """A call of `re` in the source.

    Attributes:
        module: Path of the module, relative to the package.
        line: First line of the call.
        last: Its last line.
        name: The name that the pattern is assigned to, or the function in which it is used.
        methods: How it is applied.
        patterns: The patterns that this call compiles; empty if they are only known when it runs.
    """

    module: str
    line: int
    last: int
    name: str
    methods: set[str] = field(default_factory=set)
    patterns: list[tuple[str | bytes, int]] = field(default_factory=list)

    @property
    def key(self) -> str:
        return f"{self.module}:{self.name}"


def find_places() -> list[Place]:
    """Find every call of a function of `re` in the package, with the patterns that it compiles."""
    places = [place for path in sorted(ROOT.rglob("*.py")) for place in _places_of(path)]
    elsewhere: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.py"):
        for name, methods in _uses(ast.parse(path.read_text("utf-8"))).items():
            elsewhere.setdefault(name, set()).update(methods)
    for place in places:
        place.methods = place.methods or elsewhere.get(place.name) or {"search"}
    by_line: dict[tuple[str, int], list[Place]] = {}
    for place in places:
        for line in range(place.line, place.last + 1):
            by_line.setdefault((place.module, line), []).append(place)
    shown = subprocess.run([sys.executable, "-c", _RECORDER, str(ROOT)], capture_output=True, check=True, timeout=120)
    for frames, text, is_bytes, flags in json.loads(shown.stdout):
        for file, line in frames:
            found = by_line.get((Path(file).relative_to(ROOT).as_posix(), line), [])
            for place in found:  # several calls may share a line
                pattern = text.encode("latin-1") if is_bytes else text
                if (pattern, flags) not in place.patterns:
                    place.patterns.append((pattern, flags))
            if found:
                break
    return places


def _uses(tree: ast.AST) -> dict[str, set[str]]:
    """Return the methods of patterns that are called on each name."""
    uses: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in METHODS and isinstance(node.value, ast.Name):
            uses.setdefault(node.value.id, set()).add(node.attr)
    return uses


def _places_of(path: Path) -> Iterator[Place]:
    tree = ast.parse(path.read_text("utf-8"))
    module = path.relative_to(ROOT).as_posix()
    uses = _uses(tree)
    owners: dict[ast.AST, str] = {}

    def own(node: ast.AST, name: str) -> None:
        if isinstance(node, ast.Assign | ast.AnnAssign) and name == "":
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            name = target.id if isinstance(target, ast.Name) else name
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = node.name
        owners[node] = name
        for child in ast.iter_child_nodes(node):
            own(child, name)

    own(tree, "")
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not _makes_pattern(node.func):
            continue
        place = Place(module, node.lineno, node.end_lineno or node.lineno, owners[node])
        called = ast.unparse(node.func).rpartition(".")[2]
        place.methods = {called} if called in METHODS else uses.get(place.name, set())
        if called == "LazyPattern":
            place.methods = {"match"}  # it has no other
        if isinstance(node.args[0], ast.Name):
            value = getattr(import_module("aurora_dev." + module[:-3].replace("/", ".")), node.args[0].id, None)
        else:
            value = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
        if isinstance(value, str | bytes):
            given = [*node.args[1:], *(keyword.value for keyword in node.keywords)]
            named = {name for argument in given for name in re.findall(r"\bre\.([A-Z]+)\b", ast.unparse(argument))}
            place.patterns.append((value, sum(int(getattr(re, name)) for name in named)))
        yield place


def _makes_pattern(function: ast.expr) -> bool:
    """Return whether a call is one of `re`, or makes an expression that is compiled on first use."""
    if isinstance(function, ast.Name):
        return function.id in ("lazy_pattern", "LazyPattern")
    if not isinstance(function, ast.Attribute) or not isinstance(function.value, ast.Name):
        return False
    return function.value.id == "re" and function.attr != "escape"


def may_be_slow(pattern: str | bytes, flags: int) -> bool:
    """Return whether a pattern repeats something more than a hundred times: without that, any text takes linear time.

    Bounded repetitions in each other count by their product.
    """
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    return _longest(re._parser.parse(text, flags)) > 100  # type: ignore[attr-defined]


def _longest(parsed: Any) -> int:
    longest = 1
    for operation, value in parsed:
        name = str(operation)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            longest = max(longest, min(int(value[1]), 1_000_000) * _longest(value[2]))
        elif name == "SUBPATTERN":
            longest = max(longest, _longest(value[-1]))
        elif name == "ATOMIC_GROUP":
            longest = max(longest, _longest(value))
        elif name == "BRANCH":
            longest = max(longest, *(_longest(branch) for branch in value[1]))
        elif name in ("ASSERT", "ASSERT_NOT"):
            longest = max(longest, _longest(value[1]))
    return longest


def hard_texts(pattern: str | bytes, flags: int, size: int) -> Iterator[str]:
    """Yield texts of about that many characters, made of what the pattern mentions: all but matching, again and again.

    Each part of the pattern is repeated alone, after what comes before it, and with what comes after it.
    """
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    atoms = list(_atoms(re._parser.parse(text, flags)))[:60]  # type: ignore[attr-defined]
    units: dict[str, str] = {}  # what is repeated, and what comes before it
    for at, atom in enumerate(atoms):
        before = "".join(atoms[max(0, at - 12) : at])
        for unit in {atom, atom[:1], "".join(atoms[at : at + 2]), "".join(atoms[at : at + 4])}:
            if unit:
                units.setdefault(unit, before)
    units.setdefault("".join(atoms), "")
    for unit in ("a", " ", "\n", "a ", " \n", "aB", "1", "_", "-", '"', "\\", "/", "("):
        units.setdefault(unit, "".join(atoms[:3]))
    for unit, before in list(units.items())[:40]:
        if unit:
            body = (unit * (size // len(unit) + 1))[:size]
            yield body
            yield (before + body)[: size - 1] + "\x00"
            yield (before + unit * 3) * (size // (len(before) + 3 * len(unit)) + 1)


def _atoms(parsed: Any) -> Iterator[str]:
    """Yield a text for each part of a parsed pattern, in order."""
    for operation, value in parsed:
        name = str(operation)
        if name == "LITERAL":
            yield chr(value)
        elif name == "NOT_LITERAL":
            yield "b" if value == ord("a") else "a"
        elif name == "ANY":
            yield "a"
        elif name == "IN":
            yield _member(value)
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            least, _, inner = value
            once = "".join(_atoms(inner))
            yield once * min(max(least, 1), 50)
            yield from _atoms(inner)
        elif name == "SUBPATTERN":
            yield from _atoms(value[-1])
        elif name == "ATOMIC_GROUP":
            yield from _atoms(value)
        elif name == "BRANCH":
            for branch in value[1][:12]:
                yield from _atoms(branch)
        elif name in ("ASSERT", "ASSERT_NOT"):
            yield from _atoms(value[1])


def _member(choices: Any) -> str:
    negated = str(choices[0][0]) == "NEGATE"
    if negated:
        compiled = [value for operation, value in choices[1:] if str(operation) == "LITERAL"]
        return next(letter for letter in "a b1-" if ord(letter) not in compiled)
    operation, value = choices[0]
    if str(operation) == "LITERAL":
        return chr(value)
    if str(operation) == "RANGE":
        return chr(value[0])
    return {"CATEGORY_SPACE": " ", "CATEGORY_DIGIT": "1", "CATEGORY_NOT_WORD": "-"}.get(str(value), "a")
