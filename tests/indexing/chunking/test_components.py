"""The scripts of single-file components are cut in their own language."""

from __future__ import annotations

import time

import pytest

from aurora_dev.core.types import Document
from aurora_dev.indexing.chunking.chunker import chunk_text
from aurora_dev.indexing.chunking.components import find_scripts

VUE = """<template>
  <p v-if="a > b">pay</p>
</template>
<script setup lang="ts" generic="T extends Record<string, Row>">
const total = ref(0)

function applyVoucher(code: string): number {
  return lookup(code).percent
}
</script>
<style>
p { color: red }
</style>
"""
SVELTE = """<script context="module">
  export const prerender = true;
</script>
<!-- <script>function hidden() {}</script> -->
<script lang="ts">
  export let name: string;
  function greet(): string { return name; }
</script>
<p>{greet()}</p>
"""
ASTRO = """---
import Layout from './Layout.astro'
interface Props { title: string }
function headline(p: Props): string { return p.title }
---
<Layout><h1>{headline(Astro.props)}</h1></Layout>
<script>
  function onClick(event: Event): void { event.preventDefault() }
</script>
"""


def defining(documents: list[Document], name: str) -> Document:
    (found,) = [each for each in documents if name in (each.metadata.get("symbols") or ())]  # type: ignore[operator]
    return found


@pytest.mark.parametrize(
    ("path", "text", "name", "language"),
    [
        ("Cart.vue", VUE, "applyVoucher", "typescript"),
        ("Cart.vue", VUE.replace("\n", "\r\n"), "applyVoucher", "typescript"),
        ("Cart.vue", VUE.replace('lang="ts"', "lang=tsx"), "applyVoucher", "tsx"),
        ("Name.svelte", SVELTE, "greet", "typescript"),
        ("Name.svelte", SVELTE, "prerender", "javascript"),
        ("Page.astro", ASTRO, "headline", "typescript"),
        ("Page.astro", ASTRO, "onClick", "typescript"),
        ("One.vue", "<template/>\n<script>export function one() {}</script>\n", "one", "javascript"),
        ("Two.vue", "<SCRIPT>\nfunction two() {}\n</SCRIPT >", "two", "javascript"),
    ],
)
def test_a_definition_in_a_script_is_a_symbol(path: str, text: str, name: str, language: str) -> None:
    document = defining(chunk_text(text, path), name)
    assert document.metadata["language"] == language
    start, end = int(str(document.metadata["start_line"])), int(str(document.metadata["end_line"]))
    assert document.content == "\n".join(text.split("\n")[start - 1 : end])


@pytest.mark.parametrize(("path", "text"), [("a.vue", VUE), ("a.svelte", SVELTE), ("a.astro", ASTRO)])
def test_all_other_lines_are_kept_in_the_language_of_the_component(path: str, text: str) -> None:
    documents = chunk_text(text, path)
    covered = {
        line
        for document in documents
        for line in range(int(str(document.metadata["start_line"])), int(str(document.metadata["end_line"])) + 1)
    }
    for number, line in enumerate(text.split("\n"), 1):
        assert number in covered or not line.strip() or "script" in line or line == "---"
    rest = [each for each in documents if each.metadata["language"] == path.partition(".")[2]]
    assert rest
    assert not any("symbol" in each.metadata for each in rest)


def test_a_script_in_a_comment_and_data_in_a_script_are_no_code() -> None:
    assert [script.language for script in find_scripts(SVELTE, "svelte")] == ["javascript", "typescript"]
    assert find_scripts('<script type="application/ld+json">{"a": 1}</script>', "vue") == []
    assert find_scripts("<script>unfinished", "vue") == []
    assert chunk_text("<template>\n<p>only</p>\n</template>\n", "a.vue")[0].metadata["language"] == "vue"


@pytest.mark.parametrize("text", ["<script" * 20_000, '<script "' * 10_000, "<!--" * 20_000, "---\n" * 20_000])
def test_damaged_components_take_no_quadratic_time(text: str) -> None:
    start = time.perf_counter()
    find_scripts(text, "astro")
    assert time.perf_counter() - start < 5
