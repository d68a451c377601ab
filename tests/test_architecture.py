"""The shape of the code is what DESIGN and STYLE promise: rooms import downwards only, names say concepts, files and
functions stay small."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "server" / "countyfhir"

FLOORS: tuple[frozenset[str], ...] = (
    frozenset({"outcome", "exchange", "metrics", "shipped", "__init__"}),
    frozenset({"model"}),
    frozenset({"terminology", "fhirpath"}),
    frozenset({"mapping"}),
    frozenset({"search"}),
    frozenset({"store"}),
    frozenset({"access", "validation", "workflow", "identity", "subscriptions", "audit"}),
    frozenset({"interactions"}),
    frozenset({"operations", "intake"}),
    frozenset({"http", "mllp", "console"}),
    frozenset({"settings"}),
    frozenset({"app"}),
    frozenset({"cli"}),
    frozenset({"__main__"}),
)
"""The rooms of the drawing in README.md, lowest first. Rooms of one floor do not import each other."""

FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
GROUND_FLOOR = FLOORS[0]
FORBIDDEN_WORDS = frozenset(
    {"manager", "managers", "helper", "helpers", "util", "utils", "common", "service", "services"}
    | {"processor", "processors", "impl", "base", "misc"}
)
MODULES = sorted(PACKAGE.rglob("*.py"))
PYTHON_FILES = sorted(path for top in ("server", "tests", "bench") for path in (ROOT / top).rglob("*.py"))


def name_of(path: Path) -> str:
    """The dotted name of a module of ours."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """The room a module lies in: the first name below the package."""
    return [*module.split("."), "__init__"][1]


MODULE_NAMES = {name_of(path) for path in MODULES}


def imported(path: Path, *, at_run_time: bool) -> Iterator[str]:
    """The modules of ours that a file imports; ``at_run_time`` leaves out imports for types and inside functions."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    skipped = {inner for outer in ast.walk(tree) if at_run_time and defers(outer) for inner in ast.walk(outer)}
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "countyfhir")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "countyfhir":
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULE_NAMES else str(node.module)


def defers(node: ast.AST) -> bool:
    """Whether imports below the node do not happen when the module is loaded."""
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def for_types_only(path: Path) -> set[str]:
    """The modules of ours that a file imports only below ``if TYPE_CHECKING``."""
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    guarded = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]
    return {str(node.module) for outer in guarded for node in ast.walk(outer) if isinstance(node, ast.ImportFrom)}


def test_every_module_lies_in_a_known_room() -> None:
    """A new room is drawn (in FLOORS and in README.md) before it is built."""
    assert {room_of(name_of(path)) for path in MODULES} <= set(FLOOR_OF)


def test_rooms_import_only_rooms_below_them() -> None:
    """No import goes upwards or sideways; names used only in annotations may, on the ground floor."""
    wrong = []
    for path in MODULES:
        module = name_of(path)
        room = room_of(module)
        types_only = for_types_only(path) if room in GROUND_FLOOR else set()
        for target in imported(path, at_run_time=False):
            other = room_of(target)
            allowed = other == room or other in GROUND_FLOOR or FLOOR_OF[other] < FLOOR_OF[room]
            if not allowed and target not in types_only and not any(target.startswith(f"{t}.") for t in types_only):
                wrong.append(f"{module} imports {target}")
    assert wrong == []


def test_modules_have_no_import_cycle() -> None:
    """Loading a module never needs the module itself."""
    graph = {name_of(path): sorted(set(imported(path, at_run_time=True))) for path in MODULES}
    done: set[str] = set()

    def walk(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join([*trail[trail.index(module) :], module])
        if module not in done:
            for target in graph.get(module, []):
                if target != module:
                    walk(target, (*trail, module))
            done.add(module)

    for module in graph:
        walk(module, ())


def test_files_and_classes_are_named_after_concepts() -> None:
    """No file and no class carries a word that attracts everything."""
    wrong = []
    for path in PYTHON_FILES:
        names = [path.stem, *(node.name for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef))]
        for name in names:
            words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
            wrong += [f"{path.relative_to(ROOT)}: {name}" for word in words if word.lower() in FORBIDDEN_WORDS]
    assert wrong == []


def test_files_stay_under_500_lines() -> None:
    """A file has one concept; at 500 lines it has two."""
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in PYTHON_FILES}
    assert {name: length for name, length in lengths.items() if length > 500} == {}


def test_functions_stay_under_60_lines() -> None:
    """A function reads in one look. Nested functions count for themselves, too."""
    wrong = []
    for path in MODULES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > 60:
                    wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name} has {length} lines")
    assert wrong == []


def test_every_module_says_what_it_is() -> None:
    """Each module begins with a docstring."""
    silent = [name_of(path) for path in MODULES if path.stat().st_size and not ast.get_docstring(parsed(path))]
    assert silent == []


def test_nothing_is_left_to_do() -> None:
    """No marker of unfinished work stands in the code; what is missing is an issue, not a comment."""
    marker = re.compile(r"\b(TO" + r"DO|FIX" + r"ME)\b")
    wrong = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in PYTHON_FILES
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if marker.search(line)
    ]
    assert wrong == []


def test_inheritance_is_shallow() -> None:
    """A class of ours inherits from at most one other class of ours, which inherits from none (exceptions: two)."""
    classes: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ClassDef):
                classes[node.name] = [ast.unparse(parent).split(".")[-1].split("[")[0] for parent in node.bases]

    def depth(name: str) -> int:
        return max((1 + depth(parent) for parent in classes[name] if parent in classes and parent != name), default=0)

    assert {name: depth(name) for name in classes if depth(name) > 1} == {}


def test_run_and_test_locks_agree() -> None:
    """Every version that runs in production is the version that the tests run, and no lock names an address."""
    run_lock, test_lock = (ROOT / f"requirements{kind}.lock" for kind in ("", "-dev"))
    pin = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", re.MULTILINE)
    pins = dict(pin.findall(test_lock.read_text()))
    assert pins
    assert {name: version for name, version in pin.findall(run_lock.read_text()) if pins.get(name) != version} == {}
    assert "://" not in run_lock.read_text() + test_lock.read_text()


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_every_pin_has_hashes(lock: str) -> None:
    """pip can check each file it gets."""
    blocks = re.split(r"\n(?=[a-z0-9])", (ROOT / lock).read_text())
    assert [block.split()[0] for block in blocks if "--hash=sha256:" not in block] == []


_trees: dict[Path, ast.Module] = {}


def parsed(path: Path) -> ast.Module:
    """The syntax tree of a file, parsed once."""
    if path not in _trees:
        _trees[path] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return _trees[path]
