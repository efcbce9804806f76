"""``aurora export``, ``import``, ``copy``, ``backup`` and ``restore``; vectors are copied, so no model is loaded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from aurora_dev.config import Settings, find_project
from aurora_dev.config.backends import remote_services
from aurora_dev.core import factory
from aurora_dev.core.contracts import VectorBackend
from aurora_dev.core.text.visible import visible
from aurora_dev.errors import InvalidRequestError
from aurora_dev.interfaces.cli.actions.project import indexed_project
from aurora_dev.interfaces.cli.output.exit_codes import EXIT_OK
from aurora_dev.interfaces.cli.output.progress import progress_display
from aurora_dev.interfaces.cli.output.render import shown_path, to_json
from aurora_dev.interfaces.cli.output.streams import print_text, say
from aurora_dev.log import configure_logging
from aurora_dev.memory.transfer import backups_of
from aurora_dev.transfer import copy_records, export_records, import_records

_MEGABYTE = 1_000_000
_STORES = ", ".join(factory.BACKENDS) + f", or {factory.LOCAL_BACKEND}:FOLDER"


def run_export(
    file: Path, path: Path | None, *, namespace: str | None, vectors: bool, force: bool, as_json: bool
) -> int:
    """Export a namespace to a file."""
    root, settings = _project_to_read(path)
    name = _namespace(settings, namespace, settings.backend)
    with _open_backend(settings.backend, settings, root) as backend, progress_display(quiet=as_json) as display:
        report = export_records(
            backend,
            name,
            file,
            vectors=vectors,
            mask=settings.mask_secrets,
            progress=display.stage,
            replace=force,
        )
    if as_json:
        _print_json(report)
    else:
        without = report.records - report.vectors
        print_text(
            f"exported {report.records:,} records of the namespace '{visible(name)}' to {visible(str(report.path))} "
            f"({report.bytes / _MEGABYTE:,.1f} MB)"
            + (f"; {without:,} have no vector" if without else "")
            + (f"; {report.resumed:,} come from an interrupted export" if report.resumed else "")
        )
    if report.changed:
        say(
            "note: the store changed during the export, and the file may miss some changes. For one committed state, "
            "use: aurora backup"
        )
    return EXIT_OK


def run_import(file: Path, path: Path | None, *, namespace: str | None, vectors: bool, as_json: bool) -> int:
    """Import a file into a namespace."""
    root, settings = _project_to_write(path)
    name = _namespace(settings, namespace, settings.backend)
    with _open_backend(settings.backend, settings, root) as backend, progress_display(quiet=as_json) as display:
        report = import_records(
            backend, file, namespace=name, vectors=vectors, mask=settings.mask_secrets, progress=display.stage
        )
    if as_json:
        _print_json(report)
    else:
        unchanged = report.records - report.written
        print_text(
            f"imported {report.records:,} records into the namespace '{visible(name)}' of "
            f"{visible(shown_path(root))}" + (f"; {unchanged:,} were already there" if unchanged else "")
        )
    _note_missing_vectors(report.left_without)
    return EXIT_OK


def run_copy(
    source: str | None,
    to: str,
    path: Path | None,
    *,
    namespace: str | None,
    to_namespace: str | None,
    create: bool,
    vectors: bool,
    as_json: bool,
) -> int:
    """Copy a namespace from one store to another."""
    root, settings = _project_to_write(path)
    if create:
        allowed = [service.create for service in remote_services().values() if service.create is not None]
        settings = settings.model_copy(update=dict.fromkeys(allowed, True))
    source = source or settings.backend
    _check_store_name(source, settings, root, reading=True)
    _check_store_name(to, settings, root, reading=False)
    name = _namespace(settings, namespace, source)
    target_name = to_namespace or _namespace(settings, namespace, to)
    with (
        _open_backend(source, settings, root) as source_backend,
        _open_backend(to, settings, root) as target_backend,
        progress_display(quiet=as_json) as display,
    ):
        report = copy_records(
            source_backend,
            target_backend,
            name,
            to_namespace=target_name,
            vectors=vectors,
            mask=settings.mask_secrets,
            progress=display.stage,
        )
    if as_json:
        _print_json(report)
        return EXIT_OK
    unchanged = report.records - report.written
    print_text(
        f"copied {report.records:,} records from {visible(source)} ('{visible(name)}') to {visible(to)} "
        f"('{visible(target_name)}')" + (f"; {unchanged:,} were already there" if unchanged else "")
    )
    print_text(
        f"compared: the count, {report.sampled} records, and {report.queries} searches, whose first results agree to "
        f"{report.agreement:.0%}"
    )
    if report.only_in_target:
        say(f"note: the target has {report.only_in_target:,} records that the source does not have; they were kept")
    if report.changed:
        say("note: the source changed during the copy. Run the same command again to copy the rest")
    _note_missing_vectors(report.left_without)
    return EXIT_OK


def run_backup(file: Path, path: Path | None, *, force: bool, as_json: bool) -> int:
    """Back up the local store."""
    root, settings = _project_to_read(path)
    with _open_backend(settings.backend, settings, root) as backend, progress_display(quiet=as_json) as display:
        size = backups_of(backend).back_up(file, lambda done, total: display.stage("pages", done, total), replace=force)
    if as_json:
        print_text(to_json({"path": str(file), "bytes": size}))
    else:
        print_text(f"backed up {visible(shown_path(root))} to {visible(str(file))} ({size / _MEGABYTE:,.1f} MB)")
    return EXIT_OK


def run_restore(file: Path, path: Path | None, *, yes: bool, as_json: bool) -> int:
    """Replace the contents of the local store with a backup."""
    root, settings = _project_to_write(path)
    with _open_backend(settings.backend, settings, root) as backend, progress_display(quiet=as_json) as display:
        backups = backups_of(backend)
        held = sum(backend.count(name) for name in backend.namespaces())
        if held and not yes:
            raise InvalidRequestError(
                f"the store of {shown_path(root)} holds {held:,} records, which a restore would replace: nothing was "
                "changed. Pass --yes to replace them; to keep them, first run: aurora backup FILE"
            )
        report = backups.restore(file, lambda done, total: display.stage("restoring", done, total))
        for name in report.namespaces:
            backend.refresh(name)
    if as_json:
        _print_json(report)
    else:
        print_text(
            f"restored {report.records:,} records from {visible(str(file))} into {visible(shown_path(root))}"
            + (f", replacing {report.replaced:,}" if report.replaced else "")
        )
    return EXIT_OK


def _project_to_read(path: Path | None) -> tuple[Path, Settings]:
    """Return the project whose store is read. With a local store, it must have an index."""
    start = path or Path.cwd()
    root = find_project(start) if start.is_dir() else None
    if root is not None:
        settings = _settings(root)
        if not factory.backend_kind(settings.backend).local:
            return root, settings
    return indexed_project(path)


def _project_to_write(path: Path | None) -> tuple[Path, Settings]:
    """Return the project whose store is written, which may be new."""
    start = path or Path.cwd()
    if not start.is_dir():
        raise InvalidRequestError(f"'{path}' is not a folder: nothing was done")
    root = find_project(start, within_repository=True) or start.absolute()
    return root, _settings(root)


def _settings(root: Path) -> Settings:
    settings = Settings.load(root)
    configure_logging(settings.log, settings.log_format)
    return settings


def _check_store_name(store: str, settings: Settings, root: Path, *, reading: bool) -> None:
    name, colon, folder = store.partition(":")
    kind = factory.BACKENDS.get(name)
    if kind is None or (folder and not kind.local) or (colon and not folder and kind.local):
        raise InvalidRequestError(f"there is no store '{store}': nothing was copied. Use {_STORES}")
    if kind.local and reading and not _local_folder(store, settings, root).is_dir():
        raise InvalidRequestError(
            f"there is no local store in '{_local_folder(store, settings, root)}': nothing was copied"
        )


def _local_folder(store: str, settings: Settings, root: Path) -> Path:
    folder = store.partition(":")[2]
    return Path(folder).expanduser() if folder else settings.store_path(root)


def _namespace(settings: Settings, given: str | None, store: str) -> str:
    if given is not None:
        return given
    kind = factory.backend_kind(store.partition(":")[0])
    if kind.shared and settings.sources()["namespace"].kind == "default":
        raise InvalidRequestError(
            f"on {kind.title} every project needs its own namespace: nothing was done. Name one with --to-namespace or "
            "--namespace, or set AURORA_NAMESPACE"
        )
    return settings.namespace


@contextmanager
def _open_backend(store: str, settings: Settings, root: Path) -> Iterator[VectorBackend]:
    kind = store.partition(":")[0]
    backend = factory.create_backend(kind, _local_folder(store, settings, root), settings)
    try:
        yield backend
    finally:
        backend.close()


def _note_missing_vectors(records: int) -> None:
    if records:
        say(f"note: {records:,} vectors were left out; only keywords find these records. Run: aurora index --reembed")


def _print_json(report: Any) -> None:
    data = {name: str(value) if isinstance(value, Path) else value for name, value in asdict(report).items()}
    print_text(to_json(data))
