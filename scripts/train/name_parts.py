"""The tokenizer of the bundled cross-encoder: its source's, which also cuts names in camel case into words.

BERT's tokenizer makes letters lower case and then takes the longest piece that its vocabulary has, which may straddle
two words of a name: ``useState`` gives ``uses`` and ``##tate``, ``createAppContext`` gives ``create``, ``##app``,
``##con`` and ``##text``. A model that was trained on prose knows the words, and nothing of such pieces. So names are
cut before (``getUser``, ``HTTPServer``; not ``URLs``), by a normalizer in ``tokenizer.json``: whoever reads that file
does the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

CAMEL_CASE = "(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])(?![A-Z]s(?![a-z]))"


def tokenizer_of(folder: Path) -> Any:
    """Return the tokenizer of a BERT model's folder, cutting names, without truncation and padding."""
    from tokenizers import Regex, Tokenizer, normalizers

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    replace = normalizers.Replace(Regex(CAMEL_CASE), " ")
    tokenizer.normalizer = normalizers.Sequence([replace, tokenizer.normalizer])
    return tokenizer
