"""The command line: Typer declarations."""
