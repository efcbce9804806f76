"""The commands that move and keep data: ``export``, ``import``, ``copy``, ``backup`` and ``restore``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aurora_dev.interfaces.cli.options import EPILOG, JSONOption, ProjectOption, end

NamespaceOption = Annotated[
    str | None,
    typer.Option(
        "--namespace",
        metavar="NAME",
        help="The part of the store; by default the one of the settings.",
        show_default=False,
    ),
]
WithoutVectorsOption = Annotated[
    bool, typer.Option("--without-vectors", help="Carry texts and metadata only; vectors have to be made again.")
]


def export(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where to; compressed if it ends in .gz.", show_default=False)
    ],
    path: ProjectOption = None,
    namespace: NamespaceOption = None,
    without_vectors: WithoutVectorsOption = False,
    as_json: JSONOption = False,
) -> None:
    """Write everything that is stored to a file of JSON lines, with vectors.

    The file appears when it is whole. What an interrupted export has written is kept in FILE.part.
    """
    from aurora_dev.interfaces.cli.actions.transfer import run_export

    end(
        lambda: run_export(file, path, namespace=namespace, vectors=not without_vectors, as_json=as_json),
        interrupted="what was written is kept in FILE.part. Run the same command again to go on",
    )


def import_(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="What aurora export wrote, compressed or not.", show_default=False)
    ],
    path: ProjectOption = None,
    namespace: NamespaceOption = None,
    without_vectors: WithoutVectorsOption = False,
    as_json: JSONOption = False,
) -> None:
    """Read an export into the project's store, without embedding anything again.

    The whole file is checked first. Records with the same ids are replaced, others stay.
    """
    from aurora_dev.interfaces.cli.actions.transfer import run_import

    end(
        lambda: run_import(file, path, namespace=namespace, vectors=not without_vectors, as_json=as_json),
        interrupted="what was read so far is kept. Run the same command again to go on",
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
            help="pinecone, faiss (the project's local store) or faiss:FOLDER; by default the one of the settings.",
            show_default=False,
        ),
    ] = None,
    path: ProjectOption = None,
    namespace: NamespaceOption = None,
    to_namespace: Annotated[
        str | None,
        typer.Option("--to-namespace", metavar="NAME", help="In the target; by default the same.", show_default=False),
    ] = None,
    create: Annotated[
        bool, typer.Option("--create", help="Make the indexes on Pinecone where they do not exist.")
    ] = False,
    without_vectors: WithoutVectorsOption = False,
    as_json: JSONOption = False,
) -> None:
    """Copy everything from one store to another, and compare the two.

    Vectors are taken over: nothing is embedded again. Records with the same ids are replaced, others stay.
    """
    from aurora_dev.interfaces.cli.actions.transfer import run_copy

    end(
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
        interrupted="what was copied so far is kept. Run the same command again to go on",
    )


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to.", show_default=False)],
    path: ProjectOption = None,
    as_json: JSONOption = False,
) -> None:
    """Back up the whole local store while it is in use: one commit of it, in one file."""
    from aurora_dev.interfaces.cli.actions.transfer import run_backup

    end(lambda: run_backup(file, path, as_json=as_json), interrupted="no backup was made")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What aurora backup wrote.", show_default=False)],
    path: ProjectOption = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Replace what the store holds; needed where it holds anything.")
    ] = False,
    as_json: JSONOption = False,
) -> None:
    """Replace everything in the local store by a backup, in one step, also while it is in use."""
    from aurora_dev.interfaces.cli.actions.transfer import run_restore

    end(lambda: run_restore(file, path, yes=yes, as_json=as_json), interrupted="nothing was changed")


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command(epilog=EPILOG)(export)
    app.command("import", epilog=EPILOG)(import_)
    app.command(epilog=EPILOG)(copy)
    app.command(epilog=EPILOG)(backup)
    app.command(epilog=EPILOG)(restore)
