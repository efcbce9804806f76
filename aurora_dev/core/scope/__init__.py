"""The part of a project that a search is told to look in: languages, paths, kinds of records, tests, scores."""
