"""The cache of scores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from aurora_dev.core.rerank.cache import ScoreCache, pair_keys


def test_a_key_depends_on_every_part() -> None:
    base = pair_keys(["model@1", "torch"], "query", ["text"])
    others = [
        pair_keys(["model@2", "torch"], "query", ["text"]),
        pair_keys(["model@1", "onnx"], "query", ["text"]),
        pair_keys(["model@1", "torch"], "other", ["text"]),
        pair_keys(["model@1", "torch"], "query", ["texts"]),
        pair_keys(["model@1torch"], "query", ["text"]),
        pair_keys(["model@1", "torch"], "querytext", [""]),
    ]
    assert base == pair_keys(["model@1", "torch"], "query", ["text"])
    assert len({base[0], *(keys[0] for keys in others)}) == len(others) + 1


def test_a_text_with_a_lone_surrogate_has_a_key() -> None:
    assert len(pair_keys(["m"], "q", ["\ud800"])) == 1


def test_the_least_recently_used_scores_are_evicted() -> None:
    cache = ScoreCache(2)
    cache.put_many({b"a": 0.1, b"b": 0.2})
    cache.get_many([b"a"])
    cache.put_many({b"c": 0.3})
    assert cache.get_many([b"a", b"b", b"c"]) == {b"a": 0.1, b"c": 0.3}


def test_a_cache_of_size_zero_keeps_nothing() -> None:
    cache = ScoreCache(0)
    cache.put_many({b"a": 0.1})
    assert len(cache) == 0
    assert cache.get_many([b"a"]) == {}


def test_a_score_of_zero_is_found_like_any_other() -> None:
    cache = ScoreCache(1)
    cache.put_many({b"a": 0.0})
    assert cache.get_many([b"a"]) == {b"a": 0.0}


def test_threads_share_a_cache_within_its_bound() -> None:
    cache = ScoreCache(50)

    def work(thread: int) -> None:
        for number in range(300):
            key = f"{thread}-{number}".encode()
            cache.put_many({key: float(number)})
            assert cache.get_many([key]).get(key, float(number)) == float(number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(cache) == 50
