"""Contradictions in other words: found in many languages, and not where the two texts are about different things."""

from __future__ import annotations

import time

import pytest

from aurora_dev.notes.similarity.claims import MOST_CHARS, claim_of
from aurora_dev.notes.similarity.paraphrases import paraphrase


@pytest.mark.parametrize(
    ("new", "old", "reason"),
    [
        ("Pipelines are defined in the GitLab CI file.", "CI runs on GitHub Actions.", "says 'gitlab ci' where"),
        ("We call tables in the plural: users, orders.", "Table names are singular.", "says 'plural' where"),
        ("Every account gets a UUID as its id.", "User ids are auto-increment integers.", "says 'uuid' where"),
        ("We use tabs everywhere, see .editorconfig.", "Indent with two spaces.", "says 'tabs' where"),
        ("Do not use Redux, all stores are Zustand now.", "State management: Redux.", "says 'zustand' where"),
        ("Jest is not used here.", "Tests are written in Jest.", "negates what"),
        ("TTL of the cache: 15 min.", "Cache entries expire after an hour.", "says 15 min where"),
        ("Two people have to approve a PR.", "Reviews: one approval is enough.", "says two where"),
        ("Line length is 120.", "Keep lines under 80 characters.", "says 120 where"),
        ("The daily starts at 10:00.", "Standup is at 9:30.", "says 10:00 where the earlier one says 9:30"),
        ("Reindexing happens once a week.", "The search index is rebuilt every night.", "says once a week where"),
        ("Backend moved, it answers on port 9000 now.", "The API listens on 8080 everywhere.", "says 9000 where"),
        ("Force-push is allowed.", "Never force-push.", "says what the earlier one negates"),
        ("Coding agents must not push anything.", "An agent may push to feature branches.", "negates what"),
        ("Only leads may deploy to the cluster.", "Everyone may deploy to the cluster.", "allows all what"),
        ("packages/ui was removed.", "Components live under packages/ui.", "negates what the earlier one says"),
        ("Call legacy_report() for new code.", "legacy_report() is deprecated.", "says what the earlier one negates"),
        ("Devin is responsible for billing now.", "Marta owns the billing module.", "names Devin where"),
        ("Maximale Zeilenlänge: 120.", "Zeilen dürfen 100 Zeichen lang sein.", "says 120 where"),
        ("Kunden werden in Mails immer gesiezt.", "Wir duzen die Kunden.", "says 'gesiezt' where"),
        ("Nutzer bleiben acht Stunden angemeldet.", "Sitzungen laufen nach 30 Minuten ab.", "acht stunden"),
        ("Vitest remplace tout, Jest a été retiré du dépôt.", "On écrit les tests avec Jest.", "says 'vitest' where"),
        ("Rétention des journaux : 6 mois.", "Les journaux sont conservés 30 jours.", "says 6 mois where"),
        ("Los mensajes de commit se escriben en inglés.", "Los commits van en español.", "says 'ingles' where"),
        ("As fotos ficam no disco local.", "Guardar as imagens no S3.", "says 'disco local' where"),
        ("Per i test usiamo Vitest.", "I test si scrivono con Jest.", "says 'vitest' where"),
        ("Wachtwoorden verlopen nooit.", "Wachtwoorden verlopen na 90 dagen.", "negates what"),
        ("Skriv alla commits på engelska.", "Commit-meddelanden skrivs på svenska.", "says 'engelska' where"),
        ("Wystarczy jedna akceptacja.", "Każdy PR wymaga dwóch akceptacji.", "says jedna where"),
        ("Commity piš anglicky.", "Zprávy commitů píšeme česky.", "says 'anglicky' where"),
        ("Срок хранения логов — 90 дней.", "Логи храним 14 дней.", "says 90 днеи where"),
        ("Випускаємо нову версію по четвергах.", "Релізи виходять щовівторка.", "says 'четвергах' where"),
        ("Parolaları argon2 ile hash'liyoruz.", "Şifreler bcrypt ile saklanır.", "says 'argon2' where"),
        ("代码一律用制表符缩进。", "缩进使用两个空格。", "says '制表符' where"),
        ("合并请求只要一个人批准就行。", "每个合并请求需要两人审批。", "says 1 where the earlier one says 2"),
        ("ログの保存期間は90日です。", "ログは30日間保存する。", "says 90"),
        ("커밋 메시지는 한국어로 쓴다.", "커밋 메시지는 영어로 작성한다.", "says '한국어' where"),
    ],
)  # fmt: skip
def test_a_contradiction_in_other_words_is_named(new: str, old: str, reason: str) -> None:
    found = paraphrase(new, old)
    assert found is not None
    assert reason in found
    assert paraphrase(old, new) is not None


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("The metrics exporter listens on port 9100.", "The API gateway listens on port 8080."),
        ("Monthly backups are kept 1 year.", "Daily backups are kept 14 days."),
        ("The Android app is written in Kotlin.", "The iOS app is written in Swift."),
        ("TypeScript is formatted with Prettier.", "Python code is formatted with Black."),
        ("Dates are shown in the user's time zone.", "Dates are stored in UTC."),
        ("Legacy endpoints return snake_case JSON.", "New endpoints return camelCase JSON."),
        ("The API is deployed on Fly.io.", "The web app is deployed on Vercel."),
        ("Coverage of the pricing package currently stands at 93 percent.", "Coverage must not fall below 80 %."),
        ("The rule is switched off for app/page.tsx: it needs a default export.", "Don't use default exports."),
        ("The health check is the one exception: it may run SELECT 1.", "No direct SQL in controllers."),
        ("Typos in the docs may be fixed without a review.", "Changes need a review."),
        ("Only the release bot pushes to main.", "Don't push to main directly."),
        ("Version 2 of the API is stable.", "Version 1 of the API is deprecated."),
        ("Private functions start with an underscore.", "Public functions need docstrings."),
        ("Secrets come from Vault and not from environment variables.", "Secrets come from Vault, not from variables."),
        ("Viewers cannot delete projects, the button is hidden.", "Admin users can delete projects."),
        ("O título do commit deve ter no máximo 60 caracteres.", "Preferimos mensagens de commit curtas."),
        ("Il magazzino riceve gli ordini tramite eventi.", "Il modulo ordini non deve dipendere dal modulo magazzino."),
        ("Backups liegen in Irland.", "Kundendaten liegen in Frankfurt."),
        ("Мы пишем документацию на русском.", "Код пишем на английском."),
        ("压力测试每周运行。", "单元测试每次提交运行。"),
        ("ユーザー画面は React で書く。", "管理画面は Vue で書く。"),
        ("Fix it in 15 minutes.", "Apples are red for 30 days."),
        ("Sessions last a month.", "Sessions last 30 days."),
        ("", "Sessions last 30 days."),
    ],
)  # fmt: skip
def test_texts_about_different_things_or_that_both_hold_have_no_reason(new: str, old: str) -> None:
    assert paraphrase(new, old) is None
    assert paraphrase(old, new) is None


def test_long_texts_are_not_compared() -> None:
    assert claim_of("x" * MOST_CHARS) is not None
    assert claim_of("x" * (MOST_CHARS + 1)) is None
    assert paraphrase("Jest is not used here." + " " * MOST_CHARS, "Tests are written in Jest.") is None


@pytest.mark.parametrize("part", ["x", "a b ", "a.", "not npm ", "1 ", "日志", "a/", "aA", "`", "log 5 s. ", "_"])
def test_no_text_takes_long(part: str) -> None:
    text = (part * MOST_CHARS)[:MOST_CHARS]
    paraphrase(text, text[::-1])
    before = time.process_time()
    claim_of.cache_clear()
    paraphrase(text, text[::-1])
    assert time.process_time() - before < 5
