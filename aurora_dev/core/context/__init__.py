"""The parts of the context manager: candidates, selection, rendering."""
