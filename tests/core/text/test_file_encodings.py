"""The encodings that a project sets for its files: which one counts, and what outweighs it."""

import codecs

import pytest

from aurora_dev.core.text.file_encodings import FileEncodings
from aurora_dev.errors import InvalidRequestError

RUSSIAN = "да"  # too short to be guessed


def test_the_last_glob_that_matches_counts() -> None:
    encodings = FileEncodings([("*.pas", "cp866"), ("src/**/*.pas", "windows-1251"), ("other.pas", "latin-1")])
    assert encodings.of("a.pas") == "cp866"
    assert encodings.of("src/deep/a.pas") == "cp1251"
    assert encodings.of("src/other.pas") == "cp1252"  # what programs write under that name
    assert encodings.of("a.txt") is None


def test_a_file_is_read_in_the_encoding_that_is_set_for_it() -> None:
    encodings = FileEncodings([("*.pas", "cp1251"), ("*.txt", "utf-16-le"), ("*.jp", "japanese-shift-jis")])
    assert encodings.decode("a.pas", RUSSIAN.encode("cp1251")) == (RUSSIAN, "cp1251")
    assert encodings.decode("a.txt", RUSSIAN.encode("utf-16-le")) == (RUSSIAN, "utf-16-le")
    assert encodings.decode("a.jp", "値".encode("cp932")) == ("値", "cp932")
    assert encodings.decode("a.py", b"") is None


@pytest.mark.parametrize(
    "data", [codecs.BOM_UTF8 + b"a", codecs.BOM_UTF16_LE + b"a\0", codecs.BOM_UTF16_BE + b"\0a", b"\xff\xfe\0\0"]
)
def test_a_byte_order_mark_outweighs_the_setting(data: bytes) -> None:
    assert FileEncodings([("*", "cp1251")]).decode("a.pas", data) is None


def test_bytes_that_are_not_valid_in_the_encoding_are_left_to_the_guess() -> None:
    assert FileEncodings([("*", "cp932")]).decode("a.txt", b"\x81") is None
    assert FileEncodings([("*", "ascii")]).decode("a.txt", "é".encode()) is None


@pytest.mark.parametrize("name", ["utf-7", "punycode", "idna", "hex", "rot13", "nothing", "", "undefined"])
def test_a_codec_that_is_no_encoding_of_text_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError, match="is not an encoding of text"):
        FileEncodings([("*", name)])


def test_a_glob_that_stands_for_too_many_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="its braces stand for more"):
        FileEncodings([("{a,b}" * 7, "cp1251")])


def test_only_different_settings_have_different_digests() -> None:
    pairs = [("*.pas", "cp1251")]
    assert FileEncodings(pairs).digest == FileEncodings(iter(pairs)).digest
    assert FileEncodings(pairs).digest != FileEncodings([("*.pas", "cp866")]).digest
    assert FileEncodings().digest == ""
