"""The action of ``aurora list --conflicts``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from aurora_dev.errors import InvalidRequestError
from aurora_dev.interfaces.cli.actions.notes import call_with_memory, follow_up, project_of_notes
from aurora_dev.interfaces.cli.output import render
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_NOTHING_FOUND, EXIT_OK
from aurora_dev.interfaces.cli.output.render_notes import conflict_block
from aurora_dev.interfaces.cli.output.streams import print_text, say


def run_list_conflicts(
    path: Path | None, *, kinds: Sequence[str] | None, tags: Sequence[str] | None, user: bool, as_json: bool
) -> int:
    """Print the conflicts between notes that are not settled."""
    if kinds or tags:
        raise InvalidRequestError("--conflicts lists pairs of notes of any kind: leave --kind and --tag out")
    root, settings = project_of_notes(path, user=user)
    found = call_with_memory(root, settings, lambda memory: memory.conflicts())
    if user:
        found = [conflict for conflict in found if "user" in (conflict.note.scope, conflict.other.scope)]
    if as_json:
        print_text(render.to_json({"conflicts": [asdict(conflict) for conflict in found]}))
        return EXIT_OK if found else EXIT_NOTHING_FOUND
    if not found:
        say("no note contradicts another as far as words show, or all conflicts are settled")
        return EXIT_NOTHING_FOUND
    print_text("\n\n".join(conflict_block(conflict) for conflict in found))
    edit, again = follow_up("edit", path), follow_up("remember TEXT", path, user=user)
    say(
        f"check which note is right. To correct one: {edit} ID. To replace one: {again} --supersedes ID. If both are "
        f"right: {edit} ID --keep-both OTHER"
    )
    return EXIT_OK
