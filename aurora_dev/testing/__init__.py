"""Contracts as importable test classes, and test doubles that rank for real."""
