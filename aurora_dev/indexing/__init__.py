"""Indexing: files on disk become chunks in the store, and stay current.

`project_index` is the entry: complete runs, quick updates before a search, and the watch. `walker` lists files (with
`ignore` and `filetypes`), `chunking` cuts them, `file_reader` and `indexer` bring the store up to date. `changes`
compares the project with its `snapshot`, and `freshness` decides what a search waits for.
"""
