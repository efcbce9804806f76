"""``aurora`` and ``python -m aurora_dev``: the command line."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line; the entry point of the ``aurora`` script."""
    # Importing makes many objects and no garbage: looking for it after every 700 took a tenth of the start.
    gc.set_threshold(20_000, *gc.get_threshold()[1:])
    if sys.argv[1:2] == ["hook"] and sys.argv[2:] and not {"-h", "--help"} & set(sys.argv):
        gc.disable()  # a hook is over before there is garbage
        from aurora_dev.interfaces.hooks.entry import main as run_hook

        raise SystemExit(run_hook(sys.argv[2:]))
    try:
        from aurora_dev.interfaces.cli.app import main as run

        run()
    except KeyboardInterrupt:  # before a command has begun: nothing to report, and no traceback
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
