"""The selection of candidates and of their level of detail."""

from dataclasses import replace

import pytest

from aurora_dev.core.context.duplicates import drop_near_duplicates
from aurora_dev.core.context.items import Candidate, Level
from aurora_dev.core.context.outline import interface_rows
from aurora_dev.core.context.select import Selection
from aurora_dev.core.tokens import TiktokenCounter

COUNT = TiktokenCounter().count


def candidate(source: str, relevance: float, *rows: str, head: tuple[int, ...] = ()) -> Candidate:
    return Candidate(f"{source}:{rows[0]}", source, 1, rows, head, "", relevance, "hit", whole_lines=True)


def steps(name: str, count: int) -> list[str]:
    return [f"    step_{name}_{number}(account)" for number in range(count)]


def chosen(limit: int, *candidates: Candidate, best: Candidate | None = None) -> Selection:
    selection = Selection(limit, COUNT, {})
    selection.fill_up(candidates, best)
    assert selection.used <= limit
    return selection


BODY = steps("a", 20)
ORIGINAL = candidate("a.py", 1.0, "def first(account):", *BODY, head=(0,))
REPEAT = candidate("b.py", 0.8, "def second(account):", *BODY, head=(0,))


def test_a_near_duplicate_is_dropped_if_its_file_has_something_else() -> None:
    other = candidate("b.py", 0.3, "def other():", *steps("b", 5))
    assert drop_near_duplicates([ORIGINAL, REPEAT, other]) == ([ORIGINAL, other], {REPEAT: ORIGINAL})


def test_a_near_duplicate_that_is_its_whole_file_stays_and_names_the_original() -> None:
    kept, dropped = drop_near_duplicates([ORIGINAL, REPEAT])
    assert kept[0] is ORIGINAL
    assert not dropped
    assert (kept[1].source, kept[1].repeats, kept[1].why) == ("b.py", True, "hit, says the same as a.py")


def test_one_of_two_near_duplicates_in_a_file_stays() -> None:
    second = replace(REPEAT, id="second", start=100, relevance=0.7)
    kept, dropped = drop_near_duplicates([ORIGINAL, REPEAT, second])
    assert [candidate.id for candidate in kept] == [ORIGINAL.id, REPEAT.id]
    assert dropped == {second: ORIGINAL}


def test_a_note_that_repeats_another_note_is_dropped() -> None:
    note = replace(ORIGINAL, id="n", source="note 1", is_note=True, start=0)
    twin = replace(note, id="m", source="note 2", relevance=0.5)
    assert drop_near_duplicates([note, twin]) == ([note], {twin: note})


@pytest.mark.parametrize(("head", "level"), [((0,), Level.INTERFACE), ((), Level.POINTER)])
def test_a_near_duplicate_is_never_shown_in_full(head: tuple[int, ...], level: Level) -> None:
    kept, _ = drop_near_duplicates([ORIGINAL, replace(REPEAT, head=head)])
    selection = chosen(5_000, *kept, best=ORIGINAL)
    assert [selection.level(candidate) for candidate in kept] == [Level.FULL, level]


def test_many_weak_hits_do_not_displace_a_strong_one() -> None:
    # By relevance alone, the first lines of a weak hit would gain as much per token as the strong hit in full.
    best = candidate("best.py", 1.0, "def best():", *steps("best", 4))
    strong = candidate("strong.py", 0.9, "def strong():", *steps("strong", 8))
    weak = [candidate(f"weak{n}.py", 0.3, f"def weak_{n}():", *steps(f"w{n}", 1)) for n in range(12)]
    selection = chosen(COUNT("x " * 190), best, strong, *weak, best=best)
    assert selection.level(strong) is Level.FULL


@pytest.mark.parametrize("head", [(), (0,)])
@pytest.mark.parametrize("limit", range(25, 400, 15))
def test_the_best_hit_is_chosen_before_anything_weaker(limit: int, head: tuple[int, ...]) -> None:
    best = candidate("src/the_best.py", 1.0, "def best(account):", *BODY, head=head)
    weak = [candidate(f"w{n}", 0.2, f"weak_{n}") for n in range(30)]
    selection = chosen(limit, best, *weak, best=best)
    assert selection.level(best) is not Level.NONE


def test_a_chunk_without_an_interface_shows_its_first_lines() -> None:
    rows = ["    if account:", *(f"        account.step_{number}()" for number in range(7))]
    assert interface_rows("\n".join(rows), "python") == (0, 1, 2)
    assert interface_rows("\n".join(rows[:7]), "python") == ()
    assert interface_rows("\n".join(["    if account:" * 50, *rows]), "python") == ()


def test_many_test_files_do_not_keep_a_weaker_code_file_out() -> None:
    tests = [replace(candidate(f"test_{n}.py", 0.5, *steps(str(n), 6)), is_secondary=True) for n in range(6)]
    code = candidate("code_9.py", 0.4, *steps("9", 6))
    limit = chosen(10_000, *tests[:2], code).used
    assert set(chosen(limit, *tests, code).blocks) == {"test_0.py", "test_1.py", "code_9.py"}
    asked_for = [replace(test, is_secondary=False) for test in tests]  # the task names tests
    assert set(chosen(limit, *asked_for, code).blocks) == {"test_0.py", "test_1.py", "test_2.py"}


def test_what_may_have_to_be_edited_goes_in_whole_before_any_outline() -> None:
    edited = replace(candidate("edited.py", 0.3, "def edited():", *steps("e", 20), head=(0,)), goes_whole=True)
    outlines = [candidate(f"o{n}.py", 0.9, f"def outline_{n}():", *steps(str(n), 20), head=(0,)) for n in range(8)]
    limit = chosen(10_000, edited).used + 30
    assert chosen(limit, *outlines, edited).level(edited) is Level.FULL
    assert chosen(limit, *outlines, replace(edited, goes_whole=False)).level(edited) is not Level.FULL


def test_a_repeat_that_may_have_to_be_edited_is_still_not_shown_twice() -> None:
    edited = replace(REPEAT, goes_whole=True, repeats=True)
    assert chosen(5_000, ORIGINAL, edited, best=ORIGINAL).level(edited) is Level.INTERFACE
