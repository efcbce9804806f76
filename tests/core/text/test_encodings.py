"""Encodings that are not UTF-8: declared ones, UTF-16 without a mark, and guesses."""

from __future__ import annotations

import os
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aurora_dev.core.text.encodings import declared_encoding, decode_legacy, wide_encoding
from aurora_dev.indexing.filetypes import content_reason, decode

CODE = "\ndef f(x):\n    return x\n"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp932", "# 在庫の引当処理を行う"),
        ("cp932", "// 注文を確認する"),
        ("cp932", "# 請求書"),
        ("euc_jp", "# 在庫の引当処理を行う"),
        ("iso2022_jp", "# 在庫の引当処理を行う"),
        ("gb18030", "# 订单退款处理逻辑"),
        ("gb18030", "/* 初始化配置文件,读取参数 */"),
        ("big5", "# 訂單退款處理邏輯"),
        ("big5", "// 檢查使用者權限"),
        ("cp949", "# 결제 취소 처리"),
        ("cp949", "// 사용자 권한을 확인한다"),
        ("cp1251", "# расчёт налога на доходы"),
        ("cp1251", "# перевірка доступу користувача"),
        ("koi8_r", "# расчёт налога на доходы"),
        ("cp866", "// Проверка прав пользователя"),
        ("cp1253", "# έλεγχος δικαιωμάτων χρήστη"),
        ("cp1250", "# zażółć gęślą jaźń"),
        ("cp1250", "// Příliš žluťoučký kůň"),
        ("cp1252", "# café größe naïve – “x”"),
        ("cp1252", "// coût élevé à l’été"),
        ("cp1252", "x = 'ÄÖÜ £5 × ÷ ± °'"),
        ("cp1252", "# Øre på blåbær"),
    ],
)
def test_a_legacy_encoding_is_recognised_by_one_comment(encoding: str, text: str) -> None:
    data = (text + CODE).encode(encoding)
    assert decode(data) == text + CODE
    assert decode(data * 3000) == (text + CODE) * 3000


@pytest.mark.parametrize("bad", [b"\xff", b"\x80", b"\xe3\x81"])
def test_utf8_with_a_damaged_byte_stays_utf8(bad: bytes) -> None:
    assert decode("# 顧客の与信\n# é\n".encode() + bad + b"\n") == "# 顧客の与信\n# é\n\ufffd\n"


def test_ascii_with_one_accented_letter_is_windows_1252() -> None:
    assert decode(b"# caf\xe9\n") == "# café\n"


@pytest.mark.parametrize(
    ("line", "codec"),
    [
        ("# -*- coding: euc_jp -*-", "euc_jp"),
        ("#!/usr/bin/ruby\n# encoding: windows-1251", "cp1251"),
        (";; -*- mode: lisp; coding: euc-jp-unix -*-", "euc_jp"),
        ("# vim: set fileencoding=koi8-r :", "koi8-r"),
        ('<?xml version="1.0" encoding="ISO-8859-7"?>', "iso8859-7"),
        ('@charset "windows-1251";', "cp1251"),
        ("# coding: shift_jis", "cp932"),
        ("# coding: gbk", "gb18030"),
        ("# coding: zip", None),
        ("# coding: rot13", None),
        ("# coding: punycode", None),
        ("# coding: unicode_escape", None),
        ("# coding: no-such-codec", None),
        ("x\ny\n# coding: euc_jp", None),
    ],
)
def test_a_declaration_in_the_first_two_lines_is_read(line: str, codec: str | None) -> None:
    assert declared_encoding(line.encode() + b"\n\xe9\n") == codec


def test_the_declared_encoding_comes_before_a_guess() -> None:
    text = "# -*- coding: koi8-r -*-\n# ОШИБКА\n"
    assert decode(text.encode("koi8-r")) == text


def test_a_declaration_that_does_not_fit_the_bytes_is_ignored() -> None:
    assert decode(b"# coding: ascii\n# caf\xe9\n") == "# coding: ascii\n# café\n"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_ascii_text_without_a_mark_is_text(encoding: str) -> None:
    text = "// Rechnung für Müller\r\nclass Storno { }\r\n"
    data = text.encode(encoding)
    assert wide_encoding(data) == encoding
    assert decode(data) == text
    assert content_reason("a.cs", (data * 500)[:8192]) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\0>\0\x01\0\0\0",
        b"a\0\0\0" + bytes(60),
        bytes(range(256)) * 4,
        "\0".join("日本語の文章です。").encode("utf-16-le"),
        b"\0a\0b" + b"\xff" * 50,
        b"".join(bytes((value % 32, 0)) for value in range(500)),
        b"A\0",
    ],
)
def test_other_data_with_nul_bytes_is_binary(data: bytes) -> None:
    assert decode(data) is None
    assert content_reason("a.bin2", data) == "binary"


@given(st.binary(max_size=300))
def test_any_bytes_can_be_decoded(data: bytes) -> None:
    assert isinstance(decode_legacy(data), str)


def test_a_guess_reads_a_sample_only() -> None:
    data = random.Random(1).randbytes(1 << 20).replace(b"\0", b"a")
    start = time.perf_counter()
    decode_legacy(data)
    decode_legacy(("я" * 4000 + os.linesep).encode("cp1251") * 500)
    assert time.perf_counter() - start < 2
