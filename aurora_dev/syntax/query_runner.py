"""The search of a syntax tree for definitions.

The tree is walked in C by a query, because visiting nodes from Python costs more than parsing: only matches become
Python objects.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from aurora_dev.syntax.languages import Language

if TYPE_CHECKING:
    from tree_sitter import Node, Query

# The nodes that are searched again if they are large.
_CONTAINERS = frozenset({"class", "constant", "function", "method", "module"})
_LARGE_BYTES = 1_500


def matches_of_query(query: Query, root: Node, language: Language) -> list[tuple[int, dict[str, list[Node]]]]:
    """Run a definition query down to the depth that its language declares.

    Returns:
        The matches: number of the pattern in the query, and nodes by capture.
    """
    from tree_sitter import QueryCursor

    cursor = QueryCursor(query)
    cursor.set_max_start_depth(language.depth)
    matches = cursor.matches(root)
    if language.depth_in_large_nodes is None:
        return matches
    large: list[Node] = []
    starts: list[int] = []
    for _, captures in matches:
        for kind in _CONTAINERS & captures.keys():
            node = captures[kind][0]
            start = node.start_byte
            starts.append(start)
            if node.end_byte - start > _LARGE_BYTES:
                large.append(node)
    starts.sort()
    for node in root.children:
        start, end = node.start_byte, node.end_byte
        if end - start > _LARGE_BYTES:
            position = bisect_left(starts, start)
            if position == len(starts) or starts[position] >= end:
                large.append(node)  # a wrapper or a test suite, in which nothing was found so far
    cursor.set_max_start_depth(language.depth_in_large_nodes)
    for node in large:
        matches += cursor.matches(node)
    return matches
