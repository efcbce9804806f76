"""The variants of Codex's rollouts."""

from __future__ import annotations

import json
from pathlib import Path

from transcripts import Codex

from aurora_dev.sessions.exchanges import Exchange, ExchangeBuilder
from aurora_dev.sessions.formats.codex import Codex as Rollouts


def read(path: Path) -> tuple[ExchangeBuilder, list[Exchange]]:
    form, builder = Rollouts(), ExchangeBuilder(lambda name, _: name, str)
    memory = form.start(path)
    for line in path.read_text("utf-8").splitlines():
        builder.feed(form.events(json.loads(line), memory))
    return builder, builder.changed()


def test_a_request_that_is_in_both_logs_is_one_exchange(home: Path, project: Path) -> None:
    rollout = Codex(home, project).ask("make it faster").run("make bench", "slow", 2).patch("src/a.rs")
    rollout.run("make bench").answer("Twice as fast.").ask("continue").answer("Done.").ask("continue").answer("Again.")
    builder, found = read(rollout.path)
    assert [(e.request, e.conclusion) for e in found] == [
        ("make it faster", "Twice as fast."),
        ("continue", "Done."),
        ("continue", "Again."),
    ]
    assert found[0].files_changed == ["src/a.rs"]
    assert found[0].failures == [["make bench", "slow", "after a change of src/a.rs"]]
    assert (builder.whole.branch, builder.whole.commit) == ("main", "a" * 40)


def test_what_codex_adds_is_no_request(home: Path, project: Path) -> None:
    rollout = Codex(home, project)
    rollout.message("developer", "<permissions instructions>…").message("user", "# AGENTS.md instructions for /x\n…")
    rollout.message("user", "<environment_context>\n  <cwd>/x</cwd>\n</environment_context>")
    rollout.message("user", "An instruction of a newer version, in words that nobody knows yet")
    rollout.ask("# Context from my IDE setup:\n## Open tabs: a.rs\n## My request for Codex:\nexplain a.rs").answer(
        "It adds."
    )
    _, found = read(rollout.path)
    assert [exchange.request for exchange in found] == ["explain a.rs"]


def test_a_rollout_without_events_is_read_from_its_messages(home: Path, project: Path) -> None:
    rollout = Codex(home, project).message("user", "only in the protocol").message("assistant", "Still read.")
    rollout.message("user", "and a second").message("assistant", "That too.")
    _, found = read(rollout.path)
    assert [(e.request, e.conclusion) for e in found] == [
        ("only in the protocol", "Still read."),
        ("and a second", "That too."),
    ]


def test_lines_without_an_envelope_are_those_of_the_first_versions(home: Path, project: Path) -> None:
    path = Codex(home, project).path
    lines = [
        {"id": "s-1", "timestamp": "2025-06-01T10:00:00Z", "instructions": None, "git": {"branch": "dev"}},
        {"record_type": "state"},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "an old request"}]},
        {"type": "local_shell_call", "call_id": "c", "action": {"type": "exec", "command": ["bash", "-lc", "make"]}},
        {"type": "function_call_output", "call_id": "c", "output": '{"output":"bad","metadata":{"exit_code":2}}'},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "an old answer"}]},
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    builder, (exchange,) = read(path)
    assert (exchange.request, exchange.conclusion) == ("an old request", "an old answer")
    assert exchange.failures == [["make", "bad", ""]]
    assert (builder.whole.id, builder.whole.branch) == ("s-1", "dev")


def test_what_a_fork_copies_is_left_to_the_session_that_it_comes_from(home: Path, project: Path) -> None:
    rollout = Codex(home, project, "fork-1", forked_from_id="parent-1")
    began = rollout.moment
    lines = []
    for number, (kind, payload) in enumerate(
        [
            ("session_meta", {"id": "parent-1", "cwd": str(project)}),
            ("event_msg", {"type": "task_started", "started_at": began.timestamp() - 86_400}),
            ("event_msg", {"type": "user_message", "message": "an old request"}),
            ("event_msg", {"type": "agent_message", "message": "an old answer"}),
        ]
    ):
        stamp = began.replace(microsecond=1_000 * (number + 1)).isoformat()
        lines.append(json.dumps({"timestamp": stamp, "type": kind, "payload": payload}) + "\n")
    with rollout.path.open("a", encoding="utf-8") as file:
        file.writelines(lines)
    rollout.ask("the fork's own request").answer("Its own answer.")
    builder, found = read(rollout.path)
    assert [exchange.request for exchange in found] == ["the fork's own request"]
    assert builder.whole.id == "fork-1"


def test_a_fork_that_copies_nothing_loses_nothing(home: Path, project: Path) -> None:
    rollout = Codex(home, project, "fork-2", forked_from_id="parent-1")
    stamp = rollout.moment.replace(microsecond=100_000).isoformat()
    payload = {"type": "user_message", "message": "asked at once"}
    with rollout.path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"timestamp": stamp, "type": "event_msg", "payload": payload}) + "\n")
    _, found = read(rollout.path)
    assert [exchange.request for exchange in found] == ["asked at once"]


def test_a_subagent_s_rollout_belongs_to_the_session_that_spawned_it(home: Path, project: Path) -> None:
    source = {"subagent": {"thread_spawn": {"parent_thread_id": "parent-1", "agent_nickname": "Ada"}}}
    rollout = Codex(home, project, "child-1", source=source).ask("look at the fixtures").answer("They are fine.")
    builder, (exchange,) = read(rollout.path)
    assert (builder.whole.id, exchange.agent) == ("parent-1", "Ada")


def test_a_script_that_calls_tools_is_read_as_what_it_calls(home: Path, project: Path) -> None:
    rollout = Codex(home, project).ask("status?")
    script = 'const r = await tools.exec_command({\n  cmd: "make \\"all\\"",\n  workdir: "/repo"\n});\ntext(r);'
    rollout.add("response_item", {"type": "custom_tool_call", "name": "exec", "call_id": "1", "input": script})
    output = [
        {"type": "input_text", "text": "Output:\n"},
        {"type": "input_text", "text": '{"exit_code":2,"output":"no"}'},
    ]
    rollout.add("response_item", {"type": "custom_tool_call_output", "call_id": "1", "output": output})
    patch = "await tools.apply_patch(`*** Begin Patch\\n*** Add File: b.py\\n+1\\n*** End Patch`)"
    rollout.add("response_item", {"type": "custom_tool_call", "name": "exec", "call_id": "2", "input": patch})
    _, (exchange,) = read(rollout.path)
    assert exchange.failures[0][0] == 'make "all"'
    assert exchange.files_changed == ["b.py"]


def test_open_steps_of_a_plan_and_a_summary_are_kept(home: Path, project: Path) -> None:
    rollout = Codex(home, project).ask("plan it")
    plan = {"plan": [{"step": "measure", "status": "completed"}, {"step": "mend", "status": "pending"}]}
    call = {"type": "function_call", "name": "update_plan", "arguments": json.dumps(plan), "call_id": "p"}
    rollout.add("response_item", call).answer("Planned.").add("compacted", {"message": "We measured; mending is left."})
    rollout.add("event_msg", {"type": "from_a_newer_version"}).add("future_record", {"a": 1})
    builder, _ = read(rollout.path)
    assert builder.open_ends() == ["not done: mend"]
    assert builder.whole.summary == "We measured; mending is left."
