"""Text as it is read, searched and shown; every module is a leaf of pure functions.

- ``secrets``: finds and masks credentials.
- ``visible``: escapes control and hidden characters.
- ``fencing``: text for a model, masked, visible and inside fences.
- ``terms``, ``folding``: the terms of keyword search.
- ``document_text``: the text of a document that embedders and rerankers read.
- ``path_kinds``: kinds of files, told from their paths.
"""
