"""The work of the commands, from their arguments to their output."""
