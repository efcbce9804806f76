"""The declarations of ``aurora export``, ``import``, ``copy``, ``backup`` and ``restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aurora_dev.interfaces.cli.options import ForceOption, JSONOption, ProjectOption
from aurora_dev.interfaces.cli.runner import run_and_exit

NamespaceOption = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        metavar="NAME",
        help="The namespace; by default that of the settings.",
        show_default=False,
    ),
]
WithoutVectorsOption = Annotated[
    bool, typer.Option("--without-vectors", help="Leave vectors out; they have to be embedded again.")
]


def export(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The file to write; compressed if it ends in .gz.", show_default=False),
    ],
    path: ProjectOption = None,
    namespace: NamespaceOption = None,
    without_vectors: WithoutVectorsOption = False,
    force: ForceOption = False,
    as_json: JSONOption = False,
) -> None:
    """Write all records with their vectors to a file.

    The format is JSON lines. The file appears when it is complete; an interrupted export keeps its data in FILE.part.
    An earlier export is replaced, another file only with --force.
    """
    from aurora_dev.interfaces.cli.actions.transfer import run_export

    run_and_exit(
        lambda: run_export(file, path, namespace=namespace, vectors=not without_vectors, force=force, as_json=as_json),
        interrupted="what was written is kept in FILE.part. Run the same command again to continue",
    )


def import_(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A file written by aurora export, compressed or not.", show_default=False),
    ],
    path: ProjectOption = None,
    namespace: NamespaceOption = None,
    without_vectors: WithoutVectorsOption = False,
    as_json: JSONOption = False,
) -> None:
    """Read an exported file into the project's store.

    The whole file is checked first. Nothing is embedded again. Records with the same ids are replaced, others stay.
    """
    from aurora_dev.interfaces.cli.actions.transfer import run_import

    run_and_exit(
        lambda: run_import(file, path, namespace=namespace, vectors=not without_vectors, as_json=as_json),
        interrupted="what was read so far is kept. Run the same command again to continue",
    )


def copy(
    to: Annotated[
        str,
        typer.Option("--to", metavar="STORE", help="pinecone, faiss or faiss:FOLDER.", show_default=False),
    ],
    source: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="STORE",
            help="pinecone, faiss (the project's local store) or faiss:FOLDER; by default that of the settings.",
            show_default=False,
        ),
    ] = None,
    path: ProjectOption = None,
    namespace: NamespaceOption = None,
    to_namespace: Annotated[
        str | None,
        typer.Option(
            "--to-namespace",
            metavar="NAME",
            help="The namespace in the target; by default the same.",
            show_default=False,
        ),
    ] = None,
    create: Annotated[bool, typer.Option("--create", help="Create missing indexes on Pinecone.")] = False,
    without_vectors: WithoutVectorsOption = False,
    as_json: JSONOption = False,
) -> None:
    """Copy all records from one store to another and compare the two.

    Vectors are copied too: nothing is embedded again. Records with the same ids are replaced, others stay.
    """
    from aurora_dev.interfaces.cli.actions.transfer import run_copy

    run_and_exit(
        lambda: run_copy(
            source,
            to,
            path,
            namespace=namespace,
            to_namespace=to_namespace,
            create=create,
            vectors=not without_vectors,
            as_json=as_json,
        ),
        interrupted="what was copied so far is kept. Run the same command again to continue",
    )


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The file to write.", show_default=False)],
    path: ProjectOption = None,
    force: ForceOption = False,
    as_json: JSONOption = False,
) -> None:
    """Back up the local store to one file.

    The backup holds one committed state of the store, even while it is in use. An earlier backup is replaced, another
    file only with --force.
    """
    from aurora_dev.interfaces.cli.actions.transfer import run_backup

    run_and_exit(lambda: run_backup(file, path, force=force, as_json=as_json), interrupted="no backup was made")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file written by aurora backup.", show_default=False)],
    path: ProjectOption = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Replace the records of the store; needed unless it is empty.")
    ] = False,
    as_json: JSONOption = False,
) -> None:
    """Replace the contents of the local store with a backup.

    The replacement is one step, even while the store is in use.
    """
    from aurora_dev.interfaces.cli.actions.transfer import run_restore

    run_and_exit(lambda: run_restore(file, path, yes=yes, as_json=as_json), interrupted="nothing was changed")


def register(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(export)
    app.command("import")(import_)
    app.command()(copy)
    app.command()(backup)
    app.command()(restore)
