"""The public names: each can be imported, each is meant, and importing the package costs next to nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import aurora_dev


@pytest.mark.parametrize("name", aurora_dev.__all__)
def test_every_public_name_can_be_imported(name: str) -> None:
    assert getattr(aurora_dev, name) is not None
    assert name in dir(aurora_dev)


def test_type_checkers_see_the_same_names_as_programs() -> None:
    tree = ast.parse(Path(str(aurora_dev.__file__)).read_text("utf-8"))
    imported = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {name: f"aurora_dev.{home}" for name, home in aurora_dev._HOMES.items()}
    assert sorted([*imported, "__version__"]) == aurora_dev.__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Memroy"):
        aurora_dev.Memroy  # noqa: B018


def test_importing_the_package_loads_nothing_heavy_and_memory_never_loads_torch() -> None:
    program = (
        "import sys, aurora_dev\n"
        "assert not {'numpy', 'pydantic', 'faiss', 'asyncio'} & set(sys.modules)\n"
        "aurora_dev.Memory, aurora_dev.VectorStore, aurora_dev.CrossEncoderReranker\n"
        "assert not {'torch', 'faiss', 'sentence_transformers', 'structlog', 'tokenizers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
