"""Searches of a small project through the whole first stage: the bundled embedder, FAISS and the keyword index."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from aurora_dev import Document, VectorStore
from aurora_dev.core.types import SearchResults

FUNCTIONS = {
    "shop/refunds.py": ("refund_payment", "Pay the money of a cancelled order back."),
    "shop/invoices.py": ("parse_invoice", "Read the lines and the total of an invoice."),
    "shop/tax.py": ("tax_rate", "Return the tax rate of a country."),
    "shop/stock.py": ("count_stock", "Count the articles in a warehouse."),
    "shop/mail.py": ("send_receipt", "Mail a receipt to a customer."),
    "shop/users.py": ("get_user", "Load a customer from the database."),
}
MODULES = 110  # that only the log of the issue names
ISSUE = "\n".join(
    [
        "Wrong total after the discount is rounded twice",
        "",
        "When an order has two discounts, the total is off by a cent. It looks as if the discount was rounded before",
        "it is subtracted.",
        "",
        "```",
        *(f"INFO plugin_{n}.load_plugin_{n} finished: plugins/plugin_{n}.py" for n in range(MODULES)),
        "```",
    ]
)


@pytest_asyncio.fixture
async def shop(tmp_path: Path) -> AsyncIterator[VectorStore]:
    async with VectorStore(path=tmp_path, reranker="none") as store:
        await store.upsert(
            [
                Document(
                    f"def {name}(given):\n    '{about}'\n    return run(given)\n",
                    {"path": path, "symbols": [name]},
                    path,
                )
                for path, (name, about) in FUNCTIONS.items()
            ]
        )
        yield store


async def found(store: VectorStore, query: str) -> SearchResults:
    return await store.search(query, rerank=False)


async def test_an_issue_finds_its_file_although_its_log_names_a_hundred_others(shop: VectorStore) -> None:
    await shop.upsert(
        [
            Document(f"def load_plugin_{n}():\n    return finished({n})\n", {"path": f"plugins/plugin_{n}.py"}, f"p{n}")
            for n in range(MODULES)
        ]
    )
    rounding = (
        "def apply(order, discount):\n    '''Subtract a discount from the total.'''\n    return round(order.total)\n"
    )
    await shop.upsert([Document(rounding, {"path": "shop/discounts.py", "symbols": ["apply"]}, "right")])
    assert (await found(shop, ISSUE))[0].id == "right"


async def test_a_missing_name_is_said_with_near_names(shop: VectorStore) -> None:
    (notice,) = (notice for notice in (await found(shop, "get_usr")).notices if notice.code == "name_not_found")
    assert notice.text == "`get_usr` occurs nowhere in this project; near names: `get_user`"
    assert not [notice for notice in (await found(shop, "get_user")).notices if notice.code == "name_not_found"]


@pytest.mark.parametrize("query", ["banana bread", "banana bread recipe", "how do I bake banana bread in an oven"])
async def test_banana_bread_is_not_in_a_shop(shop: VectorStore, query: str) -> None:
    results = await found(shop, query)
    assert results.relevance is not None
    assert results.relevance < 0.2
    assert [result.score for result in results[:1]] == pytest.approx([results.relevance])
    assert "no_match" in [notice.code for notice in results.notices]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("how is the money of a cancelled order paid back", "shop/refunds.py"),
        ("where are the lines of an invoice read", "shop/invoices.py"),
        ("tax rate of a country", "shop/tax.py"),
        ("count_stock", "shop/stock.py"),
    ],
)
async def test_an_answerable_question_scores_above_one_half(shop: VectorStore, query: str, path: str) -> None:
    results = await found(shop, query)
    assert results[0].id == path
    assert results[0].score == pytest.approx(results.relevance)
    assert results[0].score > 0.5
    assert results.notices == ()


@pytest.mark.parametrize(
    ("query", "matches"),
    [
        ("where are tokens verified", True),
        ("how is a token signed", True),
        ("how to launch the service", True),
        ("login check", True),
        ("css theme colours", False),
        ("kubernetes deployment manifests", False),
        ("how does the payment gateway retry", False),
    ],
)
async def test_a_project_of_three_files_answers_in_other_words_too(tmp_path: Path, query: str, matches: bool) -> None:
    files = {
        "auth.py": 'def sign_token(user, key):\n    """Sign a token for a user with HMAC."""\n'
        "    return hmac.new(key, user.encode(), 'sha256').hexdigest()\n\n"
        'def verify_token(token, user, key):\n    """Check that a token belongs to a user."""\n'
        "    return hmac.compare_digest(token, sign_token(user, key))\n",
        "db.py": "class Store:\n    def save(self, user, token):\n"
        "        self.connection.execute('insert into tokens values (?, ?)', (user, token))\n",
        "README.md": "# Demo\n\nA small service. Run it with `python -m demo`. Set DEMO_KEY before you start it.\n",
    }
    async with VectorStore(path=tmp_path, reranker="none") as small:
        await small.upsert([Document(text, {"path": path}, path) for path, text in files.items()])
        results = await small.search(query)
    assert ("no_match" not in [notice.code for notice in results.notices]) == matches
