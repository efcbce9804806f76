"""List and call every tool with the MCP Inspector's command line. Run it with try_inspector.sh, which sets it up."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SOURCES = {
    "src/tokens.py": "def verify_token(token, key):\n    'Check the signature of a token.'\n    return key in token\n",
    "docs/guide.md": "# Guide\n\nTokens are verified in one place.\n",
}
# Tool, arguments, path into the answer's data, and the expected value there. NEW stands for the id of the new note.
CALLS: tuple[tuple[str, dict[str, Any], str, Any], ...] = (
    ("memory_status", {}, "indexed", False),
    ("index_project", {}, "files_added", 2),
    ("memory_status", {}, "files", 2),
    ("search_memory", {"query": "verify_token", "top_k": 2, "sources": ["files"]}, "results.0.path", "src/tokens.py"),
    ("build_context", {"task": "change verify_token", "token_budget": 600}, "left_out", 0),
    ("remember", {"content": "Tokens are signed with EdDSA.", "kind": "decision", "tags": ["auth"]}, "is_new", True),
    ("recall", {"query": "how are tokens signed"}, "results.0.id", "NEW"),
    ("update_memory", {"id": "NEW", "importance": 9}, "importance", 9),
    ("recall", {"ids": ["NEW"]}, "results.0.importance", 9),
    ("forget", {"ids": ["NEW"]}, "forgotten", 1),
)
TOOLS = sorted({name for name, *_ in CALLS})


class Inspector:
    """Runs the Inspector against one server, with one process per request."""

    def __init__(self, program: str, target: list[str], headers: list[str]) -> None:
        self.program = program
        self.target = target
        self.headers = headers
        self.failures = 0

    def ask(self, method: str, *options: str) -> dict[str, Any]:
        """Return the Inspector's JSON. It exits with 0 for a result, and with 5 for a tool error."""
        command = [self.program, "--cli", *self.target, "--method", method, *options, *self.headers]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        try:
            answer = json.loads(done.stdout)
        except ValueError:
            raise SystemExit(
                f"{' '.join(command)}\nexited with {done.returncode}:\n{done.stdout}{done.stderr}"
            ) from None
        if method == "tools/list" and done.returncode:
            raise SystemExit(f"the Inspector rejects a schema:\n{done.stderr}")
        return dict(answer)

    def check(self, name: str, actual: Any, expected: Any) -> None:
        """Print the result of a check, and count failures."""
        passed = actual == expected
        self.failures += not passed
        print(f"  {'ok  ' if passed else 'FAIL'} {name}: {actual!r}" + ("" if passed else f", not {expected!r}"))

    def call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Return the structured content of a tool's answer."""
        pairs = []
        for name, value in arguments.items():
            pairs += ["--tool-arg", f"{name}={value if isinstance(value, str) else json.dumps(value)}"]
        answer = self.ask("tools/call", "--tool-name", tool, *pairs)
        if answer.get("isError") or not answer.get("structuredContent"):
            self.failures += 1
            print(f"  FAIL {tool} {arguments}: {answer['content'][0]['text']}")
        return dict(answer.get("structuredContent") or {})


def value_at(data: Any, path: str) -> Any:
    """Return the value at a dotted path, or ``None``."""
    for name in path.split("."):
        if isinstance(data, list):
            data = data[int(name)] if int(name) < len(data) else None
        else:
            data = data.get(name) if isinstance(data, dict) else None
    return data


def examine(inspector: Inspector) -> None:
    """List and call everything that the server offers."""
    listed = inspector.ask("tools/list", "--strict")["tools"]
    inspector.check("tools/list", sorted(tool["name"] for tool in listed), TOOLS)
    new = ""
    for tool, arguments, path, wanted in CALLS:
        filled = json.loads(json.dumps(arguments).replace("NEW", new))
        data = inspector.call(tool, filled)
        expected = new if wanted == "NEW" else wanted
        inspector.check(f"{tool} {json.dumps(filled)} → {path}", value_at(data, path), expected)
        if tool == "remember":
            new = data.get("id", "")
            resources = inspector.ask("resources/list")["resources"]
            inspector.check("resources/list", [resource["uri"] for resource in resources], [f"aurora://memory/{new}"])
            content = inspector.ask("resources/read", "--uri", f"aurora://memory/{new}")["contents"][0]["text"]
            inspector.check("resources/read", "EdDSA" in content, True)
    templates = inspector.ask("resources/templates/list")["resourceTemplates"]
    inspector.check(
        "resources/templates/list", [template["uriTemplate"] for template in templates], ["aurora://memory/{id}"]
    )
    prompts = inspector.ask("prompts/list")["prompts"]
    inspector.check("prompts/list", [prompt["name"] for prompt in prompts], ["start_task"])
    prompt = inspector.ask("prompts/get", "--prompt-name", "start_task", "--prompt-args", "task=change verify_token")
    inspector.check("prompts/get", "verify_token" in prompt["messages"][0]["content"]["text"], True)
    wrong = inspector.ask(
        "tools/call", "--tool-name", "search_memory", "--tool-arg", "query=x", "--tool-arg", "top_k=500"
    )
    inspector.check("a wrong argument is a tool error", wrong.get("isError"), True)


@contextmanager
def serving(project: Path) -> Iterator[tuple[str, str]]:
    """Serve a project over HTTP, and yield the address and the token."""
    command = [sys.executable, "-m", "aurora_dev", "mcp", str(project), "--http", "--port", "0", "--show-token"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert server.stderr is not None
    output = ""
    while "token: " not in output:
        line = server.stderr.readline()
        if not line:
            raise SystemExit(f"the server did not start: {output}")
        output += line
    try:
        yield re.findall(r"at (http://\S+)", output)[0], re.findall(r"aurora: token: (\S+)", output)[0]
    finally:
        server.send_signal(signal.SIGTERM)
        server.communicate(timeout=30)


def make_project(folder: Path) -> Path:
    """Write a small project."""
    for name, text in SOURCES.items():
        file = folder / name
        file.parent.mkdir(parents=True)
        file.write_text(text, "utf-8")
    return folder


def main() -> None:
    program = sys.argv[1]
    failures = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Data folders of its own, so that neither the user's notes nor the user's Inspector catalog are used.
        os.environ["XDG_DATA_HOME"] = str(folder / "data")
        os.environ["MCP_CATALOG_PATH"] = str(folder / "catalog.json")
        project = make_project(folder / "stdio")
        print("over standard input and output:")
        inspector = Inspector(program, [sys.executable, "-m", "aurora_dev", "mcp", str(project)], [])
        examine(inspector)
        failures += inspector.failures
        project = make_project(folder / "http")
        with serving(project) as (url, token):
            print("over HTTP:")
            inspector = Inspector(program, [url, "--transport", "http"], ["--header", f"Authorization: Bearer {token}"])
            examine(inspector)
            failures += inspector.failures
    if failures:
        raise SystemExit(f"{failures} checks failed")
    print("all tools were listed and called")


if __name__ == "__main__":
    main()
