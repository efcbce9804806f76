"""Who may import whom: one test per rule, each listing every breach. See `CONTRIBUTING.md`.

A room is a folder of the package, named by its path with dots: ``core.local``. Two folders hold two rooms each, because
their modules belong to two layers: ``aurora_dev`` itself (``facade`` and ``base``) and ``aurora_dev/core``
(``core.doors`` and ``core.contracts``). `test_public_names.py` measures what ``import aurora_dev`` costs.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from imports import Import, find_cycles, find_modules, imports_of, read_imports

PACKAGE = Path(__file__).parent.parent / "aurora_dev"
MODULES = find_modules(PACKAGE)
IMPORTS = read_imports(MODULES)
TREES = {module: ast.parse(path.read_text("utf-8")) for module, path in MODULES.items()}

FACADE = {"aurora_dev", "aurora_dev.__main__"}
BASE = {
    f"aurora_dev.{name}"
    for name in ("config", "errors", "git_folders", "lazy", "log", "regular_files", "target_file", "version")
}
DOORS = {
    f"aurora_dev.core.{name}"
    for name in (
        "context_manager",
        "factory",
        "faiss_store",
        "http_reranker",
        "pinecone_store",
        "quick_reader",
        "reranker",
        "vector_store",
    )
}
CONTRACTS = {"aurora_dev.core"} | {
    f"aurora_dev.core.{name}"
    for name in ("arguments", "contracts", "display", "filters", "record_checks", "record_kinds", "types")
}

# From top to bottom. A room imports from lower layers, and from its own where INSIDE_A_LAYER says so.
LAYERS = [
    {"facade", "testing"},
    {"interfaces", "interfaces.cli", "interfaces.cli.actions", "interfaces.cli.output", "interfaces.cli.sessions"},
    {"interfaces.hooks", "interfaces.install", "interfaces.mcp", "interfaces.mcp.tools"},
    {"memory"},
    {
        "evaluation",
        "history",
        "indexing",
        "indexing.chunking",
        "indexing.git",
        "notes",
        "notes.model",
        "notes.similarity",
        "sessions",
        "sessions.formats",
        "transfer",
    },
    {"core.doors"},
    {
        "core.context",
        "core.context.hits",
        "core.dense",
        "core.embed",
        "core.keyword",
        "core.local",
        "core.local.dense",
        "core.onnx",
        "core.pinecone",
        "core.rerank",
        "core.scope",
        "core.search",
        "core.services",
        "core.tokens",
    },
    {"core.contracts"},
    {"core.text"},  # strings to strings: it needs no contract
    {"core.text.secrets"},
    {"syntax"},
    {"syntax.languages"},
    {"base", "models"},
]
INSIDE_A_LAYER = {
    "core.context": {"core.tokens"},
    "core.embed": {"core.onnx", "core.services"},
    "core.local": {"core.keyword"},
    "core.local.dense": {"core.local"},
    "core.pinecone": {"core.keyword", "core.services"},
    "core.rerank": {"core.onnx", "core.pinecone", "core.services"},
    "core.search": {"core.dense"},
    "indexing": {"history", "indexing.chunking", "indexing.git"},
    "indexing.git": {"history"},
    "interfaces.cli": {"interfaces.cli.actions", "interfaces.cli.output"},
    "interfaces.cli.actions": {"interfaces.cli.output"},
    "interfaces.cli.sessions": {"interfaces.cli", "interfaces.cli.actions", "interfaces.cli.output"},
    "interfaces.mcp": {"interfaces.mcp.tools"},
    "interfaces.mcp.tools": {"interfaces.hooks"},
    "notes": {"notes.model", "notes.similarity"},
    "notes.similarity": {"notes.model"},
    "sessions": {"indexing", "sessions.formats"},
}

# Machinery behind a door: only these rooms may import it.
NEIGHBOURS = {
    "core.local": {"core.doors", "core.local.dense"},
    "core.local.dense": {"core.doors"},
    "core.onnx": {"core.doors", "core.embed", "core.rerank"},
    "core.pinecone": {"core.doors", "core.rerank"},
    "core.services": {"core.doors", "core.embed", "core.pinecone", "core.rerank"},
}

# Third-party packages, and the rooms or modules that may import each.
VENDORS = {
    "anyio": {"interfaces.mcp"},
    "faiss": {"core.local"},
    "httpx": {"core.embed", "core.rerank", "core.services"},
    "mcp": {"interfaces.mcp"},
    "onnxruntime": {"core.onnx"},
    "pinecone": {"core.pinecone"},
    "rich": {"interfaces.cli", "interfaces.cli.actions", "interfaces.cli.output"},
    "sentence_transformers": {"aurora_dev.core.reranker", "core.embed", "core.rerank"},
    "sqlite3": {"core.local", "core.local.dense", "sessions.formats"},  # opencode keeps its sessions in a database
    "starlette": {"interfaces.mcp"},
    "structlog": {"base"},
    "tiktoken": {"core.tokens"},
    "tomlkit": {"interfaces.install"},
    "torch": {"aurora_dev.core.reranker", "core.embed", "core.rerank"},
    "tree_sitter": {"syntax"},
    "tree_sitter_language_pack": {"syntax"},
    "typer": {"interfaces.cli", "interfaces.cli.actions", "interfaces.cli.sessions"},
    "uvicorn": {"interfaces.mcp"},
    "watchfiles": {"indexing"},
}
# Packages that take long to import.
HEAVY = {
    "faiss",
    "huggingface_hub",
    "onnxruntime",
    "optimum",
    "pinecone",
    "safetensors",
    "sentence_transformers",
    "tiktoken",
    "tokenizers",
    "torch",
    "transformers",
    "tree_sitter",
    "tree_sitter_language_pack",
    "watchfiles",
}

MOST_MODULES = 16


def room_of(module: str) -> str:
    if module in FACADE:
        return "facade"
    if module in BASE or module.rpartition(".")[0] in BASE:
        return "base"
    if module in DOORS:
        return "core.doors"
    if module in CONTRACTS:
        return "core.contracts"
    is_package = MODULES[module].name == "__init__.py"
    folder = module if is_package else module.rpartition(".")[0]
    return folder.removeprefix("aurora_dev").removeprefix(".")


LAYER_OF = {room: number for number, rooms in enumerate(LAYERS) for room in rooms}


def imports_between_rooms() -> Iterator[tuple[str, str, Import]]:
    """Yield the room that imports, the other room that it imports from, and the import."""
    for found in IMPORTS:
        if found.imported in MODULES:
            importer, imported = room_of(found.importer), room_of(found.imported)
            if importer != imported:
                yield importer, imported, found


def assert_none(breaches: Iterable[object]) -> None:
    """Fail with a list of the breaches, one per line."""
    lines = sorted({str(found) for found in breaches})
    assert not lines, "\n".join(["", *lines])


def test_every_module_is_in_a_room_that_has_a_layer() -> None:
    assert_none(module for module in MODULES if room_of(module) not in LAYER_OF)


def test_the_graph_of_rooms_has_no_cycle() -> None:
    between = list(imports_between_rooms())
    edges: dict[str, set[str]] = {}
    for importer, imported, _ in between:
        edges.setdefault(importer, set()).add(imported)
    cycles = find_cycles(edges)
    breaches = [
        found
        for importer, imported, found in between
        if any(importer in cycle and imported in cycle for cycle in cycles)
    ]
    assert_none(breaches)


def test_a_room_imports_from_lower_layers_and_declared_neighbours() -> None:
    breaches = [
        found
        for importer, imported, found in imports_between_rooms()
        if LAYER_OF[imported] <= LAYER_OF[importer] and imported not in INSIDE_A_LAYER.get(importer, ())
    ]
    assert_none(breaches)


def test_machinery_is_imported_by_its_doors_and_neighbours_only() -> None:
    breaches = [
        found
        for importer, imported, found in imports_between_rooms()
        if imported in NEIGHBOURS and importer not in NEIGHBOURS[imported]
    ]
    assert_none(breaches)


def test_a_vendor_package_is_imported_in_its_room_only() -> None:
    breaches = [
        found
        for found in IMPORTS
        if found.vendor in VENDORS and not {found.importer, room_of(found.importer)} & VENDORS[found.vendor]
    ]
    assert_none(breaches)


def test_heavy_packages_are_imported_inside_functions() -> None:
    breaches = [found for found in IMPORTS if found.vendor in HEAVY and not (found.late or found.type_only)]
    assert_none(breaches)


def test_runtime_code_does_not_import_testing() -> None:
    breaches = [found for _, imported, found in imports_between_rooms() if imported == "testing"]
    assert_none(breaches)


def test_only_config_reads_the_environment() -> None:
    readers = [
        f"{module}:{node.lineno}"
        for module, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute | ast.ImportFrom)
        if not f"{module}.".startswith("aurora_dev.config.") and reads_the_environment(node)
    ]
    assert_none(readers)


def reads_the_environment(node: ast.Attribute | ast.ImportFrom) -> bool:
    names = {"environ", "environb", "getenv", "getenvb"}
    if isinstance(node, ast.Attribute):
        return node.attr in names
    return node.module == "os" and bool(names & {alias.name for alias in node.names})


def test_no_folder_has_more_than_16_modules() -> None:
    counts = Counter(path.parent.relative_to(PACKAGE).as_posix() for path in MODULES.values())
    assert_none(f"{folder} has {count} modules" for folder, count in counts.items() if count > MOST_MODULES)


def test_no_code_above_core_compares_the_name_of_a_backend() -> None:
    comparisons = [
        f"{module}:{node.lineno}"
        for module, tree in TREES.items()
        if room_of(module) != "base" and not room_of(module).startswith("core")
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare) and compares_a_backend(node)
    ]
    assert_none(comparisons)


def compares_a_backend(node: ast.Compare) -> bool:
    """Return whether something that is called a backend or a kind is compared with the name of a backend."""
    parts = [part for side in (node.left, *node.comparators) for part in ast.walk(side)]
    constants = {part.value for part in parts if isinstance(part, ast.Constant)}
    names = [part.attr for part in parts if isinstance(part, ast.Attribute)]
    names += [part.id for part in parts if isinstance(part, ast.Name)]
    return bool(constants & {"faiss", "pinecone"}) and any(name.endswith(("backend", "kind")) for name in names)


def test_imports_are_read_at_every_depth() -> None:
    source = (
        "import os.path\n"
        "from aurora_dev.core import vector_store\n"
        "from aurora_dev.errors import AuroraError\n"
        "if TYPE_CHECKING:\n"
        "    import torch\n"
        "else:\n"
        "    import faiss\n"
        "class C:\n"
        "    def f(self):\n"
        "        import tiktoken\n"
    )
    assert list(imports_of("m", source, MODULES)) == [
        Import("m", "os.path"),
        Import("m", "aurora_dev.core.vector_store"),
        Import("m", "aurora_dev.errors"),
        Import("m", "torch", type_only=True),
        Import("m", "faiss"),
        Import("m", "tiktoken", late=True),
    ]


def test_cycles_are_found_through_other_nodes() -> None:
    assert find_cycles({"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set()}) == [["a", "b", "c"]]
    assert find_cycles({"a": {"b", "c"}, "b": {"c"}}) == []
