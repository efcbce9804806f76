"""Keyword options: what a constructor accepts, what its signature shows, and what type checkers know are the same."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

import pytest

from aurora_dev.core import http_reranker, pinecone_store, reranker
from aurora_dev.core.arguments import check_seconds, check_whole, option_groups
from aurora_dev.core.embed import http
from aurora_dev.errors import InvalidRequestError

CONSTRUCTORS = [
    (http_reranker.HTTPReranker, http_reranker.HTTPRerankerOptions),
    (reranker.CrossEncoderReranker, reranker.CrossEncoderOptions),
    (http.HTTPEmbedder, http.HTTPEmbedderOptions),
    (pinecone_store.PineconeStore, pinecone_store.PineconeOptions),
]


@dataclass(frozen=True)
class Size:
    width: int = 1
    height: int = 2


@dataclass(frozen=True)
class Colour:
    colour: str = "red"


@pytest.mark.parametrize(("described", "options"), CONSTRUCTORS, ids=lambda each: each.__name__)
def test_the_signature_shows_the_options_that_type_checkers_know(described: Any, options: Any) -> None:
    parameters = inspect.signature(described).parameters
    code = described.__init__.__code__
    explicit = code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]
    assert set(parameters) == {*explicit, *options.__annotations__}
    assert list(parameters)[: len(explicit)] == list(explicit)
    assert all(parameters[name].default is not inspect.Parameter.empty for name in options.__annotations__)


@pytest.mark.parametrize("described", [described for described, _ in CONSTRUCTORS], ids=lambda each: each.__name__)
def test_an_unknown_option_is_a_type_error_that_names_it(described: Any) -> None:
    needed = ["http://localhost", "model"] if described is http.HTTPEmbedder else ["key"]
    with pytest.raises(TypeError, match=rf"{described.__name__}\(\) got an unexpected keyword argument 'colour'"):
        described(*needed, colour="red")


def test_given_options_reach_their_groups_and_the_others_keep_their_defaults() -> None:
    assert option_groups("Box", {"height": 5}, Size(), Colour()) == (Size(1, 5), Colour("red"))
    assert option_groups("Box", {}, Size()) == (Size(),)
    with pytest.raises(TypeError, match=r"Box\(\) got an unexpected keyword argument 'depth'"):
        option_groups("Box", {"depth": 1}, Size(), Colour())


@pytest.mark.parametrize("value", [0, -1, 1.0, True, "1", None])
def test_whole_numbers_are_checked(value: object) -> None:
    check_whole(n=1)
    check_whole(least=0, n=0)
    with pytest.raises(InvalidRequestError, match="n must be a whole number of at least 1"):
        check_whole(n=value)


@pytest.mark.parametrize("value", [0, -1.0, float("nan"), float("inf"), True, "1", None])
def test_seconds_are_checked(value: object) -> None:
    check_seconds(s=0.1)
    with pytest.raises(InvalidRequestError, match="s must be seconds above 0"):
        check_seconds(s=value)
