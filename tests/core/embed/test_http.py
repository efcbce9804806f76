from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest
from pydantic import SecretStr

from aurora_dev.core.contracts import Embedder, RefusedTextsError
from aurora_dev.core.embed.http import HTTPEmbedder, endpoint_of
from aurora_dev.core.services.retry import RETRIED_STATUS
from aurora_dev.errors import EmbeddingError, InvalidRequestError
from aurora_dev.testing.hashing_embedder import HashingEmbedder

KEY = "sk-very-secret-key-0123456789"
MODEL = "tiny"
DIMENSION = 8
HASHING = HashingEmbedder(DIMENSION)


class Seen(NamedTuple):
    path: str
    headers: dict[str, str]
    inputs: list[str]
    model: str


class Answer(NamedTuple):
    status: int
    body: bytes
    headers: Mapping[str, str] = MappingProxyType({})


def vectors_of(inputs: list[str]) -> list[list[float]]:
    return [[3.0 * float(number) for number in row] for row in HASHING.embed_documents(inputs)]


def reply_to(inputs: list[str]) -> Answer:
    """Answer as OpenAI does, but out of order and not normalised, as the format allows."""
    data = [{"object": "embedding", "index": n, "embedding": row} for n, row in enumerate(vectors_of(inputs))]
    return Answer(200, json.dumps({"object": "list", "data": data[::-1], "model": MODEL}).encode())


class Service:
    """A real HTTP server on the loopback interface; ``answers`` are given first, good ones after them."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.answers: list[Answer | Callable[[list[str]], Answer]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                service.seen.append(Seen(self.path, dict(self.headers), body["input"], body["model"]))
                answer = service.answers.pop(0) if service.answers else reply_to
                if callable(answer):
                    answer = answer(body["input"])
                if answer.status == 0:  # cut the connection in the middle of the answer
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, _format: str, *args: Any) -> None:
                """Keep quiet."""

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Keep quiet about clients that leave."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def service() -> Iterator[Service]:
    running = Service()
    yield running
    running.stop()


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def make(service: Service, waits: list[float]) -> Iterator[Callable[..., HTTPEmbedder]]:
    made: list[HTTPEmbedder] = []

    def build(url: str | None = None, **options: Any) -> HTTPEmbedder:
        options = {"wait": waits.append, "jitter": lambda: 1.0, "timeout": 5.0, **options}
        made.append(HTTPEmbedder(url or service.url, MODEL, **options))
        return made[-1]

    yield build
    for embedder in made:
        embedder.close()


Make = Callable[..., HTTPEmbedder]
TEXTS = [f"text number {number} of many" for number in range(25)]


def test_vectors_come_back_normalised_and_in_the_order_of_the_texts(make: Make, service: Service) -> None:
    embedder = make(batch_size=10)
    found = embedder.embed_documents(TEXTS)
    assert isinstance(embedder, Embedder)
    assert found.shape == (25, DIMENSION)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, HASHING.embed_documents(TEXTS), atol=1e-6)
    assert [len(seen.inputs) for seen in service.seen] == [10, 10, 5]
    assert {seen.model for seen in service.seen} == {MODEL}


def test_batches_end_at_a_number_of_characters_and_a_longer_text_goes_alone(make: Make, service: Service) -> None:
    texts = ["a" * 40, "b" * 40, "c" * 40, "d" * 500, "e", "f"]
    make(batch_chars=100).embed_documents(texts)
    assert [len(seen.inputs) for seen in service.seen] == [2, 1, 1, 2]


@pytest.mark.parametrize("suffix", ["", "/", "/v1", "/v1/", "/v1/embeddings", "/v1/embeddings/"])
def test_a_base_url_with_or_without_v1_is_completed(make: Make, service: Service, suffix: str) -> None:
    embedder = make(service.url + suffix)
    embedder.embed_query("hello")
    assert service.seen[0].path == "/v1/embeddings"
    assert embedder.fingerprint == make().fingerprint


@pytest.mark.parametrize(
    ("url", "endpoint"),
    [
        ("https://host/proxy/openai/v1", "https://host/proxy/openai/v1/embeddings"),
        ("https://host/v1beta", "https://host/v1beta/embeddings"),
        ("https://host/deployments/x/embeddings?api-version=3", "https://host/deployments/x/embeddings?api-version=3"),
        (" http://localhost:11434 ", "http://localhost:11434/v1/embeddings"),
    ],
)
def test_addresses_are_completed_to_endpoints(url: str, endpoint: str) -> None:
    assert str(endpoint_of(url)) == endpoint


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://host", "http://", "https://me:pw@host/v1", None])
def test_invalid_addresses_are_refused(url: Any) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        HTTPEmbedder(url, MODEL)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    "options",
    [
        {"model": " "},
        {"dimension": 0},
        {"batch_size": 0},
        {"batch_chars": True},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"max_retries": -1},
        {"api_key": "line\nbreak"},
        {"api_key": "schlüssel"},
    ],
)
def test_wrong_arguments_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        HTTPEmbedder("http://localhost", **{"model": MODEL, **options})
    assert "break" not in str(caught.value)


def test_prefixes_go_before_queries_and_documents(make: Make, service: Service) -> None:
    embedder = make(query_prefix="query: ", document_prefix="passage: ")
    embedder.embed_query("red")
    embedder.embed_documents(["green"])
    assert [seen.inputs for seen in service.seen] == [["query: red"], ["passage: green"]]
    assert embedder.fingerprint != make().fingerprint


def test_blank_texts_are_not_sent_and_embed_to_zeros(make: Make, service: Service) -> None:
    found = make(document_prefix="passage: ").embed_documents(["", "red", " \n"])
    assert [seen.inputs for seen in service.seen] == [["passage: red"]]
    assert not found[0].any()
    assert not found[2].any()
    assert found[1].any()


def test_the_dimension_is_learned_once(make: Make, service: Service) -> None:
    embedder = make()
    assert embedder.dimension == DIMENSION
    assert embedder.dimension == DIMENSION
    assert embedder.embed_documents([]).shape == (0, DIMENSION)
    assert len(service.seen) == 1
    assert make(dimension=77).dimension == 77
    assert len(service.seen) == 1


def test_vectors_of_another_length_than_the_dimension_are_refused(make: Make) -> None:
    with pytest.raises(EmbeddingError, match="8 numbers instead of 9"):
        make(dimension=9).embed_query("red")


def test_a_lone_surrogate_is_sent_as_a_question_mark(make: Make, service: Service) -> None:
    make().embed_documents(["a\ud800b é 日"])
    assert service.seen[0].inputs == ["a?b é 日"]


@pytest.mark.parametrize("status", sorted(RETRIED_STATUS))
def test_a_temporary_failure_is_tried_again(make: Make, service: Service, waits: list[float], status: int) -> None:
    service.answers = [Answer(status, b"busy"), Answer(status, b"busy")]
    np.testing.assert_allclose(make().embed_query("red"), HASHING.embed_query("red"), atol=1e-6)
    assert len(service.seen) == 3
    assert waits == [0.5, 1.0]


def test_waits_double_up_to_a_bound_and_jitter_shortens_them(make: Make, service: Service, waits: list[float]) -> None:
    service.answers = [Answer(503, b"")] * 9
    make(max_retries=9, jitter=lambda: 0.0).embed_query("red")
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]


@pytest.mark.parametrize(("asked", "waited"), [("7", 7.05), ("0", 0.05), ("86400", 60.05), ("soon", 0.5), ("-3", 0.5)])
def test_retry_after_is_honoured_within_bounds(
    make: Make, service: Service, waits: list[float], asked: str, waited: float
) -> None:
    service.answers = [Answer(429, b"", {"Retry-After": asked})]
    make().embed_query("red")
    assert waits == pytest.approx([waited])


def test_retry_after_may_be_a_date(make: Make, service: Service, waits: list[float]) -> None:
    moment = datetime.now(timezone.utc) + timedelta(seconds=20)
    past = datetime.now(timezone.utc) - timedelta(seconds=20)
    for date in (moment, past):
        service.answers.append(Answer(503, b"", {"Retry-After": format_datetime(date, usegmt=True)}))
    make().embed_query("red")
    assert 15 < waits[0] <= 20.05
    assert waits[1] == pytest.approx(0.1)


def test_a_lasting_failure_is_an_error_with_the_services_message(
    make: Make, service: Service, waits: list[float]
) -> None:
    service.answers = [Answer(429, b'{"error": {"message": "Rate limit reached"}}')] * 3
    with pytest.raises(EmbeddingError, match=r"HTTP 429 \(Rate limit reached\) in 3 attempts.*Nothing was written"):
        make(max_retries=2).embed_query("red")
    assert len(waits) == 2
    assert len(service.seen) == 3


@pytest.mark.parametrize("status", [400, 404, 405, 409, 413, 422, 501, 505])
def test_a_refusal_is_not_tried_again(make: Make, service: Service, waits: list[float], status: int) -> None:
    service.answers = [Answer(status, b'{"error": "model not found"}')]
    with pytest.raises(EmbeddingError, match=rf"HTTP {status} \(model not found\)"):
        make().embed_query("red")
    assert (len(service.seen), waits) == (1, [])


def test_a_connection_that_breaks_off_is_tried_again(make: Make, service: Service, waits: list[float]) -> None:
    service.answers = [Answer(0, b"")]
    assert make().embed_query("red").any()
    assert len(waits) == 1


def test_an_unreachable_service_is_an_error_that_names_it(waits: list[float]) -> None:
    gone = Service()
    gone.stop()
    embedder = HTTPEmbedder(gone.url, MODEL, wait=waits.append, max_retries=1, timeout=5.0)
    with pytest.raises(EmbeddingError, match=rf"{gone.url}.*cannot be reached.*2 attempts"):
        embedder.embed_query("red")
    embedder.close()
    assert len(waits) == 1


def test_a_service_that_does_not_answer_in_time_is_an_error(make: Make, service: Service) -> None:
    release = threading.Event()

    def hang(inputs: list[str]) -> Answer:
        release.wait(10)
        return reply_to(inputs)

    service.answers = [hang]
    with pytest.raises(EmbeddingError, match=r"did not answer within 0.1 s"):
        make(timeout=0.1, max_retries=0).embed_query("red")
    release.set()


def entry(index: Any, vector: Any) -> dict[str, Any]:
    return {"index": index, "embedding": vector}


GOOD = [0.5] * DIMENSION
UNUSABLE = [[*GOOD[1:], number] for number in (float("nan"), float("-inf"), 1e300, 10**400)]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ([entry(0, GOOD)], "2 texts with 1 vectors"),
        ([entry(0, GOOD), entry(1, GOOD), entry(2, GOOD)], "2 texts with 3 vectors"),
        ([entry(0, GOOD), entry(0, GOOD)], "index 0 twice"),
        ([entry(0, GOOD), entry(2, GOOD)], "index 2"),
        ([entry(0, GOOD), entry(-1, GOOD)], "index -1"),
        ([entry(0, GOOD), {"embedding": GOOD}], "no index"),
        ([entry(0, GOOD), entry(True, GOOD)], "no index"),
        ([entry(0, GOOD), entry("1", GOOD)], "no index"),
        ([entry(0, GOOD), GOOD], "no index"),
        ([entry(0, GOOD), entry(1, GOOD[1:])], r"different lengths \(7, 8\)"),
        ([entry(0, "AACAPwAAgD8="), entry(1, "AACAPwAAgD8=")], "base64"),
        ({"0": GOOD}, 'no "data" list'),
    ],
)
def test_an_answer_without_a_vector_for_each_text_is_refused(make: Make, service: Service, data: Any, why: str) -> None:
    service.answers = [Answer(200, json.dumps({"data": data}).encode())]
    with pytest.raises(EmbeddingError, match=why):
        make().embed_documents(["red", "green"])
    assert len(service.seen) == 1


class Limited:
    """Answers as a service with limits does."""

    def __init__(self, service: Service, *, texts: int = 1_000, characters: int = 100_000, refusal: Answer) -> None:
        self.texts, self.characters, self.refusal = texts, characters, refusal
        service.answers = [self] * 1_000

    def __call__(self, inputs: list[str]) -> Answer:
        if len(inputs) > self.texts or max(map(len, inputs)) > self.characters:
            return self.refusal
        return reply_to(inputs)


def refusal(status: int, message: str) -> Answer:
    return Answer(status, json.dumps({"error": {"message": message}}).encode())


TOO_MANY = [
    refusal(400, "batch size is invalid, it should not be larger than 10"),
    refusal(413, "batch size 32 > maximum allowed batch size 10"),
    Answer(413, b"<html>413 Request Entity Too Large</html>"),
    refusal(422, "nonsense"),
    refusal(500, "input is too large to process. increase the physical batch size"),
    refusal(503, "too many inputs"),
]


@pytest.mark.parametrize("limit", [1, 3, 10, 31])
@pytest.mark.parametrize("answer", TOO_MANY)
def test_a_batch_that_is_refused_is_halved_and_the_size_that_worked_is_kept(
    make: Make, service: Service, waits: list[float], answer: Answer, limit: int
) -> None:
    Limited(service, texts=limit, refusal=answer)
    texts = [f"text {number}" for number in range(70)]
    embedder = make()
    np.testing.assert_allclose(embedder.embed_documents(texts), HASHING.embed_documents(texts), atol=1e-6)
    sizes = [len(seen.inputs) for seen in service.seen]
    refused = [size for size in sizes if size > limit]
    assert refused == [32, 16, 8, 4, 2][: len(refused)]
    assert waits == []
    del service.seen[:]
    embedder.embed_documents(texts)
    kept = max(len(seen.inputs) for seen in service.seen)
    assert limit / 2 < kept <= limit


@pytest.mark.parametrize("answer", [refusal(400, "maximum context length is 512 tokens"), *TOO_MANY])
def test_a_text_that_is_refused_alone_has_no_vector_and_the_others_have(
    make: Make, service: Service, waits: list[float], answer: Answer
) -> None:
    Limited(service, characters=50, refusal=answer)
    texts = [f"text {number}" for number in range(40)]
    texts[7] = texts[29] = "long " * 20
    embedder = make()
    with pytest.raises(RefusedTextsError, match=r"embeds other texts, but not 2 of these 40.*HTTP") as caught:
        embedder.embed_documents(texts)
    others = [row for row in range(40) if row not in (7, 29)]
    assert set(caught.value.refused) == {7, 29}
    assert not caught.value.vectors[[7, 29]].any()
    expected = HASHING.embed_documents([texts[row] for row in others])
    np.testing.assert_allclose(caught.value.vectors[others], expected, atol=1e-6)
    assert waits == []
    del service.seen[:]
    embedder.embed_documents(["short"] * 64)
    assert [len(seen.inputs) for seen in service.seen] == [32, 32]  # one long text says nothing about their number


@pytest.mark.parametrize("bad", [[], None, [*GOOD[1:], None], [*GOOD[1:], True], [GOOD], *UNUSABLE])
def test_a_text_with_an_unusable_vector_has_none_and_the_others_have(make: Make, service: Service, bad: Any) -> None:
    def answer(inputs: list[str]) -> Answer:
        data = [entry(n, bad if text == "bad" else GOOD) for n, text in enumerate(inputs)]
        return Answer(200, json.dumps({"data": data}).encode())

    service.answers = [answer] * 100
    with pytest.raises(RefusedTextsError) as caught:
        make().embed_documents(["red", "bad", "green"])
    assert set(caught.value.refused) == {1}
    assert caught.value.vectors.any(axis=1).tolist() == [True, False, True]


def test_where_no_text_is_embedded_the_refusal_is_an_error(make: Make, service: Service) -> None:
    Limited(service, texts=0, refusal=refusal(400, "model is not loaded"))
    with pytest.raises(EmbeddingError, match=r"model is not loaded.*Nothing was written") as caught:
        make(dimension=DIMENSION).embed_documents(["red"] * 32)
    assert not isinstance(caught.value, RefusedTextsError)
    assert len(service.seen) < 10


def test_a_query_that_is_too_long_is_an_error(make: Make, service: Service) -> None:
    Limited(service, characters=50, refusal=refusal(500, "input is too large to process"))
    with pytest.raises(EmbeddingError, match="too large to process") as caught:
        make().embed_query("long " * 20)
    assert not isinstance(caught.value, RefusedTextsError)
    assert len(service.seen) == 1


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"])
def test_an_answer_that_comes_byte_by_byte_ends_with_the_timeout(waits: list[float], start: bytes) -> None:
    connections = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    connections.append(connection)
                    connection.sendall(start)
                    while True:
                        connection.sendall(b"X-A: 1\r\n")
                        connection.recv(1)  # the next byte of the request, so that this neither spins nor ends

        threading.Thread(target=drip, daemon=True).start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        embedder = HTTPEmbedder(url, MODEL, timeout=0.2, wait=waits.append)
        with pytest.raises(EmbeddingError, match=r"did not answer within 0.2 s\. Nothing"):
            embedder.embed_documents(["red"])
        embedder.close()
    for connection in connections:
        connection.close()
    assert waits == []


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<!DOCTYPE html><html><body>Welcome</body></html>", "web page"),
        (b'{"data": [{"index": 0, "embedding": [0.1, 0.', "cut off"),
        (b"", "answered with nothing"),
        (b"\xff\xfe\x00", "cut off or damaged"),
        (b"[" * 100_000, "cut off or damaged"),
        (b"[]", 'no "data" list'),
        (b'{"error": "x"}', 'no "data" list'),
    ],
)
def test_an_answer_that_is_not_json_is_refused(make: Make, service: Service, body: bytes, why: str) -> None:
    service.answers = [Answer(200, body)]
    with pytest.raises(EmbeddingError, match=why):
        make().embed_query("red")


def test_a_damaged_compression_is_an_error(make: Make, service: Service) -> None:
    service.answers = [Answer(200, b"no gzip", {"Content-Encoding": "gzip"})]
    with pytest.raises(EmbeddingError, match="something other than HTTP"):
        make().embed_query("red")


def test_a_zero_vector_stays_zero(make: Make, service: Service) -> None:
    service.answers = [Answer(200, json.dumps({"data": [entry(0, [0] * DIMENSION)]}).encode())]
    assert make().embed_query("red").tolist() == [0.0] * DIMENSION


def test_a_key_is_sent_as_a_bearer_token(make: Make, service: Service) -> None:
    make(api_key=KEY).embed_query("red")
    make(api_key=SecretStr(f" {KEY}\n")).embed_query("red")
    make().embed_query("red")
    assert [seen.headers.get("Authorization") for seen in service.seen] == [f"Bearer {KEY}", f"Bearer {KEY}", None]


def test_the_key_is_in_no_error_repr_or_log(make: Make, service: Service, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "aurora_dev")
    shown = {401: f"{KEY[:12]}****", 403: f"{KEY[:12]}****"}  # services repeat parts of a key that they refuse
    texts = []
    for status in (400, 401, 403, 429, 500):
        said = f"Incorrect API key provided: {shown.get(status, KEY)}"
        service.answers = [Answer(status, json.dumps({"error": {"message": said}}).encode())] * 2
        embedder = make(f"{service.url}/v1?key={KEY}", api_key=KEY, max_retries=1)
        with pytest.raises(EmbeddingError) as caught:
            embedder.embed_query("red")
        error: BaseException | None = caught.value
        while error is not None:
            texts += [str(error), repr(error)]
            error = error.__cause__ or error.__context__
        texts += [repr(embedder), str(vars(embedder)["_client"]), embedder.name, embedder.fingerprint]
    texts += [record.getMessage() for record in caplog.records if record.name.startswith("aurora_dev")]
    texts += [str(record.__dict__) for record in caplog.records if record.name.startswith("aurora_dev")]
    assert any("service_retry" in text for text in texts)
    assert not [text for text in texts if KEY in text or KEY[:12] in text]
    assert "Authorization" not in caplog.text


def test_a_redirect_to_another_host_gets_neither_text_nor_key(make: Make, service: Service) -> None:
    other = Service()
    try:
        service.answers = [Answer(307, b"", {"Location": f"{other.url}/v1/embeddings"})]
        with pytest.raises(EmbeddingError, match=rf"redirects to another host \({other.url}\)"):
            make(api_key=KEY).embed_query("red")
        assert other.seen == []
    finally:
        other.stop()


def test_a_redirect_on_the_same_host_is_followed(make: Make, service: Service) -> None:
    service.answers = [Answer(308, b"", {"Location": "/v2/embeddings"})]
    assert make(api_key=KEY).embed_query("red").any()
    assert [seen.path for seen in service.seen] == ["/v1/embeddings", "/v2/embeddings"]
    assert service.seen[1].headers["Authorization"] == f"Bearer {KEY}"


def test_circular_redirects_end(make: Make, service: Service) -> None:
    service.answers = [Answer(302, b"", {"Location": "/v1/embeddings"})] * 9
    with pytest.raises(EmbeddingError, match="circle"):
        make().embed_query("red")
    assert len(service.seen) < 9


def test_a_closed_embedder_raises_our_error(make: Make) -> None:
    embedder = make()
    embedder.embed_query("red")
    embedder.close()
    embedder.close()
    with pytest.raises(EmbeddingError, match=r"was closed; nothing was sent\. Make a new one"):
        embedder.embed_query("red")


def test_closing_ends_a_waiting_call_with_our_error(make: Make, service: Service) -> None:
    arrived, release = threading.Event(), threading.Event()

    def hang(inputs: list[str]) -> Answer:
        arrived.set()
        release.wait(10)
        return reply_to(inputs)

    service.answers = [hang]
    embedder = make()
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(embedder.embed_query, "red")
        assert arrived.wait(5)
        embedder.close()
        with pytest.raises(EmbeddingError, match="was closed while it waited for the service"):
            call.result(timeout=5)
        release.set()
    assert len(service.seen) == 1


def test_a_call_that_races_the_closing_gets_vectors_or_our_error(make: Make) -> None:
    for _ in range(20):
        embedder = make(dimension=DIMENSION)
        gate = threading.Barrier(4)

        def embed(gate: threading.Barrier = gate, embedder: HTTPEmbedder = embedder) -> str:
            gate.wait()
            try:
                return str(embedder.embed_query("red").shape)
            except EmbeddingError as error:
                return str(error)

        with ThreadPoolExecutor(3) as pool:
            calls = [pool.submit(embed) for _ in range(3)]
            gate.wait()
            embedder.close()
            outcomes = {call.result(timeout=5) for call in calls}
        assert all(outcome == "(8,)" or "was closed" in outcome for outcome in outcomes)


def test_threads_share_an_embedder(make: Make) -> None:
    embedder = make(batch_size=3)
    found: dict[int, Any] = {}

    def work(number: int) -> None:
        found[number] = embedder.embed_documents(TEXTS[number:])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(6):
        np.testing.assert_allclose(found[number], HASHING.embed_documents(TEXTS[number:]), atol=1e-6)


@pytest.mark.parametrize("texts", ["one string", [b"bytes"]])
def test_anything_but_a_list_of_strings_is_refused(make: Make, service: Service, texts: Any) -> None:
    with pytest.raises(InvalidRequestError):
        make().embed_documents(texts)
    assert service.seen == []
