"""Export, import, copy, back up or restore a store until killed, and print the progress.

    python killed_mover.py ACTION STORE PLACE

It waits for a line before it begins. Actions are ``export``, ``import``, ``copy``, ``backup`` and ``restore``; PLACE is
a file, or the folder of the other store. The last line is ``done``.
"""

from __future__ import annotations

import sys

from aurora_dev.core.faiss_store import FAISSLocalStore
from aurora_dev.core.local import backup as sqlite_backup
from aurora_dev.transfer import copy_records, export_records, import_records


def say(*values: object) -> None:
    sys.stdout.write(" ".join(map(str, values)) + "\n")
    sys.stdout.flush()


def move(action: str, folder: str, place: str) -> None:
    sqlite_backup._BATCH_PAGES = 64  # more steps to be killed in
    say("ready")
    sys.stdin.readline()
    store = FAISSLocalStore(folder)
    if action == "export":
        export_records(store, "n", place, progress=say)
    elif action == "import":
        import_records(store, place, progress=say)
    elif action == "copy":
        target = FAISSLocalStore(place)
        copy_records(store, target, "n", progress=say)
        target.close()
    elif action == "backup":
        store.back_up(place, say)
    else:
        store.restore(place, say)
    store.close()
    say("done")


if __name__ == "__main__":
    move(*sys.argv[1:])
