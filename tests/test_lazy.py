"""Patterns and numpy that are made on first use."""

import copy
import re
import subprocess
import sys

import numpy
import pytest

from aurora_dev.lazy import lazy_pattern, np, npt


def test_a_lazy_pattern_finds_what_the_pattern_finds() -> None:
    lazy, plain = lazy_pattern(r"(?P<word>[a-z]+)-(\d+)", re.IGNORECASE), re.compile(r"(?P<word>[a-z]+)-(\d+)", re.I)
    text = "Ab-1, cd-22 and -3"
    assert lazy.findall(text) == plain.findall(text)
    assert [match.span() for match in lazy.finditer(text, 3)] == [match.span() for match in plain.finditer(text, 3)]
    assert lazy.sub(r"\2", text) == plain.sub(r"\2", text)
    assert (lazy.pattern, lazy.flags, lazy.groups, dict(lazy.groupindex)) == (
        plain.pattern,
        plain.flags,
        plain.groups,
        dict(plain.groupindex),
    )
    assert lazy_pattern(rb"\d").search(b"a1") is not None


def test_a_wrong_expression_is_an_error_when_it_is_first_used() -> None:
    wrong = lazy_pattern("(")
    with pytest.raises(re.error):
        wrong.match("x")


def test_a_lazy_pattern_can_be_copied() -> None:
    assert copy.copy(lazy_pattern("a+")).findall("aab") == ["aa"]


def test_lazy_numpy_gives_the_names_of_numpy() -> None:
    assert np.float32 is numpy.float32
    assert npt.NDArray is numpy.typing.NDArray
    with pytest.raises(AttributeError, match="no_such_name"):
        getattr(np, "no_such_name")  # noqa: B009 - type checkers know that there is none


def test_the_contracts_do_not_import_numpy() -> None:
    code = (
        "import aurora_dev.memory, aurora_dev.core.faiss_store, aurora_dev.core.rerank.bundled, sys;"
        "print('numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False"


def test_threads_that_first_use_numpy_at_once_get_one_whole_module() -> None:
    code = (
        "import sys, threading\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from aurora_dev.lazy import np, npt\n"
        "import aurora_dev.lazy as lazy\n"
        "inside, most, imported = [], [], lazy.import_module\n"
        "def counting(name):\n"
        "    inside.append(name); most.append(len(inside))\n"
        "    try:\n"
        "        return imported(name)\n"
        "    finally:\n"
        "        inside.pop()\n"
        "lazy.import_module = counting\n"
        "at_once = threading.Barrier(8)\n"
        "def use(number):\n"
        "    at_once.wait()\n"
        "    return npt.NDArray is not None if number % 2 else float(np.arange(4).sum()) == 6.0\n"
        "with ThreadPoolExecutor(8) as threads:\n"
        "    print(all(threads.map(use, range(8))), max(most))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["True", "1"]
