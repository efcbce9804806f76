"""Toy cross-encoders, written to disk in the format of real ones and loaded by sentence-transformers.

Two kinds of weights:

- random: seeded, so that scores are arbitrary and reproducible;
- counting: hand-set, so that the logit grows with the share of the word ``good`` among all words of the pair. Attention
  is uniform (queries and keys are zero), values carry one coordinate of the embedding, and everything else is zero.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

WORDS = ["good", "bad", *"abcdefghijklmnopqrstuvwxyz", *(f"w{number}" for number in range(70))]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = [*SPECIAL, *WORDS]
HIDDEN = 16
MAX_LENGTH = 128
ACTIVATIONS = {
    "identity": "torch.nn.modules.linear.Identity",
    "sigmoid": "torch.nn.modules.activation.Sigmoid",
    "hardsigmoid": "torch.nn.modules.activation.Hardsigmoid",
}


def build(
    folder: Path,
    *,
    weights: Literal["random", "counting"] = "random",
    activation: str | None = None,
    labels: int = 1,
    seed: int = 0,
    bias: float = 0.0,
    head: bool = True,
) -> Path:
    """Write a model and its tokenizer, and return the folder.

    Args:
        activation: The configured activation of sentence-transformers, or ``None`` to leave its default (a
            sigmoid); models of MS MARCO are configured with ``identity``: they give logits.
        bias: Added to the logit.
        head: Whether the classification head is saved; without one it is a plain encoder.
    """
    import torch
    from transformers import BertForSequenceClassification

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    model = BertForSequenceClassification(_config(labels))
    if weights == "counting":
        _set_counting_weights(model)
    elif weights == "random":
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.normal_(0.0, 0.3)
    with torch.no_grad():
        model.classifier.bias.fill_(bias)
    if activation is not None:
        model.config.sentence_transformers = {"activation_fn": ACTIVATIONS[activation]}
    (model if head else model.bert).save_pretrained(folder)
    _save_tokenizer(folder)
    return folder


def build_family(folder: Path, family: str, seed: int = 0) -> Path:
    """Write a two-layer model of random weights: ``Bert``, ``Roberta`` or ``XLMRoberta``, as transformers saves it."""
    import torch
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    options = {**_config(1).to_diff_dict(), "num_hidden_layers": 2, "vocab_size": len(VOCABULARY)}
    options = {name: value for name, value in options.items() if name not in ("model_type", "transformers_version")}
    if family != "Bert":  # positions start after the padding's, and there is one token type
        options |= {"type_vocab_size": 1, "pad_token_id": VOCABULARY.index("[PAD]"), "layer_norm_eps": 1e-5}
    config = getattr(transformers, f"{family}Config")(**options)
    model = getattr(transformers, f"{family}ForSequenceClassification")(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.normal_(1.0 if "LayerNorm.weight" in name else 0.0, 0.3)
        model.classifier.get_submodule("out_proj" if family != "Bert" else "").weight.normal_(0.0, 2.0)
    model.config.sentence_transformers = {"activation_fn": ACTIVATIONS["identity"]}
    model.save_pretrained(folder)
    _save_tokenizer(folder)
    if family != "Bert":
        _without_token_types(folder)
        return folder
    path = folder / "tokenizer_config.json"  # as BertTokenizer has it
    names = ["input_ids", "token_type_ids", "attention_mask"]
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_input_names": names}))
    return folder


def as_torch_file(folder: Path) -> None:
    """Store the weights of a model in the older format: a file of torch instead of safetensors."""
    import torch
    from safetensors.torch import load_file

    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def _without_token_types(folder: Path) -> None:
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text())
    tokenizer["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [_special("[CLS]"), _sequence("A"), _special("[SEP]")],
        "pair": [
            _special("[CLS]"),
            _sequence("A"),
            _special("[SEP]"),
            _special("[SEP]"),
            _sequence("B"),
            _special("[SEP]"),
        ],
        "special_tokens": {
            name: {"id": name, "ids": [VOCABULARY.index(name)], "tokens": [name]} for name in ("[CLS]", "[SEP]")
        },
    }
    path.write_text(json.dumps(tokenizer))


def _special(name: str) -> dict[str, Any]:
    return {"SpecialToken": {"id": name, "type_id": 0}}


def _sequence(name: str) -> dict[str, Any]:
    return {"Sequence": {"id": name, "type_id": 0}}


def build_with_a_sigmoid_inside(folder: Path, seed: int = 0) -> Path:
    """Write a model whose last layer is a dense one with a sigmoid: its own output is a probability."""
    import torch
    from sentence_transformers import CrossEncoder
    from sentence_transformers.base.modules import Dense, Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import BertModel

    encoder = folder.with_name(folder.name + "-encoder")
    torch.manual_seed(seed)
    BertModel(_config(1)).save_pretrained(encoder)
    _save_tokenizer(encoder)
    transformer = Transformer(str(encoder), transformer_task="feature-extraction")
    dense = Dense(HIDDEN, 1, activation_function=torch.nn.Sigmoid(), module_output_name="scores")
    CrossEncoder(modules=[transformer, Pooling(HIDDEN, "mean"), dense], device="cpu").save_pretrained(str(folder))
    return folder


def _config(labels: int) -> Any:
    from transformers import BertConfig

    return BertConfig(  # type: ignore[call-arg]
        vocab_size=len(VOCABULARY),
        hidden_size=HIDDEN,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=MAX_LENGTH,
        num_labels=labels,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )


def _set_counting_weights(model: Any) -> None:
    import torch

    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        identity = torch.eye(HIDDEN)
        bert, layer = model.bert, model.bert.encoder.layer[0]
        for norm in (bert.embeddings.LayerNorm, layer.attention.output.LayerNorm, layer.output.LayerNorm):
            norm.weight.fill_(1.0)
        # Every token is one direction; "good" is another. Alternating signs keep the mean at zero for the norms.
        other = torch.tensor([1.0, -1.0, 0.0, 0.0] * (HIDDEN // 4))
        good = torch.tensor([0.0, 0.0, 1.0, -1.0] * (HIDDEN // 4))
        bert.embeddings.word_embeddings.weight[:] = other
        bert.embeddings.word_embeddings.weight[VOCABULARY.index("good")] = good
        layer.attention.self.value.weight[:] = identity
        layer.attention.output.dense.weight[:] = identity
        bert.pooler.dense.weight[:] = 0.3 * identity
        model.classifier.weight[0] = good


def _save_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(VOCABULARY)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    cls, sep = (("[CLS]", VOCABULARY.index("[CLS]")), ("[SEP]", VOCABULARY.index("[SEP]")))
    tokenizer.post_processor = processors.BertProcessing(sep, cls)

    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=MAX_LENGTH,
    ).save_pretrained(folder)
