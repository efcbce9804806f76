"""The parts of the context manager, in the order in which a context is built.

- Candidates: ``candidates`` makes them from records, ``neighbours`` adds what the import graph says (``import_graph``),
  ``duplicates`` drops repeats, ``recency`` lifts recently changed files, ``gaps`` reads the lines between candidates,
  ``outline`` finds the interface of a chunk.
- Budget: ``budget`` divides the tokens among the sections and enforces the limit; ``select`` chooses candidates and
  their level of detail; ``conversation`` shortens the history; ``symbol_map`` shows as many symbols as fit.
- Output: ``render`` turns candidates into fenced blocks, ``assembly`` puts them together.

``items`` and ``request`` hold the types.
"""
