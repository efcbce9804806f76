"""Reading queries: names, messages, paths, frames, and the parts of a whole issue."""

from __future__ import annotations

import time

import pytest

from aurora_dev.core.search.reading import Frame, read_query

ISSUE = """Crash when the session is renewed

### Search before asking
- [X] I have searched the issues

<!-- please describe -->
Calling `renew_session` twice raises an error in `SessionStore.renew`. It worked in 1.2.

```python
from shop.sessions import SessionStore
store = SessionStore(ttl=30)
store.renew("a")
```

Traceback (most recent call last):
  File "/srv/venv/lib/python3.11/site-packages/shop/sessions.py", line 42, in renew
    raise KeyError(key)
KeyError: 'session a is not known'

### Anything else
_No response_
"""


def test_a_single_name_is_a_symbol_and_its_own_name() -> None:
    reading = read_query("getUserById")
    assert reading.is_symbol
    assert reading.names == ("getUserById",)
    assert not reading.is_long


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("where is get_user used", ("get_user",)),
        ("how does `validate` fail", ("validate",)),
        ("what does the --dry-run option do", ("--dry-run",)),
        ("why is fetchAll() slow", ("fetchAll",)),
        ("where is AURORA_HOME read", ("AURORA_HOME",)),
        ("how does Client.send retry", ("Client.send",)),
        ("how does dependency injection work", ()),
        ("JSON response helpers", ()),
    ],
)
def test_names_in_a_sentence_are_the_words_that_cannot_be_plain_words(query: str, names: tuple[str, ...]) -> None:
    assert read_query(query).names == names


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ("src/auth/login.py", ("src/auth/login.py",)),
        ("login.py", ("login.py",)),
        (r"C:\code\shop\cart.cs is slow", ("C:/code/shop/cart.cs",)),
        ("read and/or write", ()),
        ("version 1.2.3", ()),
    ],
)
def test_paths_and_file_names_are_found(query: str, paths: tuple[str, ...]) -> None:
    assert read_query(query).paths == paths


@pytest.mark.parametrize(
    ("query", "is_message"),
    [
        ("Invalid URL component 'port'", True),
        ("failed to open %s: no such file", True),
        ("Repeat for confirmation", True),
        ("OpenAPI schema generation", False),
        ("background task scheduling and execution", False),
        ("How does routing work?", False),
    ],
)
def test_a_message_is_told_from_a_question(query: str, is_message: bool) -> None:
    assert (query in read_query(query).literals) is is_message


def test_an_issue_is_read_by_its_parts() -> None:
    reading = read_query(ISSUE)
    assert reading.is_long
    assert reading.title == "Crash when the session is renewed"
    assert "renew_session" in reading.names
    assert "SessionStore" in reading.names
    assert "session a is not known" in reading.literals
    assert Frame("/srv/venv/lib/python3.11/site-packages/shop/sessions.py", 42, "renew") in reading.frames
    assert "It worked in 1.2." in reading.prose
    for said_by_the_template in ("I have searched", "please describe", "No response", "Anything else"):
        assert said_by_the_template not in reading.prose


@pytest.mark.parametrize(
    ("line", "frame"),
    [
        ("    at Cart.add (src/cart.ts:12:7)", Frame("src/cart.ts", 12)),
        ("  --> src/main.rs:3:4", Frame("src/main.rs", 3)),
        ("\tmain.go:17 +0x1d", Frame("main.go", 17)),
        ("at a.b.Cart.add(Cart.java:99)", Frame("Cart.java", 99)),
        ("see https://example.org/o/r/blob/main/lib/cart.rb#L5", Frame("//example.org/o/r/blob/main/lib/cart.rb", 5)),
    ],
)
def test_frames_of_many_languages_are_found(line: str, frame: Frame) -> None:
    found = read_query(f"It fails\n{line}\n").frames
    assert [(f.path.rpartition("/")[2], f.line) for f in found] == [(frame.path.rpartition("/")[2], frame.line)]


@pytest.mark.parametrize(
    "unit", ["a", "a.", "a/", "`", '"a', "x_", "--a", 'File "', "<!--", "![", "a::", "Error: ", "\n```\n", "@a", "~+"]
)
def test_reading_takes_time_in_proportion_to_the_text(unit: str) -> None:
    def seconds(text: str) -> float:
        started = time.process_time()
        read_query.__wrapped__(text)
        return time.process_time() - started

    count = 20_000 // len(unit)
    short, long = unit * (count // 4), unit * count
    assert any(seconds(long) <= 4 * 2.5 * seconds(short) + 0.02 for _ in range(5))
