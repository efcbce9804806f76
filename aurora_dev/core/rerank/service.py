"""The base of rerankers that ask a remote service: its circuit breaker, and what counts as a failure."""

from __future__ import annotations

import asyncio
import contextlib
import time
from abc import abstractmethod
from collections.abc import Callable, Iterator

from aurora_dev.core.rerank.base import OrderingReranker, Scored
from aurora_dev.core.services.circuit_breaker import Circuit, CircuitBreaker
from aurora_dev.errors import InvalidRequestError, RerankError
from aurora_dev.lazy import np
from aurora_dev.log import get_logger

__all__ = ["RerankerClosedError", "ServiceReranker"]

_log = get_logger(__name__)

# A search that gave up after this many seconds had waited for the service; one that was cancelled sooner says nothing
# about it.
_PATIENCE = 1.0
_CHECK_TEXT = "ping"


class RerankerClosedError(RerankError):
    """The reranker was closed during a call; says nothing about the service."""


class ServiceReranker(OrderingReranker):
    """A reranker that asks a remote service, and stops asking for a while after repeated failures.

    Subclasses ask the service in `_ask` and `_ask_async`, and raise `RerankError` with the text of `_failure_text`.
    Any thread and any event loop may use it.

    Args:
        model: The model's name, as the service calls it; empty for the model that the service chooses.
        address: The service, for messages.
        circuit: When the service is left alone, and for how long.
        clock: Returns monotonic seconds; for tests.
    """

    def __init__(self, model: str, address: str, circuit: Circuit, clock: Callable[[], float] = time.monotonic) -> None:
        self._model, self._address, self._clock = model, address, clock
        self._breaker = CircuitBreaker(circuit, clock)

    @property
    def is_available(self) -> bool:
        """False while the circuit is open after repeated failures; sends nothing, see `check`."""
        return self._breaker.allows

    @property
    def unavailable_reason(self) -> str | None:
        """Why `is_available` is False and when the service is asked again, else ``None``."""
        breaker = self._breaker
        if breaker.allows:
            return None
        failures = breaker.failures
        times = "the last call failed" if failures == 1 else f"the last {failures} calls failed"
        return (
            f"{times} ({breaker.reason}); nothing is sent to {self._address} for another {breaker.seconds_left:.0f} s"
        )

    async def check(self) -> bool:
        """Ask the service to score one pair, whatever the state of the circuit.

        Returns:
            Whether it did. True closes the circuit; False opens it at once, and `unavailable_reason` says why.
        """
        try:
            await self._ask_async(_CHECK_TEXT, [_CHECK_TEXT])
        except RerankError as error:
            self._failed(str(error), at_once=True)
            return False
        self._breaker.succeeded()
        return True

    async def aclose(self) -> None:
        """Do what `close` does without blocking the event loop."""
        await asyncio.to_thread(self.close)

    @abstractmethod
    def close(self) -> None:
        """Close the connections; a later call opens new ones. A call under way may raise `RerankError`."""

    @abstractmethod
    def _ask(self, query: str, texts: list[str]) -> Scored:
        """Ask the service, and block until it answers.

        Raises:
            RerankerClosedError: `close` was called meanwhile.
            RerankError: The service did not score.
        """

    @abstractmethod
    async def _ask_async(self, query: str, texts: list[str]) -> Scored:
        """Do what `_ask` does without blocking the event loop."""

    def _opens_circuit(self, error: RerankError) -> bool:  # noqa: ARG002 - subclasses look at it
        """Return whether a failure opens the circuit at once, since every later call would fail alike."""
        return False

    def _failure_text(self, what: str) -> str:
        """Return the text of an error."""
        return f"{self._prefix}{what}"

    @property
    def _prefix(self) -> str:
        return f"Reranking failed for model {self._model or '(the one of the service)'}: "

    def _checked_query(self, query: str) -> str:
        if not super()._checked_query(query).strip():
            raise InvalidRequestError("query must not be empty: nothing was sent")
        return query

    def _scored(self, query: str, texts: list[str]) -> Scored:
        if not _any_text(texts):
            return Scored.nothing(len(texts))
        with self._counted(len(texts)) as outcome:
            outcome.append(self._ask(query, texts))
        return outcome[0]

    async def _scored_async(self, query: str, texts: list[str]) -> Scored:
        if not _any_text(texts):
            return Scored.nothing(len(texts))
        with self._counted(len(texts)) as outcome:
            outcome.append(await self._ask_async(query, texts))
        return outcome[0]

    @contextlib.contextmanager
    def _counted(self, candidates: int) -> Iterator[list[Scored]]:
        """Count how a call ends: scores close the circuit, failures open it.

        Yields:
            A list that the caller appends the scores to.

        Raises:
            RerankError: The circuit is open; nothing was sent.
        """
        if not self._breaker.begin():
            raise RerankError(self._failure_text(f"{self.unavailable_reason}."))
        outcome: list[Scored] = []
        begun = self._clock()
        try:
            yield outcome
        except BaseException as error:  # a cancelled search or an interrupt ends a trial, too
            self._count(error, self._clock() - begun)
            raise
        self._breaker.succeeded()
        scored = int(np.count_nonzero(~np.isnan(outcome[0].raw)))
        seconds = round(self._clock() - begun, 4)
        _log.info("reranked", candidates=candidates, scored=scored, seconds=seconds, model=self.name)

    def _count(self, error: BaseException, waited: float) -> None:
        if isinstance(error, RerankError) and not isinstance(error, RerankerClosedError):
            self._failed(str(error), at_once=self._opens_circuit(error))
        elif isinstance(error, asyncio.CancelledError) and waited >= _PATIENCE:
            self._failed(f"no answer within {waited:.1f} s, when the search gave up")
        else:
            self._breaker.withdrawn()

    def _failed(self, reason: str, *, at_once: bool = False) -> None:
        reason = reason.removeprefix(self._prefix).rstrip(".?")
        if self._breaker.failed(reason, at_once=at_once):
            _log.warning("reranker_left_alone", model=self.name, failures=self._breaker.failures, reason=reason)


def _any_text(texts: list[str]) -> bool:
    return any(text.strip() for text in texts)
