'''Contract tests for your own backend, and an embedder for tests that needs no model.

To test a `VectorBackend`, subclass each contract class of `aurora_dev.testing.backend_contract` in a test module, with
a fixture ``backend`` that yields a new, empty backend and closes it. Each test is one rule of the protocol and its name
says which::

    """The contract of my backend."""

    import pytest

    from aurora_dev.testing.backend_contract import (
        EmbedderContract,
        FilterContract,
        KeywordSearchContract,
        NamespaceContract,
        RecordContract,
        VectorSearchContract,
    )

    class MyBackendFixture:
        @pytest.fixture
        def backend(self, tmp_path):
            backend = MyBackend(tmp_path)
            yield backend
            backend.close()

    class TestRecords(MyBackendFixture, RecordContract): ...
    class TestNamespaces(MyBackendFixture, NamespaceContract): ...
    class TestEmbedder(MyBackendFixture, EmbedderContract): ...
    class TestFilters(MyBackendFixture, FilterContract): ...
    class TestVectorSearch(MyBackendFixture, VectorSearchContract): ...
    class TestKeywordSearch(MyBackendFixture, KeywordSearchContract): ...

Override more of `aurora_dev.testing.contract_support.Contract` if your backend needs it:

- ``settle(backend, namespace)`` waits until earlier writes are visible, for a service that is eventually consistent.
- ``odd_ids`` lists fewer unusual ids, if the service refuses some.
- ``approximate_integers = True`` allows integers beyond 2^53 to come back rounded.

Keyword tests are skipped if ``backend.capabilities.keyword`` is false.

`aurora_dev.testing.hashing_embedder.HashingEmbedder` gives repeatable vectors in which texts with common words are near
each other, without loading a model.

The contract classes need pytest (the extra ``dev``). Nothing in this package is used outside tests.
'''
