"""Searches within a scope, over the real local store, embedder and keyword index."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from aurora_dev.core.scope.scope import SearchScope
from aurora_dev.core.types import Document, MetadataValue, SearchOptions
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.errors import InvalidRequestError


def chunk(path: str, text: str, language: str, start: int = 1, end: int = 9) -> Document:
    metadata: dict[str, MetadataValue] = {"path": path, "language": language, "file_hash": path}
    metadata |= {"start_line": start, "end_line": end}
    return Document(text, metadata, f"{path}:{start}")


DOCUMENTS = [
    chunk("src/auth/jwt.py", "def verify_token(token): return decode(token)", "python"),
    chunk("src/auth/jwt.py", "def sign_token(claims): return encode(claims)", "python", 10, 19),
    chunk("src/auth/view.tsx", "export function TokenView() { return token }", "tsx"),
    chunk("src/auth/token.ts", "export const parseToken = (token) => token", "typescript"),
    chunk("app/[id]/page.ts", "export default function Page(token) {}", "typescript"),
    chunk("tests/test_jwt.py", "def test_verify_token(): assert verify_token(token)", "python"),
    chunk("docs/guide.md", "A token is verified in one place.", "markdown"),
    Document("The LICENSE of the token library.", {"path": "LICENSE", "file_hash": "h"}, "LICENSE"),
    Document("Tokens expire after an hour.", {"kind": "decision", "path": "src/auth/jwt.py"}, "note"),
    Document("Rotate the token keys.", {"commit": "c" * 40, "kind": "commit", "files": ["src/auth/old.py"]}, "commit"),
]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[VectorStore]:
    async with VectorStore(path=tmp_path / "store", reranker="none") as store:
        await store.upsert(DOCUMENTS)
        yield store


async def ids(store: VectorStore, query: str = "token", **scope: Any) -> set[str]:
    return {result.id for result in await store.search(query, 20, scope=SearchScope(**scope))}


JWT = {"src/auth/jwt.py:1", "src/auth/jwt.py:10"}
CODE = {*JWT, "src/auth/view.tsx:1", "src/auth/token.ts:1", "app/[id]/page.ts:1", "tests/test_jwt.py:1"}
DOCS = {"docs/guide.md:1", "LICENSE"}


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        ({}, {*CODE, *DOCS, "note", "commit"}),
        ({"languages": ("py",)}, {*JWT, "tests/test_jwt.py:1"}),
        ({"languages": ("typescript",)}, {"src/auth/view.tsx:1", "src/auth/token.ts:1", "app/[id]/page.ts:1"}),
        ({"languages": ("tsx", "md")}, {"src/auth/view.tsx:1", "docs/guide.md:1"}),
        ({"sources": ("code",)}, CODE),
        ({"sources": ("docs",)}, DOCS),
        ({"sources": ("notes", "commits")}, {"note", "commit"}),
        ({"tests": False}, {*CODE, *DOCS, "note", "commit"} - {"tests/test_jwt.py:1"}),
        ({"tests": False, "languages": ("py",)}, JWT),
        ({"paths": ("src/auth/jwt.py",)}, {*JWT, "note"}),
        ({"paths": ("src/auth",)}, {*JWT, "src/auth/view.tsx:1", "src/auth/token.ts:1", "note", "commit"}),
        ({"paths": ("docs/", "./tests")}, {"docs/guide.md:1", "tests/test_jwt.py:1"}),
        ({"paths": ("*.py",), "sources": ("code",)}, {*JWT, "tests/test_jwt.py:1"}),
        ({"paths": ("**/*.{ts,tsx}",)}, {"src/auth/view.tsx:1", "src/auth/token.ts:1", "app/[id]/page.ts:1"}),
        ({"paths": ("app/[id]",)}, {"app/[id]/page.ts:1"}),
        ({"paths": ("src/auth/old.py",)}, {"commit"}),
        ({"paths": (".",), "sources": ("docs",)}, DOCS),
        ({"paths": ("jwt.py",), "folder": "src/auth"}, {*JWT, "note"}),
        ({"paths": ("*.ts",), "folder": "src"}, {"src/auth/token.ts:1"}),
        ({"paths": ("docs",), "folder": "src"}, {"docs/guide.md:1"}),
        ({"paths": ("../docs",), "folder": "src"}, {"docs/guide.md:1"}),
        ({"similar_to": "jwt.py:1", "folder": "src/auth", "languages": ("md",)}, {"docs/guide.md:1"}),
    ],
)
async def test_a_scope_narrows_a_search(store: VectorStore, scope: dict[str, Any], found: set[str]) -> None:
    assert await ids(store, **scope) == found


@pytest.mark.parametrize("mode", ["vector", "keyword", "hybrid"])
async def test_a_scope_applies_before_top_k(store: VectorStore, mode: Any) -> None:
    await store.upsert([chunk(f"src/many/{n}.py", f"token token token {n}", "python") for n in range(300)])
    found = await store.search("token", 2, options=SearchOptions(mode=mode), scope=SearchScope(paths=("tests", "docs")))
    assert {result.id for result in found} == {"tests/test_jwt.py:1", "docs/guide.md:1"}


async def test_paths_are_those_that_are_stored_at_the_moment(store: VectorStore) -> None:
    assert await ids(store, paths=("tests",)) == {"tests/test_jwt.py:1"}
    await store.upsert([chunk("tests/new.py", "a new token", "python")])
    assert await ids(store, paths=("tests",)) == {"tests/test_jwt.py:1", "tests/new.py:1"}
    await store.delete(ids=["tests/test_jwt.py:1", "tests/new.py:1"])
    with pytest.raises(InvalidRequestError, match="'tests' does not exist"):
        await ids(store, paths=("tests",))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("src/auht", "Did you mean 'src/auth'?"),
        ("jwt.py", "Did you mean 'src/auth/jwt.py'"),
        ("SRC/AUTH", "Did you mean 'src/auth'?"),
        ("src/**/*.rb", "no indexed file matches"),
        ("nowhere-near", "Leave it out"),
        ("../x", "outside of the project"),
        ("{a,b}" * 10, "more than 64 globs"),
    ],
)
async def test_an_unknown_path_is_an_error_with_similar_ones(store: VectorStore, path: str, message: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        await ids(store, paths=(path,))
    assert message in str(raised.value)


async def test_results_with_a_lower_score_are_left_out_and_counted(store: VectorStore) -> None:
    every = await store.search("verify_token", 20, scope=SearchScope())
    least = every[2].score
    some = await store.search("verify_token", 20, scope=SearchScope(min_score=least))
    kept = [result.id for result in every if result.score >= least]
    assert [result.id for result in some] == kept
    assert some.left_out == {"min_score": len(every) - len(kept)}
    assert every.left_out == {}


async def test_a_search_without_results_tells_what_each_condition_left_out(store: VectorStore) -> None:
    found = await store.search("token", 5, scope=SearchScope(languages=("rust",)))
    assert (list(found), found.left_out) == ([], {"languages": 5})
    found = await store.search("token", 3, scope=SearchScope(paths=("docs",), languages=("py",), tests=False))
    assert (list(found), found.left_out) == ([], {"languages": 1, "paths": 2})
    found = await store.search("token", 3, filter={"kind": "none"}, scope=SearchScope(languages=("rust",)))
    assert (list(found), found.left_out) == ([], {"all": 3})
    words = SearchOptions(mode="keyword")
    found = await store.search("zzqqxx", 3, options=words, scope=SearchScope(languages=("py",)))
    assert (list(found), found.left_out) == ([], {})


async def test_a_place_is_compared_by_its_stored_vector_and_is_no_result(store: VectorStore) -> None:
    vector = SearchOptions(mode="vector")
    like = SearchScope(similar_to="src/auth/jwt.py:12-19")
    found = await store.search(scope=like, options=vector, top_k=9)
    text = await store.search("def sign_token(claims): return encode(claims)", 10, options=vector)
    assert text[0].id == "src/auth/jwt.py:10"
    assert [result.id for result in found] == [result.id for result in text[1:]]
    assert [result.score for result in found] == pytest.approx([result.score for result in text[1:]], abs=1e-3)
    assert "src/auth/jwt.py:10" not in await ids(store, "", similar_to="src/auth/jwt.py:10")
    narrowed = await ids(store, "", similar_to="src/auth/jwt.py:10", languages=("md",))
    assert narrowed == {"docs/guide.md:1"}


async def test_with_a_place_and_a_query_the_words_are_those_of_the_query(store: VectorStore) -> None:
    scope = SearchScope(similar_to="src/auth/jwt.py:1")
    found = await store.search("zzqqxx", options=SearchOptions(mode="keyword"), scope=scope)
    assert found == []
    found = await store.search("place", options=SearchOptions(mode="keyword"), scope=scope)
    assert [result.id for result in found] == ["docs/guide.md:1"]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("src/auth/jwt.py:99", "the last indexed line is 19"),
        ("src/auth/jtw.py:1", "Did you mean 'src/auth/jwt.py'"),
        ("LICENSE:1", "no chunk of 'LICENSE' covers line 1"),
        ("../jwt.py:1", "outside of the project"),
    ],
)
async def test_a_place_that_is_not_indexed_is_an_error(store: VectorStore, place: str, message: str) -> None:
    with pytest.raises(InvalidRequestError) as raised:
        await ids(store, "", similar_to=place)
    assert message in str(raised.value)


async def test_only_a_place_stands_for_a_query(store: VectorStore) -> None:
    for scope in (None, SearchScope(languages=("py",))):
        with pytest.raises(InvalidRequestError, match="query is empty"):
            await store.search(scope=scope)
    with pytest.raises(InvalidRequestError, match="scope must be a SearchScope"):
        await store.search("x", scope={"languages": ["py"]})  # type: ignore[arg-type]
