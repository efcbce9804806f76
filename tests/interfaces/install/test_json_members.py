"""Editing one member of a JSON file with comments; everything else stays byte for byte."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aurora_dev.interfaces.install.json_members import (
    JSONTextError,
    append_item,
    read,
    remove_items,
    remove_member,
    set_member,
)

PATH = ("mcpServers", "aurora")
ENTRY = {"command": "aurora", "args": ["mcp"]}

COMMENTED = """{
    // my servers
    "mcpServers": {
        "one": {"command": "x"}, // the first
        /* kept */
        "two": {"command": "y"} // the second
    },
    "inputs": [1, 2, /* three */ 3,],
}
"""

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


def test_a_member_is_added_and_the_rest_stays_as_it_is() -> None:
    text = set_member(COMMENTED, PATH, ENTRY)
    assert read(text)["mcpServers"] == {"one": {"command": "x"}, "two": {"command": "y"}, "aurora": ENTRY}
    kept = [line for line in COMMENTED.splitlines() if "two" not in line]
    assert [line for line in text.splitlines() if line in kept] == kept
    assert '"two": {"command": "y"}, // the second\n        "aurora": {' in text


def test_removing_an_added_member_restores_the_same_bytes() -> None:
    assert remove_member(set_member(COMMENTED, PATH, ENTRY), PATH) == COMMENTED


@pytest.mark.parametrize(
    "text",
    [
        '{"mcpServers": {"one": 1}}',
        '{"mcpServers": {"one": 1,}}',
        '{\n\t"mcpServers": {\n\t\t"one": 1\n\t}\n}\n',
        '{\r\n  "mcpServers": {\r\n    "one": 1, // x\r\n  }\r\n}\r\n',
        '{"a": {"b": []}}',
        '{\n  "a": 1 // one\n}\n',
    ],
)
def test_adding_and_removing_a_member_restores_every_layout(text: str) -> None:
    added = set_member(text, PATH, ENTRY)
    assert read(added) == {**read(text), "mcpServers": {**read(text).get("mcpServers", {}), "aurora": ENTRY}}
    assert remove_member(added, PATH) == text
    assert ("\r\n" in text) == ("\r\n" in added)
    assert "\n" not in added.replace("\r\n", "") or "\r\n" not in text


def test_a_new_member_is_indented_like_its_neighbours() -> None:
    assert '\n\t\t"aurora": {\n\t\t\t"command"' in set_member(
        '{\n\t"mcpServers": {\n\t\t"one": 1\n\t}\n}\n', PATH, ENTRY
    )


def test_an_empty_file_becomes_an_object() -> None:
    assert json.loads(set_member("", PATH, ENTRY)) == {"mcpServers": {"aurora": ENTRY}}
    assert set_member(" \n", ("a",), {}) == '{\n  "a": {}\n}\n'


def test_removing_the_first_of_several_members_removes_its_comma() -> None:
    text = '{"mcpServers": {"aurora": 1, /* next */ "one": 2}}'
    assert remove_member(text, PATH) == '{"mcpServers": {/* next */ "one": 2}}'


def test_objects_that_become_empty_are_removed() -> None:
    assert remove_member('{"a": 1, "mcpServers": {"aurora": {}}}', PATH) == '{"a": 1}'
    assert remove_member('{"mcpServers": {"aurora": {}}}', PATH) == "{}"


def test_an_object_with_a_comment_is_kept() -> None:
    assert remove_member('{"mcpServers": {/* mine */ "aurora": {}}}', PATH) == '{"mcpServers": {/* mine */ }}'


def test_removing_a_missing_member_changes_nothing() -> None:
    for text in ("", "{}", '{"mcpServers": {}}', COMMENTED):
        assert remove_member(text, PATH) == text


def test_a_byte_order_mark_is_kept() -> None:
    assert set_member("\ufeff{}", ("a",), {}) == '\ufeff{\n  "a": {}\n}'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{\n"a": }', "line 2"),
        ('{"a" 1}', "colon"),
        ("{a: 1}", "quotes"),
        ('{"a": 1} x', "text after the JSON"),
        ('{"a": 1', "comma or '}'"),
        ('{"a": [1 2]}', "comma or ']'"),
        ('{"a', "does not end"),
        ("[" * 5000, "too deeply"),
        ("[]", "outermost"),
        ('{"mcpServers": 1}', "'mcpServers' is not an object"),
    ],
)
def test_text_that_cannot_be_edited_is_refused_with_its_line(text: str, message: str) -> None:
    with pytest.raises(JSONTextError, match=message):
        set_member(text, PATH, ENTRY)


@settings(max_examples=200, deadline=None)
@given(
    data=st.dictionaries(st.text(max_size=5), plain, max_size=4),
    servers=st.none() | st.dictionaries(st.text(max_size=5), plain, max_size=3),
    indent=st.none() | st.integers(1, 4),
)
def test_a_member_can_be_added_to_and_removed_from_any_json_object(
    data: dict[str, Any], servers: dict[str, Any] | None, indent: int | None
) -> None:
    data.pop("mcpServers", None)
    if servers is not None:
        servers.pop("aurora", None)
        data["mcpServers"] = servers
    text = json.dumps(data, indent=indent)
    added = set_member(text, PATH, ENTRY)
    assert read(added) == {**data, "mcpServers": {**(servers or {}), "aurora": ENTRY}}
    if servers == {}:
        data.pop("mcpServers")
    assert read(remove_member(added, PATH)) == data


LISTS = [
    "",
    "{}",
    '{"hooks": {}}',
    '{"hooks": {"Stop": []}}',
    '{"hooks": {"Stop": [{"command": "a"}]}, "x": 1}',
    '{\n  // mine\n  "hooks": {\n    "Stop": [\n      {"command": "a"}, // the first\n'
    '      {"command": "b"},\n    ],\n  },\n}\n',
    '{\r\n\t"hooks": {\r\n\t\t"Stop": [\r\n\t\t\t{"command": "a"}\r\n\t\t]\r\n\t}\r\n}\r\n',
]


@pytest.mark.parametrize("text", LISTS)
def test_an_item_is_added_to_a_list_and_removed_from_it_without_a_trace(text: str) -> None:
    path, item = ("hooks", "Stop"), {"hooks": [{"command": "ours"}]}
    before = read(text) if text else {}
    added = append_item(text, path, item)
    items = read(added)["hooks"]["Stop"]
    assert items == [*before.get("hooks", {}).get("Stop", []), item]
    assert text.count("\r\n") == 0 or "\n" not in added.replace("\r\n", "")
    assert all(comment in added for comment in ("// mine", "// the first") if comment in text)
    removed = remove_items(added, path, lambda each: each == item)
    if len(items) > 1:
        assert removed == text
    else:
        assert not read(removed).get("hooks", {}).get("Stop")


def test_items_in_the_middle_and_at_the_start_of_a_list_are_removed() -> None:
    text = '{"a": [1, 2, 3, 2, 4], "b": 2}'
    assert read(remove_items(text, ("a",), lambda each: each in (1, 2))) == {
        "a": [3, 4],
        "b": 2,
    }
    assert remove_items(text, ("a",), lambda each: each == 9) == text
    assert remove_items(text, ("c",), lambda _: True) == text


@pytest.mark.parametrize("text", ['{"hooks": []}', '{"hooks": {"Stop": {}}}', '{"hooks": {"Stop": 1}}', "[]"])
def test_what_is_not_a_list_is_not_edited(text: str) -> None:
    with pytest.raises(JSONTextError):
        append_item(text, ("hooks", "Stop"), 1)
