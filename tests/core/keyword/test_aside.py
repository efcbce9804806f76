"""Documents set aside: found as all others, without a say in the statistics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aurora_dev.core.keyword.index import ASIDE_TERM, KeywordIndex

CODE = [{"request": 3.0, "send": 1.0}, {"request": 1.0, "parse": 2.0, "url": 4.0}, {"cache": 5.0, "send": 2.0}]
TALK = [{"request": 9.0, "holiday": 2.0, "send": 1.0, ASIDE_TERM: 1.0} for _ in range(40)]
QUERY = {"request": 1.0, "send": 1.0, "cache": 0.5}


def code_alone() -> KeywordIndex:
    index = KeywordIndex()
    index.add([0, 1, 2], CODE)
    return index


@pytest.mark.parametrize("at_once", [True, False])
def test_others_score_as_if_documents_aside_were_not_there(tmp_path: Path, at_once: bool) -> None:
    rows, scores = code_alone().search(QUERY, 3)
    index = code_alone()
    if at_once:
        index.add(range(10, 50), TALK)
    else:
        for row, terms in enumerate(TALK, start=10):
            index.add([row], [terms])
        index.remove([10, 11])
        index.add([12], [TALK[0]])
    for reader in (index, _saved(index, tmp_path)):
        found, values = reader.search(QUERY, 100)
        kept = np.isin(found, [0, 1, 2])
        assert found[kept].tolist() == rows.tolist()
        assert values[kept].tolist() == pytest.approx(scores.tolist(), rel=1e-5)
        assert kept.sum() < len(found)
        assert reader.holders(["request", "holiday", "cache"]) == [2, 0, 1]


def _saved(index: KeywordIndex, folder: Path) -> KeywordIndex:
    index.save(folder / "keywords", {})
    return KeywordIndex.load(folder / "keywords")[0]


def test_an_index_of_documents_aside_alone_counts_them() -> None:
    index = KeywordIndex()
    index.add(range(5), [{"request": 1.0, ASIDE_TERM: 1.0}, *[{"send": 1.0, ASIDE_TERM: 1.0}] * 4])
    rows, scores = index.search({"request": 1.0, "send": 1.0}, 5)
    assert rows[0] == 0
    assert scores[0] > scores[1]
    assert index.holders(["send"]) == [4]
