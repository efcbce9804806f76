"""The commands about notes: ``aurora remember`` to ``aurora prune``, and ``aurora notes export|import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aurora_dev.interfaces.cli.groups import CommandGroup
from aurora_dev.interfaces.cli.options import ForceOption, JSONOption, ProjectOption
from aurora_dev.interfaces.cli.runner import run_and_exit


def _option(name: str, metavar: str, summary: str) -> Any:
    """Return an option whose help shows no default, because leaving it out sets nothing."""
    return typer.Option(name, metavar=metavar, help=summary, show_default=False)


UserOption = Annotated[bool, typer.Option("--user", help="Your own notes, which all projects share.")]
KindsOption = Annotated[list[str] | None, _option("--kind", "KIND", "Only this kind; may be repeated.")]
TagsOption = Annotated[list[str] | None, _option("--tag", "TAG", "Only with this tag; may be repeated.")]
NewTagsOption = Annotated[list[str] | None, _option("--tag", "TAG", "A name to filter by; may be repeated.")]
AllTagsOption = Annotated[list[str] | None, _option("--tag", "TAG", "All of its tags; may be repeated.")]
ImportanceOption = Annotated[int | None, _option("--importance", "N", "1 (trivial) to 10 (vital); 5 by default.")]
SourceOption = Annotated[str | None, _option("--source", "TEXT", "Where it was learned.")]
ExpiresOption = Annotated[str | None, _option("--expires", "TIME", "Expires after: 90m, 12h, 30d, 2w.")]
NewExpiryOption = Annotated[
    str | None, _option("--expires", "TIME", "Expires after, counted from now: 90m, 12h, 30d, 2w; or never.")
]
SupersedesOption = Annotated[
    list[str] | None, _option("--supersedes", "ID", "A note that this one replaces; may be repeated.")
]
AboutOption = Annotated[
    str | None, _option("--about", "FILE", "File of the project that it is about; a change makes the note stale.")
]
SymbolOption = Annotated[str | None, _option("--symbol", "NAME", "Definition that it is about: Client.send.")]
ContentOption = Annotated[str | None, _option("--content", "TEXT", "The new text; - reads it from standard input.")]
NewKindOption = Annotated[str | None, _option("--kind", "KIND", "The new kind.")]
SinceOption = Annotated[str | None, _option("--since", "TIME", "Only notes created since: 30d, 12h, 2026-11-01.")]
CursorOption = Annotated[str | None, _option("--cursor", "CURSOR", "Where the page before ended.")]
KeepBothOption = Annotated[
    list[str] | None,
    _option("--keep-both", "OTHER", "Another note, where both hold: settles their conflict; may be repeated."),
]
ConflictsOption = Annotated[
    bool, typer.Option("--conflicts", help="List pairs of notes that may contradict each other.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The note's id, or its first 6 characters.", show_default=False)
]

notes_app = typer.Typer(
    help="Write notes as Markdown, to commit and edit them, and read them back.",
    cls=CommandGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
)


def remember(
    text: Annotated[
        list[str],
        typer.Argument(metavar="TEXT", help="The note; - reads it from standard input.", show_default=False),
    ],
    path: ProjectOption = None,
    kind: Annotated[
        str,
        typer.Option(
            "--kind", metavar="KIND", help="decision, pattern, lesson, conflict, convention, note, or any other name."
        ),
    ] = "note",
    tag: NewTagsOption = None,
    importance: ImportanceOption = None,
    source: SourceOption = None,
    expires: ExpiresOption = None,
    supersedes: SupersedesOption = None,
    about: AboutOption = None,
    symbol: SymbolOption = None,
    user: UserOption = False,
    as_json: JSONOption = False,
) -> None:
    """Store a note, so that searches find it.

    A note with the same text as an earlier one is counted, not stored twice. If it may contradict an earlier decision,
    the command says so: correct one of the two (aurora edit), replace the earlier one (--supersedes), or say that both
    hold (aurora edit ID --keep-both OTHER).
    """
    from aurora_dev.interfaces.cli.actions.notes import run_remember
    from aurora_dev.notes.model.types import DEFAULT_IMPORTANCE, NewNote

    new = NewNote(
        " ".join(text),
        kind=kind,
        tags=tag or (),
        importance=DEFAULT_IMPORTANCE if importance is None else importance,
        source=source,
        supersedes=supersedes or None,
        path=about,
        symbol=symbol,
        scope="user" if user else "project",
    )
    run_and_exit(lambda: run_remember(new, path, expires=expires, as_json=as_json))


def recall(
    query: Annotated[list[str], typer.Argument(metavar="QUERY", help="A question or a few words.", show_default=False)],
    path: ProjectOption = None,
    kind: KindsOption = None,
    tag: TagsOption = None,
    since: SinceOption = None,
    top_k: Annotated[int, typer.Option("-k", "--top-k", metavar="N", help="How many notes.")] = 5,
    user: UserOption = False,
    as_json: JSONOption = False,
) -> None:
    """Find notes, the relevant ones first, and among these the recent, important and often used ones."""
    from aurora_dev.interfaces.cli.actions.notes import run_recall

    run_and_exit(
        lambda: run_recall(
            " ".join(query), path, kinds=kind, tags=tag, since=since, top_k=top_k, user=user, as_json=as_json
        )
    )


def list_notes(
    path: ProjectOption = None,
    kind: KindsOption = None,
    tag: TagsOption = None,
    limit: Annotated[int, typer.Option("-n", "--limit", metavar="N", help="How many notes, 1 to 1000.")] = 50,
    cursor: CursorOption = None,
    conflicts: ConflictsOption = False,
    user: UserOption = False,
    as_json: JSONOption = False,
) -> None:
    """List notes, newest first; or the conflicts between notes that are not settled."""
    from aurora_dev.interfaces.cli.actions.note_conflicts import run_list_conflicts
    from aurora_dev.interfaces.cli.actions.notes import run_list

    if conflicts:
        run_and_exit(lambda: run_list_conflicts(path, kinds=kind, tags=tag, user=user, as_json=as_json))
        return
    run_and_exit(lambda: run_list(path, kinds=kind, tags=tag, limit=limit, cursor=cursor, user=user, as_json=as_json))


def show(id: IdArgument, path: ProjectOption = None, as_json: JSONOption = False) -> None:
    """Show a note with all its fields, and what it replaced."""
    from aurora_dev.interfaces.cli.actions.notes import run_show

    run_and_exit(lambda: run_show(id, path, as_json=as_json))


def edit(
    id: IdArgument,
    path: ProjectOption = None,
    content: ContentOption = None,
    kind: NewKindOption = None,
    tag: AllTagsOption = None,
    importance: ImportanceOption = None,
    source: SourceOption = None,
    expires: NewExpiryOption = None,
    about: AboutOption = None,
    symbol: SymbolOption = None,
    keep_both: KeepBothOption = None,
    as_json: JSONOption = False,
) -> None:
    """Correct a note: with options, or without any in your editor ($VISUAL or $EDITOR).

    The id stays, and the earlier version is kept: aurora show lists it.
    """
    from aurora_dev.interfaces.cli.actions.notes import run_edit
    from aurora_dev.notes.model.types import NoteChanges

    changes = NoteChanges(
        content=content, kind=kind, tags=tag, importance=importance, source=source, path=about, symbol=symbol
    )
    run_and_exit(
        lambda: run_edit(id, path, changes, expires=expires, keep_both=tuple(keep_both or ()), as_json=as_json)
    )


def forget(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="ID", help="Ids, or their first 6 characters.", show_default=False),
    ] = None,
    path: ProjectOption = None,
    kind: KindsOption = None,
    tag: TagsOption = None,
    user: UserOption = False,
    yes: YesOption = False,
    as_json: JSONOption = False,
) -> None:
    """Remove notes for good: those with the ids, or all with the kind or tag. Asks first."""
    from aurora_dev.interfaces.cli.actions.notes import run_forget

    run_and_exit(lambda: run_forget(ids or [], path, kinds=kind, tags=tag, user=user, yes=yes, as_json=as_json))


def prune(
    path: ProjectOption = None, user: UserOption = False, yes: YesOption = False, as_json: JSONOption = False
) -> None:
    """Show the notes that have expired or were superseded more than 90 days ago; --yes removes them."""
    from aurora_dev.interfaces.cli.actions.notes import run_prune

    run_and_exit(lambda: run_prune(path, user=user, yes=yes, as_json=as_json))


@notes_app.command("export")
def export_notes(
    target: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder, or a file that ends in .md.")],
    path: ProjectOption = None,
    user: UserOption = False,
    force: ForceOption = False,
    as_json: JSONOption = False,
) -> None:
    """Write all notes as Markdown: one file each in a folder, or all in one file.

    A file with edits that were not imported is never overwritten, and another file only with --force.
    """
    from aurora_dev.interfaces.cli.actions.notes import run_export

    run_and_exit(lambda: run_export(target, path, user=user, force=force, as_json=as_json))


@notes_app.command("import")
def import_notes(
    source: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder, or a file of notes.")],
    path: ProjectOption = None,
    user: UserOption = False,
    as_json: JSONOption = False,
) -> None:
    """Read notes from Markdown: new ones are added, edited ones are updated, and missing ones stay.

    If a file is malformed, nothing is changed and the error names file and line.
    """
    from aurora_dev.interfaces.cli.actions.notes import run_import

    run_and_exit(lambda: run_import(source, path, user=user, as_json=as_json))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(remember)
    app.command()(recall)
    app.command("list")(list_notes)
    app.command()(show)
    app.command()(edit)
    app.command()(forget)
    app.command()(prune)
    app.add_typer(notes_app, name="notes")
