"""The tokenizer of the bundled cross-encoder: that of its source, which also splits camel-case names into words.

BERT's tokenizer lower-cases letters and then takes the longest match in its vocabulary, which can straddle two words of
a name: ``useState`` gives ``uses`` and ``##tate``, ``createAppContext`` gives ``create``, ``##app``, ``##con`` and
``##text``. A model trained on prose knows the words but not these pieces. So names are split first (``getUser``,
``HTTPServer``, but not ``URLs``), by a normalizer in ``tokenizer.json``, which applies wherever that file is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

CAMEL_CASE = "(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])(?![A-Z]s(?![a-z]))"


def tokenizer_of(folder: Path) -> Any:
    """Return the tokenizer in a BERT model's folder, with names split and without truncation and padding."""
    from tokenizers import Regex, Tokenizer, normalizers

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    replace = normalizers.Replace(Regex(CAMEL_CASE), " ")
    tokenizer.normalizer = normalizers.Sequence([replace, tokenizer.normalizer])
    return tokenizer
