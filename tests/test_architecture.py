"""Who may import whom, read from the source with `ast`."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "aurora_dev"
MODULES = sorted(PACKAGE.rglob("*.py"))

# Third-party packages that may appear in these modules only.
CONFINED = {
    "faiss": {"core/local/vector_index.py"},
    "pinecone": {"core/pinecone/client.py"},
    "mcp": {"interfaces/mcp/server.py"},
    "onnxruntime": {"core/onnx/session.py"},
    "torch": {"core/embed/sentence_transformers.py", "core/reranker.py"},
    "sentence_transformers": {"core/embed/sentence_transformers.py", "core/reranker.py"},
    "tiktoken": {"core/tokens/openai.py"},
    "tree_sitter": {"syntax/grammars.py", "syntax/definition_queries.py"},
    "tree_sitter_language_pack": {"syntax/grammars.py"},
}
# Packages that take long to import: only inside functions, so that `import aurora_dev` stays fast.
LATE = {"faiss", "torch", "sentence_transformers", "tree_sitter_language_pack", "tokenizers", "safetensors", "tiktoken"}
LATE |= {"onnxruntime", "pinecone"}

# Layers from the top to the bottom; a module imports from its own layer or from a lower one.
LAYERS = [
    ["interfaces/"],
    ["evaluation/"],
    ["memory/sync.py"],
    ["memory/__init__.py", "memory/notes.py", "memory/projects.py", "memory/status.py", "memory/transfer.py"],
    ["core/factory.py"],
    ["indexing/", "notes/", "history/", "transfer/"],
    ["core/"],
    ["syntax/", "log.py"],
    ["errors.py"],
]


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def imports(path: Path, *, top_level_only: bool = False) -> Iterator[str]:
    """Yield the dotted names that a module imports, also inside functions; not those for type checkers alone."""

    def walk(node: ast.AST) -> Iterator[str]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test):
                continue
            if isinstance(child, ast.Import):
                yield from (alias.name for alias in child.names)
            elif isinstance(child, ast.ImportFrom) and child.module:
                yield child.module
                yield from (f"{child.module}.{alias.name}" for alias in child.names)
            is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            if not (top_level_only and is_function):
                yield from walk(child)

    yield from walk(ast.parse(path.read_text("utf-8")))


def layer(name: str) -> int | None:
    for number, members in enumerate(LAYERS):
        if any(name == member or (member.endswith("/") and name.startswith(member)) for member in members):
            return number
    return None


def own_module(dotted: str) -> str | None:
    """Return the file of ``aurora_dev.a.b`` where it is one."""
    if not dotted.startswith("aurora_dev."):
        return None
    path = PACKAGE.joinpath(*dotted.split(".")[1:])
    for candidate in (path.with_suffix(".py"), path / "__init__.py"):
        if candidate.exists():
            return relative(candidate)
    return None


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_confined_packages_appear_in_their_module_only(path: Path) -> None:
    for name in imports(path):
        package = name.split(".")[0]
        assert package not in CONFINED or relative(path) in CONFINED[package], f"{relative(path)} imports {package}"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_slow_packages_are_imported_late(path: Path) -> None:
    late = {name.split(".")[0] for name in imports(path, top_level_only=True)} & LATE
    assert not late, f"{relative(path)} imports {late} at its top"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_modules_import_from_their_own_layer_or_a_lower_one(path: Path) -> None:
    here = layer(relative(path))
    if here is None:
        return
    # VectorStore resolves names through the factory, which alone knows the concrete classes: one late import upwards.
    allowed = {"core/factory.py"} if relative(path) == "core/vector_store.py" else set()
    for name in imports(path):
        target = own_module(name)
        if target is None or target in allowed:
            continue
        there = layer(target)
        assert there is None or there >= here, f"{relative(path)} imports {target} from above it"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_sqlite_is_known_to_the_local_store_alone(path: Path) -> None:
    of_the_store = ("core/sqlite_", "core/faiss_", "core/derived_index", "core/index_kinds", "core/filter_cache")
    assert relative(path).startswith(of_the_store) or "sqlite3" not in set(imports(path))


def test_backends_do_not_import_each_other() -> None:
    assert not set(imports(PACKAGE / "core/faiss_store.py")) & {"aurora_dev.core.pinecone_store"}


def test_ranking_imports_numpy_and_types_only() -> None:
    outside = {name.split(".")[0] for name in imports(PACKAGE / "core/search/ranking.py")}
    assert outside <= {"__future__", "collections", "numpy", "aurora_dev"}
    own = {target for name in imports(PACKAGE / "core/search/ranking.py") if (target := own_module(name))}
    assert own <= {"core/types.py", "errors.py"}


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_runtime_code_does_not_import_testing(path: Path) -> None:
    if relative(path).startswith("testing/"):
        return
    assert not any(name.startswith("aurora_dev.testing") for name in imports(path))


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_only_config_reads_the_environment(path: Path) -> None:
    if relative(path).startswith("config/"):
        return
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        reads = isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
        assert not reads, f"{relative(path)}:{getattr(node, 'lineno', '?')} reads the environment"


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_modules_stay_short(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 500
