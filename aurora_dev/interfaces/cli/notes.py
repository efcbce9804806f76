"""The commands about memories: ``aurora remember`` to ``aurora prune``, and ``aurora notes export|import``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aurora_dev.interfaces.cli.options import EPILOG, JSONOption, ProjectOption
from aurora_dev.interfaces.cli.runner import run_and_exit

UserOption = Annotated[bool, typer.Option("--user", help="Your own memories, which hold in every project.")]
KindsOption = Annotated[
    list[str] | None,
    typer.Option("--kind", metavar="KIND", help="Only this kind; may be repeated.", show_default=False),
]
TagsOption = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="TAG", help="Only with this tag; may be repeated.", show_default=False),
]
NewTagsOption = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="TAG", help="A name to filter by; may be repeated.", show_default=False),
]
ImportanceOption = Annotated[
    int | None,
    typer.Option("--importance", metavar="N", help="1 (trivial) to 10 (vital); 5 by default.", show_default=False),
]
SourceOption = Annotated[
    str | None,
    typer.Option("--source", metavar="TEXT", help="Where it was learned.", show_default=False),
]
ExpiresOption = Annotated[
    str | None,
    typer.Option("--expires", metavar="TIME", help="Valid so long: 90m, 12h, 30d, 2w.", show_default=False),
]
AboutOption = Annotated[
    str | None,
    typer.Option(
        "--about",
        metavar="FILE",
        help="File of the project that it is about; stale once that changes.",
        show_default=False,
    ),
]
SymbolOption = Annotated[
    str | None,
    typer.Option("--symbol", metavar="NAME", help="Definition that it is about: Client.send.", show_default=False),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="The memory's id, or the first 6 characters of it.", show_default=False)
]

notes_app = typer.Typer(
    help="Write memories as Markdown, to be committed and edited by hand, and read them.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
)


def remember(
    text: Annotated[
        list[str],
        typer.Argument(metavar="TEXT", help="What was learned; - reads it from standard input.", show_default=False),
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
    supersedes: Annotated[
        list[str] | None,
        typer.Option(
            "--supersedes", metavar="ID", help="A memory that this one replaces; may be repeated.", show_default=False
        ),
    ] = None,
    about: AboutOption = None,
    symbol: SymbolOption = None,
    user: UserOption = False,
    as_json: JSONOption = False,
) -> None:
    """Keep something that was learned, so that searches find it.

    What says the same as before is counted, not kept twice. What probably contradicts an earlier decision is pointed
    out: correct one of the two (edit), or say that the new one replaces it (--supersedes).
    """
    from aurora_dev.interfaces.cli.actions.notes import run_remember

    run_and_exit(
        lambda: run_remember(
            " ".join(text),
            path,
            kind=kind,
            tags=tag or [],
            importance=importance,
            source=source,
            expires=expires,
            supersedes=supersedes or [],
            about=about,
            symbol=symbol,
            user=user,
            as_json=as_json,
        )
    )


def recall(
    query: Annotated[list[str], typer.Argument(metavar="QUERY", help="A question or a few words.", show_default=False)],
    path: ProjectOption = None,
    kind: KindsOption = None,
    tag: TagsOption = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since", metavar="TIME", help="Only what was learned since: 30d, 12h, 2026-11-01.", show_default=False
        ),
    ] = None,
    top_k: Annotated[int, typer.Option("-k", "--top-k", metavar="N", help="How many.")] = 5,
    user: UserOption = False,
    as_json: JSONOption = False,
) -> None:
    """Find memories: the relevant ones, and of these the recent, important and used ones first."""
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
    limit: Annotated[int, typer.Option("-n", "--limit", metavar="N", help="How many, 1 to 1000.")] = 50,
    cursor: Annotated[
        str | None, typer.Option("--cursor", metavar="CURSOR", help="Where the page before ended.", show_default=False)
    ] = None,
    user: UserOption = False,
    as_json: JSONOption = False,
) -> None:
    """List memories, newest first."""
    from aurora_dev.interfaces.cli.actions.notes import run_list

    run_and_exit(lambda: run_list(path, kinds=kind, tags=tag, limit=limit, cursor=cursor, user=user, as_json=as_json))


def show(id: IdArgument, path: ProjectOption = None, as_json: JSONOption = False) -> None:
    """Show a memory with everything that is known of it, and what it replaced."""
    from aurora_dev.interfaces.cli.actions.notes import run_show

    run_and_exit(lambda: run_show(id, path, as_json=as_json))


def edit(
    id: IdArgument,
    path: ProjectOption = None,
    content: Annotated[
        str | None,
        typer.Option(
            "--content", metavar="TEXT", help="The new text; - reads it from standard input.", show_default=False
        ),
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="KIND", help="The new kind.", show_default=False)
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", metavar="TAG", help="All of its tags; may be repeated.", show_default=False),
    ] = None,
    importance: ImportanceOption = None,
    source: SourceOption = None,
    expires: Annotated[
        str | None,
        typer.Option("--expires", metavar="TIME", help="From now on: 90m, 12h, 30d; never.", show_default=False),
    ] = None,
    about: AboutOption = None,
    symbol: SymbolOption = None,
    as_json: JSONOption = False,
) -> None:
    """Correct a memory: with the options, or without any in your editor ($VISUAL or $EDITOR).

    The id stays, and the earlier wording is kept: aurora show lists it.
    """
    from aurora_dev.interfaces.cli.actions.notes import run_edit

    run_and_exit(
        lambda: run_edit(
            id,
            path,
            content=content,
            kind=kind,
            tags=tag,
            importance=importance,
            source=source,
            expires=expires,
            about=about,
            symbol=symbol,
            as_json=as_json,
        )
    )


def forget(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Ids, or the first 6 characters of them.", show_default=False),
    ] = None,
    path: ProjectOption = None,
    kind: KindsOption = None,
    tag: TagsOption = None,
    user: UserOption = False,
    yes: YesOption = False,
    as_json: JSONOption = False,
) -> None:
    """Remove memories for good: those with the ids, or all of a kind or tag. Asks first."""
    from aurora_dev.interfaces.cli.actions.notes import run_forget

    run_and_exit(lambda: run_forget(ids or [], path, kinds=kind, tags=tag, user=user, yes=yes, as_json=as_json))


def prune(
    path: ProjectOption = None, user: UserOption = False, yes: YesOption = False, as_json: JSONOption = False
) -> None:
    """Show which memories have expired or were superseded long ago; --yes removes them."""
    from aurora_dev.interfaces.cli.actions.notes import run_prune

    run_and_exit(lambda: run_prune(path, user=user, yes=yes, as_json=as_json))


@notes_app.command("export", epilog=EPILOG)
def export_notes(
    target: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder, or a file that ends in .md.")],
    path: ProjectOption = None,
    user: UserOption = False,
    as_json: JSONOption = False,
) -> None:
    """Write every memory as Markdown: a file each in a folder, or all in one file.

    Edits that were not imported are never overwritten.
    """
    from aurora_dev.interfaces.cli.actions.notes import run_export

    run_and_exit(lambda: run_export(target, path, user=user, as_json=as_json))


@notes_app.command("import", epilog=EPILOG)
def import_notes(
    source: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder, or a file of memories.")],
    path: ProjectOption = None,
    user: UserOption = False,
    as_json: JSONOption = False,
) -> None:
    """Read memories from Markdown: new ones are added, edited ones updated; one that is missing stays.

    A broken file stops it before anything is changed, with file and line.
    """
    from aurora_dev.interfaces.cli.actions.notes import run_import

    run_and_exit(lambda: run_import(source, path, user=user, as_json=as_json))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(epilog=EPILOG)(remember)
    app.command(epilog=EPILOG)(recall)
    app.command("list", epilog=EPILOG)(list_notes)
    app.command(epilog=EPILOG)(show)
    app.command(epilog=EPILOG)(edit)
    app.command(epilog=EPILOG)(forget)
    app.command(epilog=EPILOG)(prune)
    app.add_typer(notes_app, name="notes")
