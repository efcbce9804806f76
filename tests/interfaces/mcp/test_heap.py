"""The heap settings of the server, measured with glibc's own figures."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the settings exist in glibc only")

# glibc lists its arenas as XML, one element ``<heap nr="…">`` for each.
ARENAS = """
import ctypes, tempfile

libc = ctypes.CDLL(None)
libc.fopen.restype = ctypes.c_void_p

def arenas():
    with tempfile.NamedTemporaryFile() as file:
        stream = ctypes.c_void_p(libc.fopen(file.name.encode(), b"w"))
        libc.malloc_info(0, stream)
        libc.fclose(stream)
        return file.read().count(b"<heap nr=")
"""

THREADS = """
import threading

all_run = threading.Barrier(4)

def allocate():
    kept = bytearray(4096)
    all_run.wait(30)

workers = [threading.Thread(target=allocate) for _ in range(4)]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
print(arenas())
"""

SERVER = """
import sys
from pathlib import Path
from aurora_dev.interfaces.cli.actions.mcp import run_mcp

run_mcp(Path(sys.argv[1]), http=False, host="127.0.0.1", port=None, allow_hosts=(), show_token=False)
print("arenas:", arenas(), file=sys.stderr)
"""

FREED = """
import os
from aurora_dev.interfaces.mcp.tools.heap import release_freed_memory

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

kept = [bytes(1_000) for _ in range(40_000)]
last = bytes(1_000)  # a block in use at the top of the heap: without the call, nothing below it is returned
del kept
before = resident()
release_freed_memory()
print(before - resident())
"""


def output_of(code: str) -> int:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return int(done.stdout)


def test_threads_share_one_arena_after_the_call() -> None:
    use_one = "from aurora_dev.interfaces.mcp.tools.heap import use_one_arena\nuse_one_arena()\n"
    assert output_of(ARENAS + THREADS) > 1  # else this test would prove nothing
    assert output_of(ARENAS + use_one + THREADS) == 1


def test_a_server_uses_one_arena(indexed_project: Path, raw_server: Callable[..., Any]) -> None:
    server = raw_server(str(indexed_project), code=ARENAS + SERVER)
    server.handshake()
    assert "error" not in server.ask(2, "tools/call", name="search_memory", arguments={"query": "json web token"})
    code, _, errors = server.end()
    assert code == 0
    assert b"arenas: 1\n" in errors, errors


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_freed_memory_is_returned_to_the_system() -> None:
    assert output_of(FREED) > 20_000_000
