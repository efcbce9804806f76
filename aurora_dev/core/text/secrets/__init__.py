"""Masking of credentials: rules per provider and for assignments, behind prefilters that make clean text nearly free.

- ``masking``: `mask_secrets` applies everything below, `mask_content` does so to a record with its metadata;
- ``prefilter``: finds in one pass where a rule may match;
- ``providers``: the formats of providers, as a table; ``tokens`` applies it;
- ``assignments``: values whose name says that they are secret, as in ``password = "…"``;
- ``commands``: passwords on command lines, in SQL, calls, headers and password files; ``prose``: in sentences;
- ``tables``: passwords in columns (SQL, Markdown, CSV); ``phrases``: seed phrases and recovery codes;
- ``urls``: passwords in URLs and after ``curl -u``; ``private_keys``: PEM and PuTTY; ``manifests``: Kubernetes secrets;
- ``values``, ``placeholders``: tell real values from examples, variables, templates, types and labels.

Where text is masked:

- before storing: files in ``indexing/file_reader.py``, all other documents and their metadata in
  ``core/search/writer.py``, notes in ``notes/service.py``, imported and copied records in ``transfer/loading.py``;
- before a file leaves: exported records in ``transfer/exporting.py``;
- before a service reads it: queries in ``core/vector_store.py``;
- in log lines: ``log.py``, which `mask_logged_texts` tells to use `mask_secrets`;
- before a model reads it: everything in a context and in an MCP reply, in ``core/text/fencing.py`` (`safe`).
"""

from __future__ import annotations

from aurora_dev.core.text.secrets.masking import LABELS, MASKING_VERSION, mask_content, mask_named, mask_secrets

__all__ = ["LABELS", "MASKING_VERSION", "mask_content", "mask_named", "mask_secrets"]
