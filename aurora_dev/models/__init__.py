"""Weights that ship in the wheel, each in a folder with its card and checksum."""
