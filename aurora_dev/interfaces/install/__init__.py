"""Assistants: their configuration files and rules."""
