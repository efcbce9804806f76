"""The formats of rerank services: requests, replies, limits, and the addresses that tell them; pure functions.

A new service is one `RerankFormat` in `FORMATS`; no other module names a format. Shapes, limits and kinds of score are
those that each service documents:

- Cohere v1 and v2: https://docs.cohere.com/v1/reference/rerank and https://docs.cohere.com/reference/rerank
- Jina: https://api.jina.ai/redoc (``/v1/rerank``)
- Voyage: https://docs.voyageai.com/reference/reranker-api
- Hugging Face Text Embeddings Inference (TEI): https://huggingface.github.io/text-embeddings-inference (``/rerank``)
- llama.cpp: https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md (``/v1/rerank``, ``/reranking``)
- vLLM: https://docs.vllm.ai/en/latest/models/pooling_models/ (``/rerank``, ``/v1/rerank``, ``/v2/rerank``)
- infinity: https://michaelfeil.github.io/infinity (``/rerank``)
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

import httpx

from aurora_dev.core.services.batching import batches
from aurora_dev.errors import InvalidRequestError
from aurora_dev.lazy import np, npt

ScoreKind: TypeAlias = Literal["probability", "logit", "similarity"]
SCORE_KINDS: tuple[ScoreKind, ...] = get_args(ScoreKind)

# Half precision rounds a probability of 1 up by at most this much.
_TOLERANCE = 1e-3
_SCORE_FIELDS = ("relevance_score", "score")
_BARE = ""  # the field name of a reply that is itself the list
_LISTED_NAMES = 5  # fields of a wrong reply that an error names


class ReplyError(ValueError):
    """A reply cannot be used; the text completes the sentence "invalid response: …"."""


@dataclass(frozen=True, slots=True)
class RerankFormat:
    """The format of one kind of service.

    Attributes:
        name: Its name in ``api_format``.
        path: The path of its endpoint; completes an address without one.
        text_fields: The fields of a request that hold the documents.
        top_field: The field for the number of results; empty if the service has no such field.
        extra: Further fields of a request.
        score_field: The field that asks for logits; empty if the service gives one kind of score only.
        reply_fields: The fields of a reply that may hold the list of scores: objects with ``index`` and a score, or
            plain scores. The empty name is the reply itself.
        scores: The kind of its scores.
        max_documents: Most documents in a request.
        max_request_bytes: Most UTF-8 bytes of the texts in a request, the query counted once for each document.
        max_pair_bytes: Most UTF-8 bytes of query and document together; ``None`` if the service cuts by itself.
        max_document_chars: Most characters of a document that are sent.
        default_model: The model for the vendor's own host, which has to be named.
        takes_model: Whether a request may name a model; a server of one model has no such field.
        aliases: Other names in ``api_format``.
        hosts: Domains of the vendor; ``auto`` tells the format by them.
        host_path: The beginning of the path at these hosts; of several formats of a host, the first that fits counts.
        paths: Paths that only this kind of server has; ``auto`` tells the format by them.
        port: A port that only this kind of server listens on; ``auto`` tells the format by it.
    """

    name: str
    path: str
    text_fields: tuple[str, ...] = ("documents",)
    top_field: str = "top_n"
    extra: Mapping[str, Any] = field(default_factory=dict)
    score_field: str = ""
    reply_fields: tuple[str, ...] = ("results",)
    scores: ScoreKind = "probability"
    max_documents: int = 1_000
    max_request_bytes: int = 1_500_000
    max_pair_bytes: int | None = None
    max_document_chars: int = 8_000
    default_model: str = ""
    takes_model: bool = True
    aliases: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    host_path: str = ""
    paths: tuple[str, ...] = ()
    port: int | None = None


# Cohere recommends no more than 1,000 documents in a request and cuts documents itself (v2: max_tokens_per_doc, 4,096).
# Its scores are normalised to 0..1.
_COHERE_HOSTS = ("cohere.com", "cohere.ai")
COHERE_V1 = RerankFormat(
    "cohere-v1",
    "/v1/rerank",
    extra={"return_documents": False},
    default_model="rerank-v3.5",
    hosts=_COHERE_HOSTS,
    host_path="/v1",
)
COHERE_V2 = RerankFormat(
    "cohere-v2", "/v2/rerank", default_model="rerank-v3.5", aliases=("cohere",), hosts=_COHERE_HOSTS
)
# Jina documents no number of documents; requests of 100 run at the same time. return_documents is true by default.
JINA = RerankFormat(
    "jina",
    "/v1/rerank",
    extra={"return_documents": False},
    max_documents=100,
    default_model="jina-reranker-v2-base-multilingual",
    hosts=("jina.ai",),
)
# Voyage takes 1,000 documents, and 100,000 tokens (query × documents + documents) in the smallest of its limits, of
# about three bytes each.
VOYAGE = RerankFormat(
    "voyage",
    "/v1/rerank",
    top_field="top_k",
    extra={"return_documents": False, "truncation": True},
    reply_fields=("data",),
    max_request_bytes=300_000,
    default_model="rerank-2.5",
    hosts=("voyageai.com",),
)
# --max-client-batch-size is 32 and --payload-limit 2 MB by default; without truncate, a long text is refused (413).
TEI = RerankFormat(
    "tei",
    "/rerank",
    text_fields=("texts",),
    top_field="",
    extra={"truncate": True, "return_text": False},
    score_field="raw_scores",
    reply_fields=(_BARE, "scores"),
    max_documents=32,
    takes_model=False,
    aliases=("huggingface",),
)
# A pair has to fit into the physical batch (--ubatch-size, 512 tokens by default), else the whole request is refused
# ("input is too large to process"); code has about two and a half bytes a token. Scores are the model's logits.
LLAMACPP = RerankFormat(
    "llamacpp",
    "/v1/rerank",
    scores="logit",
    max_documents=64,
    max_pair_bytes=1_280,
    max_document_chars=1_200,
    paths=("/reranking", "/v1/reranking"),
)
# No limit of its own; -1 cuts at the model's length, since longer input is refused (400). The activation of the model,
# a sigmoid for one output, is applied by default. Requests are smaller because it returns every text.
VLLM = RerankFormat("vllm", "/rerank", extra={"truncate_prompt_tokens": -1}, max_documents=256)
# INFINITY_MAX_CLIENT_BATCH_SIZE is 2,048; it runs 32 pairs at a time by default.
INFINITY = RerankFormat(
    "infinity", "/rerank", extra={"return_documents": False}, score_field="raw_scores", max_documents=256, port=7997
)
# For a service that its address does not tell: the smallest of the limits, and every shape of reply. TEI reads "texts",
# all others "documents", and each ignores the field that it does not know.
PLAIN = RerankFormat(
    "plain",
    "/rerank",
    text_fields=("documents", "texts"),
    extra={"truncate": True},
    reply_fields=("rankings", "results", "data", "scores", _BARE),
    max_documents=32,
    aliases=("rankings", "generic"),
)

FORMATS: Mapping[str, RerankFormat] = {
    each.name: each for each in (COHERE_V1, COHERE_V2, JINA, VOYAGE, TEI, LLAMACPP, VLLM, INFINITY, PLAIN)
}
# Models, whatever serves them, whose score is the cosine of query and document, which may be below 0.
_SIMILARITY_MODELS = re.compile(r"jina-reranker-v3")


def choose_format(api_format: str, url: httpx.URL) -> RerankFormat:
    """Return the format of a name; for ``auto`` the one that the address tells, never an answer of the service.

    Vendors are known by their host (Cohere's version by its path), llama.cpp by the path ``/reranking``, infinity by
    its port 7997; anything else is ``plain``.

    Raises:
        InvalidRequestError: There is no format of that name.
    """
    if not isinstance(api_format, str):
        raise InvalidRequestError(f"api_format must be a string, not {type(api_format).__name__}")
    if api_format == "auto":
        return _format_of(url)
    wanted = _plain_name(api_format)
    for found in FORMATS.values():
        if wanted in map(_plain_name, (found.name, *found.aliases)):
            return found
    raise InvalidRequestError(f"api_format must be auto or one of {', '.join(FORMATS)}, not {api_format!r}")


def _plain_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _format_of(url: httpx.URL) -> RerankFormat:
    path = url.path.rstrip("/")
    by_path = [found for found in FORMATS.values() if path in found.paths]
    by_port = [found for found in FORMATS.values() if found.port is not None and found.port == url.port]
    return next(iter([*_vendor_formats(url), *by_path, *by_port]), PLAIN)


def _vendor_formats(url: httpx.URL) -> list[RerankFormat]:
    """Return the formats of the vendor at an address, the most fitting first; none for another host."""
    return [
        found
        for found in FORMATS.values()
        if any(url.host == domain or url.host.endswith("." + domain) for domain in found.hosts)
        and url.path.startswith(found.host_path)
    ]


def endpoint_of(url: httpx.URL, chosen: RerankFormat) -> httpx.URL:
    """Complete an address: without a path it gets the format's, after a version ``/rerank``."""
    path = url.path.rstrip("/")
    if not path:
        return url.copy_with(path=chosen.path)
    return url.copy_with(path=path + "/rerank") if re.search(r"/v\d+$", path) else url


def default_model(chosen: RerankFormat, url: httpx.URL) -> str:
    """Return the format's model at a vendor's own host; empty elsewhere, since other servers have loaded one."""
    return chosen.default_model if _vendor_formats(url) else ""


def default_scores(chosen: RerankFormat, model: str) -> ScoreKind:
    """Return the kind of score that a service documents for a model."""
    if chosen.scores == "probability" and _SIMILARITY_MODELS.search(model):
        return "similarity"
    return chosen.scores


def split(sizes: Sequence[int], query_size: int, max_documents: int, max_bytes: int) -> Iterator[list[int]]:
    """Yield the positions of the documents of each request, in order; a document that is too large goes alone.

    Args:
        sizes: UTF-8 bytes of each document.
        query_size: UTF-8 bytes of the query, which services count for each document.
        max_documents: Most documents in a request.
        max_bytes: Most bytes in a request.
    """
    for part in batches([size + query_size for size in sizes], max_documents, max_bytes):
        yield list(range(part.start, part.stop))


def request_body(chosen: RerankFormat, model: str, query: str, texts: Sequence[str], scores: ScoreKind) -> bytes:
    """Return the JSON of a request; lone surrogates, which UTF-8 cannot hold, become question marks."""
    body: dict[str, Any] = {"model": model} if model and chosen.takes_model else {}
    body["query"] = _clean(query)
    documents = [_clean(text) for text in texts]
    body.update(dict.fromkeys(chosen.text_fields, documents))
    if chosen.top_field:
        body[chosen.top_field] = len(texts)  # all: some servers return fewer by default
    body.update(chosen.extra)
    if chosen.score_field:
        body[chosen.score_field] = scores == "logit"
    return json.dumps(body, ensure_ascii=False).encode("utf-8")


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def read_scores(chosen: RerankFormat, reply: bytes, count: int) -> npt.NDArray[np.float64]:
    """Read the scores of a reply, and put them into the order of the documents.

    Args:
        chosen: The format of the service.
        reply: The body of the answer.
        count: The number of documents that were sent.

    Returns:
        Shape ``(count,)``, float64, as the service scaled them; NaN for a document that the service left out, which it
        may do if each of its scores names its document.

    Raises:
        ReplyError: The reply is anything else; nothing is guessed.
    """
    name, items = _items(chosen, reply)
    plain = bool(items) and not any(isinstance(item, dict) for item in items)
    if (plain or name in (_BARE, "scores")) and len(items) != count:
        raise ReplyError(f"{len(items)} scores for {count} documents")
    if plain:
        return np.array([_score(item, index) for index, item in enumerate(items)], dtype=np.float64)
    if not items:
        raise ReplyError(f"no score for any of {count} documents")
    scores = np.full(count, np.nan)
    for item in items:
        index = item.get("index") if isinstance(item, dict) else None
        if isinstance(index, bool) or not isinstance(index, int):
            raise ReplyError("a score without an index, which belongs to no document")
        if not 0 <= index < count:
            raise ReplyError(f"index {index}, of 0 to {count - 1}")
        if not math.isnan(scores[index]):
            raise ReplyError(f"index {index} twice")
        found = next((item[key] for key in _SCORE_FIELDS if key in item), None)
        scores[index] = _score(found, index)
    return scores


def _items(chosen: RerankFormat, reply: bytes) -> tuple[str, list[Any]]:
    if reply.lstrip()[:1] == b"<":
        raise ReplyError("a web page instead of JSON; is this the address of its API?")
    try:
        parsed = json.loads(reply)
    except (ValueError, RecursionError):
        what = "JSON that is cut off or damaged" if reply.strip() else "nothing at all"
        raise ReplyError(what) from None
    for name in chosen.reply_fields:
        found = parsed if name == _BARE else parsed.get(name) if isinstance(parsed, dict) else None
        if isinstance(found, list):
            return name, found
    wanted = " or ".join("a list" if name == _BARE else f'"{name}"' for name in chosen.reply_fields)
    raise ReplyError(f"{_kind(parsed)} where the format {chosen.name} has {wanted}")


def _kind(value: Any) -> str:
    if isinstance(value, dict):
        names = [f'"{name[:40]}"' for name in list(value)[:_LISTED_NAMES]]
        return f"an object with {', '.join(names)}" if names else "an empty object"
    return "a list" if isinstance(value, list) else "a single value"


def _score(value: Any, index: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ReplyError(f"no number as the score of index {index}")
    try:
        score = float(value)
    except OverflowError:  # a whole number beyond float64
        score = math.inf
    if not math.isfinite(score):
        raise ReplyError(f"a score that is not finite (index {index})")
    return score


def relevance(raw: npt.NDArray[np.float64], scores: ScoreKind) -> npt.NDArray[np.float32]:
    """Map the scores of a service to 0..1.

    Args:
        raw: Finite numbers, or NaN for a document that was not scored.
        scores: Their kind: ``probability`` (0..1, used as they are), ``logit`` (any number, through a sigmoid) or
            ``similarity`` (a cosine of -1..1, moved to 0..1 so that the order below 0 is kept).

    Returns:
        The same shape, float32 in 0..1 or NaN.

    Raises:
        ReplyError: A score is outside the range of its kind.
    """
    if scores == "logit":
        values = 0.5 * (1.0 + np.tanh(0.5 * raw))  # the sigmoid, without overflow
    else:
        lowest = 0.0 if scores == "probability" else -1.0
        outside = raw[(raw < lowest - _TOLERANCE) | (raw > 1.0 + _TOLERANCE)]
        if outside.size:
            raise ReplyError(
                f'the score {outside[0]:.6g}, which is no {scores}; if that is right, pass scores="logit" for logits, '
                'or scores="similarity" for cosines'
            )
        values = (np.clip(raw, lowest, 1.0) - lowest) / (1.0 - lowest)
    return values.astype(np.float32)
