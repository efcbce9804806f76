"""The BM25 keyword index: ``index`` (search and changes), ``segments`` (its parts), ``file`` (the snapshot on disk)."""
