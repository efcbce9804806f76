"""The command line: Typer declarations, with what they do in ``actions`` and what they print in ``output``."""
