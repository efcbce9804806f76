"""``python -m aurora_dev``: the command line, where the ``aurora`` script is not on the path."""

from aurora_dev.interfaces.cli.app import main

if __name__ == "__main__":
    main()
