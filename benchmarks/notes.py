"""Measure the rules for notes: what is counted as the same, similar notes, contradictions, and the order of recall.

    python benchmarks/notes.py
    python benchmarks/notes.py --pairs FILE

Uses hand-written pairs and queries (``notes_pairs.py``) and the bundled embedder; takes some seconds, no network.

- "counted as the same": the share of the pairs that say the same, that contradict each other (must be none, since a
  note would be lost) and that are about the same subject (must be none). Only equal texts are counted.
- "named as similar": the same shares. Both notes are kept, so a wrong one costs a line of output.
- "judged contradictory": the same shares; should be all of the second.
- conflicts: precision and recall on ``conflicts/pairs.jsonl``, in 18 languages. The rules were changed after reading
  the wrong answers of the tuning half only.
- ``--pairs``: only precision and recall on another file of pairs, by group of languages. A line is a JSON object with
  ``first``, ``second`` (or ``a``, ``b``), ``conflict`` and ``language``. ``conflicts/other_words.jsonl`` is such a
  file: its author had not seen the rules.
- recall: each query is searched among all texts of the pairs. Reports how high the answer ranks (MRR), with equal and
  with random importance, age and use of all notes (seeded); and how often, of two texts that say the same, the newer,
  the more important, or the more used one comes first.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import notes_pairs as pairs
import numpy as np

from aurora_dev.core.embed.static import StaticEmbedder
from aurora_dev.core.types import Document, SearchOptions
from aurora_dev.core.vector_store import VectorStore
from aurora_dev.notes import recall_scores as ranking
from aurora_dev.notes.model.words import content_words, overlap
from aurora_dev.notes.similarity import conflicts, duplicates

Pair = tuple[str, str]
CONFLICTS = Path(__file__).parent / "conflicts" / "pairs.jsonl"
SEED = 6
DRAWS = 20  # random draws of importance, age and use for all notes
DAY = 86_400.0
FIRST = (pairs.SAME, pairs.CONFLICT, pairs.DIFFERENT)
LATER = (pairs.LATER_SAME, pairs.LATER_CONFLICT, pairs.LATER_DIFFERENT)


def cosines(texts: Sequence[Pair]) -> list[float]:
    embedder = StaticEmbedder.bundled()
    left = embedder.embed_documents([pair[0] for pair in texts])
    right = embedder.embed_documents([pair[1] for pair in texts])
    return [float(value) for value in (left * right).sum(axis=1)]


def shares(rule: Callable[[str, str, float], object], kinds: Sequence[Sequence[Pair]]) -> str:
    """Return for each kind how many of its pairs a rule accepts."""
    found = []
    for texts in kinds:
        accepted = sum(bool(rule(a, b, c)) for (a, b), c in zip(texts, cosines(texts), strict=True))
        found.append(f"{accepted:>3} of {len(texts)}")
    return "   ".join(found)


def show_pairs() -> None:
    print("cosine and overlap of the pairs: 5 %, median, 95 %")
    for name, texts in zip(("same", "contradict", "different"), FIRST, strict=True):
        values = np.quantile(cosines(texts), (0.05, 0.5, 0.95)).round(2)
        shared = np.quantile([overlap(content_words(a), content_words(b)) for a, b in texts], (0.05, 0.5, 0.95))
        print(f"  {name:<10}  cosine {values}   overlap {shared.round(2)}")


def show_similar() -> None:
    print("\ncounted as the same                    same       contradict   different")
    print(f"  {'as shipped':<34} {shares(lambda a, b, _c: duplicates.is_same(a, b), FIRST)}")
    print("\nnamed as similar                       same       contradict   different")
    for cosine, shared in product((0.75, 0.85, 0.9, 0.95), (0.4, 0.6, 0.7)):

        def says(a: str, b: str, c: float, limits: tuple[float, float] = (cosine, shared)) -> bool:
            return c >= limits[0] and overlap(content_words(a), content_words(b)) >= limits[1]

        print(f"  {f'cosine {cosine:.2f}, overlap {shared:.1f}':<34} {shares(says, FIRST)}")
    print(f"  {'as shipped':<34} {shares(duplicates.is_near, FIRST)}")
    print(f"  {'as shipped, without vectors':<34} {shares(lambda a, b, _c: duplicates.is_near(a, b, None), FIRST)}")
    print(f"  {'as shipped, on the later pairs':<34} {shares(duplicates.is_near, LATER)}")


def show_conflicts() -> None:
    print("\njudged contradictory                   same       contradict   different")
    for cosine in (0.35, 0.45, 0.55, 0.65):

        def says(a: str, b: str, c: float, least: float = cosine) -> bool:
            return c >= least and bool(conflicts.contradicts(a, b, max(c, conflicts.CONFLICT_COSINE)))

        print(f"  {f'cosine {cosine:.2f}':<34} {shares(says, FIRST)}")
    print(f"  {'as shipped':<34} {shares(conflicts.contradicts, FIRST)}")
    print(f"  {'as shipped, without vectors':<34} {shares(lambda a, b, _c: conflicts.contradicts(a, b, None), FIRST)}")
    print(f"  {'as shipped, on the later pairs':<34} {shares(conflicts.contradicts, LATER)}")


def show_languages() -> None:
    rows = [json.loads(line) for line in CONFLICTS.read_text("utf-8").splitlines()]
    print("\nconflicts in 18 languages              recall       false alarms   precision")
    for half, english in product(("tuning", "reporting"), (None, True, False)):
        chosen = [row for row in rows if row["half"] == half and english in (None, row["language"] == "en")]
        texts = [(row["second"], row["first"]) for row in chosen]
        judged = [bool(conflicts.contradicts(a, b, c)) for (a, b), c in zip(texts, cosines(texts), strict=True)]
        right = sum(alarm and row["conflict"] for alarm, row in zip(judged, chosen, strict=True))
        wanted = sum(row["conflict"] for row in chosen)
        alarms = sum(judged)
        of = {None: "all", True: "English", False: "other languages"}[english]
        print(
            f"  {f'{half}, {of}':<34}  {right:>3} of {wanted:<3}   {alarms - right:>3} of {len(chosen) - wanted:<3}"
            f"        {right / max(1, alarms):.2f}"
        )


# Scripts with blanks and with Latin letters; the other groups are told by script.
GROUPS = {
    "English": ("en",),
    "Germanic": ("de", "nl", "sv", "da", "no", "nb"),
    "Romance": ("fr", "es", "it", "pt", "ro", "ca"),
    "Slavic": ("ru", "uk", "pl", "cs", "sk", "bg"),
    "Chinese, Japanese, Korean": ("zh", "ja", "ko"),
}


def show_pairs_of(file: Path) -> None:
    """Print precision and recall on a file of pairs, by group of languages."""
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]
    texts = [(row.get("second", row.get("b")), row.get("first", row.get("a"))) for row in rows]
    judged = [bool(conflicts.contradicts(a, b, c)) for (a, b), c in zip(texts, cosines(texts), strict=True)]
    print(f"{file.name:<28}  recall            false alarms    precision")
    known = {language for languages in GROUPS.values() for language in languages}
    others = tuple(sorted({row["language"] for row in rows} - known))
    groups = {"all": tuple(known) + others, **GROUPS, "others": others}
    for name, languages in groups.items():
        chosen = [
            (alarm, row["conflict"]) for alarm, row in zip(judged, rows, strict=True) if row["language"] in languages
        ]
        if not chosen:
            continue
        right = sum(alarm and conflict for alarm, conflict in chosen)
        alarms, wanted = sum(alarm for alarm, _ in chosen), sum(conflict for _, conflict in chosen)
        share = f"{right / wanted:.2f}" if wanted else "-"
        precision = f"{right / alarms:.2f}" if alarms else "-"
        print(
            f"  {name:<26}  {right:>3} of {wanted:<3} {share:>5}   {alarms - right:>3} of {len(chosen) - wanted:<3}"
            f"     {precision:>5}"
        )


@dataclass(frozen=True, slots=True)
class Prior:
    """The facts about a note besides its text; ``age`` is in days."""

    age: float
    importance: int
    uses: int


@dataclass(frozen=True, slots=True)
class Found:
    """A note that a search found, with the scores of both lists."""

    text: str
    cosine: float
    keyword: float


async def searches() -> list[list[Found]]:
    texts = sorted({text for kind in FIRST for pair in kind for text in pair})
    with tempfile.TemporaryDirectory() as folder:
        async with VectorStore(path=folder, reranker="none") as store:
            await store.upsert([Document(text) for text in texts])
            options = SearchOptions(candidates=50, signals=False)
            found = []
            for query in pairs.QUERIES:
                results = await store.search(query, 50, rerank=False, options=options)
                found.append(
                    [Found(r.content, r.scores.get("vector", 0.0), r.scores.get("keyword", 0.0)) for r in results]
                )
            return found


def order(found: Sequence[Found], priors: dict[str, Prior], cosine_share: float, prior_share: float) -> list[str]:
    best = max((note.keyword for note in found), default=0.0)
    scores = {}
    for note in found:
        words = note.keyword / best if best else 0.0
        relevant = cosine_share * max(0.0, note.cosine) + (1.0 - cosine_share) * words
        prior = priors.get(note.text, Prior(30.0, 5, 0))
        value = (
            ranking.RECENCY_WEIGHT * ranking.recency(prior.age * DAY)
            + ranking.IMPORTANCE_WEIGHT * ranking.importance_share(prior.importance)
            + ranking.USE_WEIGHT * ranking.use_share(prior.uses)
        )
        scores[note.text] = relevant * (1.0 - prior_share + prior_share * value)
    return sorted(scores, key=lambda text: (-scores[text], text))


def mean_reciprocal_rank(
    found: Sequence[Sequence[Found]], draws: Sequence[dict[str, Prior]], cosine_share: float, prior_share: float
) -> float:
    values = []
    for priors in draws:
        for notes, pair in zip(found, pairs.SAME, strict=True):
            ranked = order(notes, priors, cosine_share, prior_share)
            ranks = [ranked.index(text) + 1 for text in pair if text in ranked]
            values.append(1.0 / min(ranks) if ranks else 0.0)
    return float(np.mean(values))


def win_share(found: Sequence[Sequence[Found]], better: Prior, cosine_share: float, prior_share: float) -> float:
    """Return how often, of two texts that say the same, the one with the better prior comes first, 0..1."""
    wins = []
    for notes, (a, b) in zip(found, pairs.SAME, strict=True):
        for first, second in ((a, b), (b, a)):
            ranked = order(notes, {first: better, second: Prior(180.0, 5, 0)}, cosine_share, prior_share)
            if first in ranked and second in ranked:
                wins.append(ranked.index(first) < ranked.index(second))
    return float(np.mean(wins))


def random_prior(generator: np.random.Generator) -> Prior:
    age, importance = float(generator.exponential(90.0)), int(generator.integers(1, 11))
    return Prior(age, importance, int(generator.geometric(0.2)) - 1)


def show_recall() -> None:
    found = asyncio.run(searches())
    texts = sorted({note.text for notes in found for note in notes})
    generator = np.random.default_rng(SEED)
    draws = []
    for _ in range(DRAWS):
        priors = {text: random_prior(generator) for text in texts}
        # Both answers of a query get the same prior: with two chances, luck would look like quality.
        draws.append({**priors, **{b: priors[a] for a, b in pairs.SAME if a in priors}})
    print(
        "\nrecall: share of cosine, share of the prior -> MRR with equal and with random priors; wins of the newer, "
        "the more important, the more used"
    )
    for cosine_share, prior_share in product((0.0, 0.3, 0.5, 0.6, 0.7, 0.85, 1.0), (0.0, 0.15, 0.25, 0.35, 0.5)):
        equal = mean_reciprocal_rank(found, [{}], cosine_share, prior_share)
        mixed = mean_reciprocal_rank(found, draws, cosine_share, prior_share)
        contests = [Prior(1.0, 5, 0), Prior(180.0, 9, 0), Prior(180.0, 5, 10)]
        wins = "  ".join(f"{win_share(found, better, cosine_share, prior_share):.2f}" for better in contests)
        mark = "  <- shipped" if (cosine_share, prior_share) == (ranking.COSINE_SHARE, ranking.PRIOR_SHARE) else ""
        print(f"  {cosine_share:.2f}  {prior_share:.2f}   {equal:.3f}  {mixed:.3f}   {wins}{mark}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--pairs", type=Path, metavar="FILE", help="measure the rules for conflicts on these pairs only"
    )
    arguments = parser.parse_args()
    if arguments.pairs is not None:
        show_pairs_of(arguments.pairs)
        return
    show_pairs()
    show_similar()
    show_conflicts()
    show_languages()
    show_recall()


if __name__ == "__main__":
    main()
