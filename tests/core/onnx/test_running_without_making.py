"""Running a model is separate from making one."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import aurora_dev.core.onnx.session as session

FOLDER = Path(session.__file__).parent
MAKING = {"bert_graph", "calibration", "quantized", "writer"}


def run(code: str) -> None:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_scoring_with_the_bundled_reranker_imports_nothing_that_makes_models() -> None:
    run(
        "import asyncio, sys\n"
        "from aurora_dev.core.rerank.bundled import BundledReranker\n"
        "scores = asyncio.run(BundledReranker().score('verify tokens', ['def verify(token): ...']))\n"
        "assert scores.shape == (1,)\n"
        f"made = [name for name in {sorted(MAKING)!r} if f'aurora_dev.core.onnx.{{name}}' in sys.modules]\n"
        "assert not made, made\n"
    )


@pytest.mark.parametrize("module", ["aurora_dev.core.reranker", "aurora_dev.core.rerank.without_torch"])
def test_importing_a_reranker_imports_nothing_that_makes_models(module: str) -> None:
    making = {f"aurora_dev.core.onnx.{name}" for name in MAKING}
    run(f"import sys, {module}\nassert not {making!r} & set(sys.modules)")


def test_the_modules_that_run_models_import_none_that_make_them() -> None:
    for path in FOLDER.glob("*.py"):
        if path.stem in MAKING:
            continue
        imported = {
            node.module.rpartition(".")[2]
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.ImportFrom) and node.module
        }
        assert not imported & MAKING, path.name


@pytest.mark.parametrize("choice", [None, "0"])
def test_running_a_model_sends_and_keeps_no_usage_events_unless_the_user_says_so(
    tmp_path: Path, choice: str | None
) -> None:
    code = (
        "import os\n"
        "from aurora_dev.core.rerank.bundled import BundledReranker\n"
        "import asyncio\n"
        "asyncio.run(BundledReranker().score('verify tokens', ['def verify(token): ...']))\n"
        f"assert os.environ['ORT_DISABLE_TELEMETRY'] == {choice or '1'!r}\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_CACHE"))}
    environment.update({"HOME": str(tmp_path), "LOCALAPPDATA": str(tmp_path)})
    if choice is not None:
        environment["ORT_DISABLE_TELEMETRY"] = choice
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr
    if choice is None:
        assert not [file for file in tmp_path.rglob("*") if file.is_file()]
