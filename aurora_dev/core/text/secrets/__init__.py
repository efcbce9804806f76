"""Masking of credentials: rules per provider and for assignments, behind prefilters that make clean text nearly free.

- ``masking``: `mask_secrets` applies everything below;
- ``providers``: the formats of providers, as a table; ``tokens`` applies it;
- ``assignments``: values whose name says that they are secret, as in ``password = "…"``;
- ``urls``: passwords in URLs and after ``curl -u``; ``private_keys``: PEM and PuTTY; ``manifests``: Kubernetes secrets;
- ``placeholders``: tells real values from examples, variables and templates.

Where text is masked:

- before storing: files in ``indexing/file_reader.py``, all other documents and their metadata in
  ``core/search/writer.py``, notes in ``notes/service.py``;
- before a model reads it: everything in a context and in an MCP reply, in ``core/text/fencing.py`` (`safe`).
"""

from __future__ import annotations

from aurora_dev.core.text.secrets.masking import LABELS, MASKING_VERSION, mask_named, mask_secrets

__all__ = ["LABELS", "MASKING_VERSION", "mask_named", "mask_secrets"]
