"""The parts of the context manager, in the order in which a context is built.

- Hits: ``hits`` finds those of a long task, and lifts recently changed files.
- Candidates: ``candidates`` makes them from records, ``neighbours`` adds what the import graph says (``import_graph``),
  ``duplicates`` drops repeats, ``gaps`` reads the lines between candidates, ``outline`` finds the interface of a chunk.
- Budget: ``budget`` divides the tokens among the sections and enforces the limit; ``select`` chooses candidates and
  their level of detail; ``conversation`` shortens the history; ``symbol_map`` shows as many symbols as fit.
- Output: ``render`` turns candidates into fenced blocks, ``assembly`` puts them together.

``items`` and ``request`` hold the types.
"""
