"""Tokenizers against the libraries that publish them: the same ids, and the same text back."""

import gzip
import json
import random
import shutil
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mmi
import pytest
from mmi import text

pytest.importorskip("tokenizers")
import sentencepiece
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

SPECIAL = ["<s>", "</s>", "<unk>", "<pad>", "<mask>", "<|endoftext|>", "<|startoftext|>"]
SPECIAL += ["[CLS]", "[SEP]", "[MASK]", "[PAD]", "[UNK]"]
QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CLIP = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)

WORDS_TEXT = """the a piano plays softly while rain falls on an old roof and dogs bark at drums
don't we'll they've I'm it's HE'D café naïve Übermut straße İstanbul ΣΊΣΥΦΟΣ ὀδυσσεύς ﬁnger ① ½ Ⅷ
42 3.14 1000000 ٣٤٥ x2 foo_bar http://a.b/c?d=e user@host #tag $5.00 C++ snake_case CamelCase ...
-- !? 東京 音楽 我爱你 你好世界 こんにちは カタカナ 안녕하세요 한국어 สวัสดี नमस्ते مرحبا שלום Привет
Ελληνικά 𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𠮷野家 x⃗ é å ñ ḍ̇"""
WORDS = WORDS_TEXT.split()
BITS = [
    " ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", " \n ", "\u00a0", "\u2003", "\u3000", "\u200b",
    "\u200d", "\ufeff", "\x00", "\x01", "\x1b", "\x1c", "\x7f", "\x85", "\u180e", "\u2028",
    "😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇯🇵", "❤️", "☃", "\u0301", "\u0323\u0307", "\u20e3", "\ufffd",
    "\u202e", "\u2066", "ſ", "K", "ǅ", "'", "’", "''", "\"", "`", "_", "▁", "Ġ", "##", "</w>",
    "<0x0A>", "ff", "가", "Ａ１", "™", "²", "\U0001d538", "\U000e0041", "\ue000", "\U0010ffff",
]  # fmt: skip


def strings(n: int = 5000, seed: int = 7) -> list[str]:
    """Words, signs, emoji and special tokens of all kinds, in any order."""
    rng = random.Random(seed)
    planes = [(0x20, 0x7E), (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x4FF)]
    planes += [(0x590, 0x6FF), (0x900, 0xDFF), (0x1E00, 0x1FFF), (0x2000, 0x2BFF), (0x3040, 0x30FF)]
    planes += [(0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0x1F300, 0x1F6FF), (0x0, 0x1F)]

    def one() -> str:
        kind = rng.random()
        if kind < 0.5:
            return rng.choice(WORDS)
        if kind < 0.75:
            return rng.choice(BITS)
        if kind < 0.8:
            return rng.choice(SPECIAL)
        low, high = rng.choice(planes)
        return "".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 6)))

    made = ["", " ", "\n", "a", "é", "  a", "a  ", "a" * 300, "ab" * 200, "東" * 120]
    while len(made) < n:
        glue = rng.choice(["", " ", " ", " "])
        made.append(glue.join(one() for _ in range(rng.randint(1, 12))))
    return made


STRINGS = strings()


def corpus() -> Iterator[str]:
    rng = random.Random(1)
    for _ in range(3000):
        yield " ".join(rng.choice(WORDS) for _ in range(rng.randint(3, 15)))
    yield from STRINGS[:500]


def compare(path: Path, theirs: Tokenizer, parity: Any) -> None:
    """Ids of all strings, with and without frame, and what they decode to."""
    ours = text.load_tokenizer(path)
    assert ours.vocab_size == theirs.get_vocab_size()
    for token, id_ in theirs.get_vocab().items():
        assert (ours.token_to_id(token), ours.id_to_token(id_)) == (id_, token)
    for special in (True, False):
        expected = [
            e.ids
            for e in theirs.encode_batch(STRINGS, add_special_tokens=special, is_pretokenized=False)
        ]
        made = ours.encode_batch(STRINGS, add_special=special, threads=2)
        wrong = [s for s, a, b in zip(STRINGS, made, expected, strict=True) if a != b]
        assert not wrong, (len(wrong), wrong[0], ours.encode(wrong[0]), theirs.encode(wrong[0]).ids)
        parity.equal("tokenizers", "ids, tokenizer.json", 0, len(STRINGS), "tokenizers")
    for s in STRINGS:
        ids = theirs.encode(s).ids
        for skip in (True, False):
            assert ours.decode(ids, skip_special=skip) == theirs.decode(
                ids, skip_special_tokens=skip
            ), repr(s)
    # Ids in any order, too: bytes that form no character, prefixes in the wrong place.
    rng = random.Random(3)
    for _ in range(500):
        ids = [rng.randrange(ours.vocab_size) for _ in range(rng.randint(0, 20))]
        assert ours.decode(ids) == theirs.decode(ids)


def byte_level(pattern: str | None = None, *, prefix: bool = False) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=prefix)
    if pattern:
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(pattern), "isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def train(tokenizer: Tokenizer, **options: Any) -> Tokenizer:
    trainer = trainers.BpeTrainer(
        vocab_size=2000,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        **options,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    return tokenizer


def gpt2() -> Tokenizer:
    return train(byte_level(), special_tokens=["<|endoftext|>"])


def roberta() -> Tokenizer:
    tokenizer = train(byte_level(prefix=True), special_tokens=["<s>", "<pad>", "</s>", "<unk>"])
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return tokenizer


def qwen() -> Tokenizer:
    tokenizer = byte_level(QWEN)
    tokenizer.normalizer = normalizers.NFC()
    return train(tokenizer, special_tokens=["<|endoftext|>"])


def llama3() -> Tokenizer:
    tokenizer = train(byte_level(LLAMA3), special_tokens=["<s>", "</s>"])
    state = json.loads(tokenizer.to_str())
    state["model"]["ignore_merges"] = True
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)]),
        ]
    )
    return tokenizer


def llama(*, prepend: bool = True) -> Tokenizer:
    """LLaMA 1 and 2: one long word of characters and bytes; Gemma without the first space."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    replace = normalizers.Replace(" ", "▁")
    tokenizer.normalizer = (
        normalizers.Sequence([normalizers.Prepend("▁"), replace]) if prepend else replace
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Split(
        "▁" if prepend else " ", "merged_with_next" if prepend else "merged_with_previous"
    )
    bytes_ = [f"<0x{b:02X}>" for b in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=1500,
        show_progress=False,
        special_tokens=["<unk>", "<s>", "</s>", *bytes_],
        limit_alphabet=150,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = [t for t in state["added_tokens"] if t["id"] < 3]
    if prepend:
        state["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(state))
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if prepend else steps)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return tokenizer


def metaspace(scheme: str, *, split: bool = True) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=False))
    # With "first", the reference takes all that one compatibility character becomes for the first.
    form = normalizers.NFC() if scheme == "first" else normalizers.NFKC()
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Strip(), form, normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Punctuation("isolated"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Metaspace(prepend_scheme=scheme, split=split),
        ]
    )
    tokenizer.decoder = decoders.Metaspace(prepend_scheme=scheme, split=split)
    trainer = trainers.BpeTrainer(
        vocab_size=1200, show_progress=False, special_tokens=["<unk>"], limit_alphabet=200
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.add_tokens(
        [
            AddedToken("piano", single_word=True),
            AddedToken("Übermut", normalized=True),
            AddedToken("rain", rstrip=True, lstrip=True, normalized=False),
            AddedToken("<s>", special=True),
        ]
    )
    return tokenizer


def word_piece(lowercase: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(
        vocab_size=1500,
        show_progress=False,
        limit_alphabet=300,
        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    return tokenizer


def clip() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(unk_token="<|endoftext|>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Lowercase(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(CLIP), "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=2500,
        show_progress=False,
        end_of_word_suffix="</w>",
        initial_alphabet=alphabet,
        special_tokens=alphabet + [c + "</w>" for c in alphabet],
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    state = json.loads(tokenizer.to_str())
    state["added_tokens"] = []
    tokenizer = Tokenizer.from_str(json.dumps(state))
    begin = AddedToken("<|startoftext|>", special=True, normalized=True)
    tokenizer.add_special_tokens([begin, AddedToken("<|endoftext|>", special=True)])
    ids = [tokenizer.token_to_id(t) for t in ("<|endoftext|>", "<|startoftext|>")]
    tokenizer.post_processor = processors.RobertaProcessing(
        ("<|endoftext|>", ids[0]), ("<|startoftext|>", ids[1])
    )
    return tokenizer


def words_only() -> Tokenizer:
    """\\w+|[^\\w\\s]+, accents dropped, and the decoder of word ends."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFD(), normalizers.StripAccents(), normalizers.Lowercase()]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.decoder = decoders.BPEDecoder()
    trainer = trainers.BpeTrainer(
        vocab_size=1000, show_progress=False, special_tokens=["<unk>"], end_of_word_suffix="</w>"
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.enable_truncation(12)
    return tokenizer


def prefixed() -> Tokenizer:
    """BPE that spells the inner of a word with ##, as few do; no decoder."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", continuing_subword_prefix="##"))
    tokenizer.normalizer = normalizers.NFKD()
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    trainer = trainers.BpeTrainer(
        vocab_size=1000,
        show_progress=False,
        special_tokens=["<unk>", "[PAD]"],
        continuing_subword_prefix="##",
        limit_alphabet=120,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.enable_padding(length=20, pad_id=1, pad_token="[PAD]", direction="left")
    tokenizer.enable_truncation(18, direction="left")
    return tokenizer


KINDS: dict[str, Callable[[], Tokenizer]] = {
    "gpt2": gpt2,
    "roberta": roberta,
    "qwen": qwen,
    "llama3": llama3,
    "llama": llama,
    "gemma": lambda: llama(prepend=False),
    "metaspace-always": lambda: metaspace("always"),
    "metaspace-first": lambda: metaspace("first"),
    "metaspace-never": lambda: metaspace("never", split=False),
    "wordpiece-uncased": lambda: word_piece(True),
    "wordpiece-cased": lambda: word_piece(False),
    "clip": clip,
    "words": words_only,
    "prefixed": prefixed,
}


@pytest.mark.parametrize("kind", KINDS)
def test_tokenizer_json(kind: str, tmp_path: Path, parity: Any) -> None:
    theirs = KINDS[kind]()
    theirs.save(str(tmp_path / "tokenizer.json"))
    compare(tmp_path, theirs, parity)


def test_every_character(tmp_path: Path) -> None:
    """Unicode's classes, character by character. The reference's newest tables (letters, digits,
    lower case) are younger than ours: they may differ in what Python 3.11 does not know either."""
    characters = [chr(c) for c in range(0x32400) if not 0xD800 <= c < 0xE000]
    characters += [chr(c) for c in range(0xE0000, 0xE0200)]
    bytes_ = Tokenizer(
        models.BPE({c: i for i, c in enumerate(pre_tokenizers.ByteLevel.alphabet())}, [])
    )
    step = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    probes = {
        "lowercase": (normalizers.Lowercase(), None),
        "accents": (normalizers.StripAccents(), None),
        "bert": (normalizers.BertNormalizer(lowercase=False), None),
        "nfkc": (normalizers.NFKC(), None),
        "punctuation": (None, pre_tokenizers.Punctuation("removed")),
        "digits": (None, pre_tokenizers.Split(Regex(r"\p{N}"), "removed")),
        "letters": (None, pre_tokenizers.Split(Regex(r"\p{L}"), "removed")),
        "space": (None, pre_tokenizers.Split(Regex(r"\s"), "removed")),
        "no space": (None, pre_tokenizers.Split(Regex(r"[^\S]"), "removed")),
    }
    for name, (normalizer, splitter) in probes.items():
        probe = Tokenizer.from_str(bytes_.to_str())
        if normalizer is not None:
            probe.normalizer = normalizer
        steps = [step] if splitter is None else [splitter, step]
        probe.pre_tokenizer = pre_tokenizers.Sequence(steps)
        probe.save(str(tmp_path / "tokenizer.json"))
        ours = text.load_tokenizer(tmp_path).encode_batch(characters)
        expected = [e.ids for e in probe.encode_batch_fast(characters)]
        differ = [c for c, a, b in zip(characters, ours, expected, strict=True) if a != b]
        if name in ("lowercase", "digits", "letters"):
            differ = [c for c in differ if unicodedata.category(c) != "Cn"]
        assert not differ, (name, len(differ), [hex(ord(c)) for c in differ[:40]])


def files_of(tokenizer: Tokenizer, folder: Path, config: dict[str, Any] | None = None) -> None:
    """vocab.json and merges.txt as they were published before tokenizer.json."""
    state = json.loads(tokenizer.to_str())
    vocab = {**state["model"]["vocab"], **{t["content"]: t["id"] for t in state["added_tokens"]}}
    if config and "added_tokens_decoder" in config:
        vocab = state["model"]["vocab"]
    (folder / "vocab.json").write_text(json.dumps(vocab))
    lines = [f"{a} {b}" for a, b in state["model"]["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *lines, ""]))
    if config:
        (folder / "tokenizer_config.json").write_text(json.dumps(config))


def same_ids(
    ours: text.Tokenizer, theirs: Callable[[str], list[int]], files: str, parity: Any
) -> None:
    made = ours.encode_batch(STRINGS, threads=2)
    wrong = [s for s, ids in zip(STRINGS, made, strict=True) if ids != theirs(s)]
    assert not wrong, (len(wrong), wrong[0], ours.encode(wrong[0]), theirs(wrong[0]))
    parity.equal("tokenizers", f"ids, {files}", 0, len(STRINGS))


def test_vocab_and_merges(tmp_path: Path, parity: Any) -> None:
    from transformers import GPT2Tokenizer, Qwen2Tokenizer, RobertaTokenizer

    config: dict[str, Any] | None
    for name, made, theirs, config in (
        ("gpt2", gpt2(), GPT2Tokenizer, None),
        ("roberta", roberta(), RobertaTokenizer, None),
        ("qwen", qwen(), Qwen2Tokenizer, {"tokenizer_class": "Qwen2Tokenizer"}),
    ):
        folder = tmp_path / name
        folder.mkdir()
        files_of(made, folder, config)
        if config:
            token = {"content": "<|endoftext|>", "special": True, "normalized": False}
            token |= {"lstrip": False, "rstrip": False, "single_word": False}
            config["added_tokens_decoder"] = {str(made.token_to_id("<|endoftext|>")): token}
            (folder / "tokenizer_config.json").write_text(json.dumps(config))
        # Published with RoBERTa, but lost where transformers 5 builds it from these two files.
        mask = {"mask_token": AddedToken("<mask>", lstrip=True, special=True)}
        reference = theirs(
            vocab=str(folder / "vocab.json"),
            merges=str(folder / "merges.txt"),
            **(mask if name == "roberta" else {}),
        )
        ours = text.load_tokenizer(folder)
        same_ids(ours, lambda s, r=reference: r(s)["input_ids"], "vocab.json + merges.txt", parity)
        for s in STRINGS[:1000]:
            assert ours.decode(ours.encode(s)) == reference.decode(
                reference(s)["input_ids"], skip_special_tokens=True
            )
    (tmp_path / "qwen/tokenizer_config.json").write_text('{"tokenizer_class": "Whisper"}')
    with pytest.raises(mmi.DataError, match="the tokenizer class 'Whisper' is not known"):
        text.load_tokenizer(tmp_path / "qwen")


def test_clip_files(tmp_path: Path, parity: Any) -> None:
    from transformers import CLIPTokenizer

    made = clip()
    files_of(made, tmp_path)
    reference = CLIPTokenizer(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    ours = text.load_tokenizer(tmp_path)
    same_ids(ours, lambda s: reference(s)["input_ids"], "CLIP's files", parity)
    for s in STRINGS[:1000]:
        ids = reference(s)["input_ids"]
        theirs = reference.decode(ids, skip_special_tokens=True)
        assert ours.decode(ids).strip() == theirs, repr(s)
    end = ours.token_to_id("<|endoftext|>")
    assert end is not None
    long = text.fit_length(ours.encode("piano " * 100), 77, pad=0, end=end)
    assert (len(long), long[-1], long[1]) == (77, end, long[2])
    assert text.fit_length([5, 6], 4, pad=0, end=end) == [5, 6, 0, 0]


def open_clip(lines: list[str]) -> Callable[[str], list[int]]:
    """CLIP's own tokenizer, written down from its description: ranked merges over spelled bytes."""
    import regex

    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spelled = {b: chr(b) for b in visible}
    for b in range(256):
        spelled.setdefault(b, chr(256 + b - sum(v < b for v in visible)))
    alphabet = [spelled[b] for b in [*visible, *(b for b in range(256) if b not in visible)]]
    merges = [tuple(line.split()) for line in lines]
    tokens = [*alphabet, *(c + "</w>" for c in alphabet), *("".join(m) for m in merges)]
    tokens += ["<start_of_text>", "<end_of_text>"]
    ids = {token: i for i, token in enumerate(tokens)}
    ranks = {merge: i for i, merge in enumerate(merges)}
    pattern = regex.compile(
        r"<start_of_text>|<end_of_text>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+",
        regex.IGNORECASE,
    )

    def word(symbols: list[str]) -> list[str]:
        while len(symbols) > 1:
            pairs = list(zip(symbols, symbols[1:], strict=False))
            best = min(pairs, key=lambda p: ranks.get(p, len(ranks)))
            if best not in ranks:
                break
            at = pairs.index(best)
            symbols = [*symbols[:at], best[0] + best[1], *symbols[at + 2 :]]
        return symbols

    def encode(s: str) -> list[int]:
        s = " ".join(s.split()).lower()
        found: list[int] = []
        for piece in pattern.findall(s):
            if piece in ("<start_of_text>", "<end_of_text>"):
                found.append(ids[piece])
                continue
            symbols = [spelled[b] for b in piece.encode()]
            symbols[-1] += "</w>"
            found += [ids[t] for t in word(symbols)]
        return [ids["<start_of_text>"], *found, ids["<end_of_text>"]]

    return encode


def test_clip_merges(tmp_path: Path) -> None:
    lines = [f"{a} {b}" for a, b in json.loads(clip().to_str())["model"]["merges"]]
    data = "\n".join(['"bpe_simple_vocab_16e6.txt#version: 0.2', *lines]) + "\n"
    with gzip.open(tmp_path / "bpe_simple_vocab_16e6.txt.gz", "wt") as file:
        file.write(data)
    ours = text.load_tokenizer(tmp_path)
    encode = open_clip(lines)
    assert ours.vocab_size == 512 + len(lines) + 2
    # Without ftfy, which repairs text: composed characters, and no lower case that depends on the
    # place in the word.
    plain = [s for s in STRINGS if unicodedata.normalize("NFC", s) == s and "Σ" not in s]
    # Python's white space has four control characters more; its regex module takes U+0345 for a
    # letter where case is ignored.
    plain = [s for s in plain if not any(c in s for c in "\x1c\x1d\x1e\x1f\u0345")]
    plain = [s for s in plain if not any(unicodedata.category(c) == "Cn" for c in s)]
    assert len(plain) > 2500
    wrong = [s for s in plain if ours.encode(s) != encode(s)]
    assert not wrong, (len(wrong), wrong[0], ours.encode(wrong[0]), encode(wrong[0]))
    assert ours.decode(ours.encode("  A piano\nPLAYS ")) == "a piano plays"


@pytest.mark.parametrize("lowercase", [True, False])
def test_bert_vocab(lowercase: bool, tmp_path: Path, parity: Any) -> None:
    from transformers import BertTokenizer

    made = word_piece(lowercase)
    tokens = sorted(made.get_vocab().items(), key=lambda item: item[1])
    (tmp_path / "vocab.txt").write_text("".join(f"{token}\n" for token, _ in tokens))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": lowercase}))
    reference = BertTokenizer(str(tmp_path / "vocab.txt"), do_lower_case=lowercase)
    ours = text.load_tokenizer(tmp_path)
    same_ids(ours, lambda s: reference(s)["input_ids"], "vocab.txt", parity)


SENTENCE_PIECES: dict[str, dict[str, Any]] = {
    "llama": {
        "model_type": "bpe",
        "byte_fallback": True,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "split_digits": True,
    },
    "gemma": {
        "model_type": "bpe",
        "byte_fallback": True,
        "add_dummy_prefix": False,
        "normalization_rule_name": "identity",
        "remove_extra_whitespaces": False,
        "user_defined_symbols": ["<start_of_turn>", "\n\n"],
    },
    "bpe-nfkc": {"model_type": "bpe", "normalization_rule_name": "nmt_nfkc_cf"},
    "t5": {"model_type": "unigram", "bos_id": -1, "pad_id": 3, "vocab_size": 950},
}


@pytest.mark.parametrize("kind", SENTENCE_PIECES)
def test_sentence_piece(kind: str, tmp_path: Path, parity: Any) -> None:
    name = "spiece.model" if kind == "t5" else "tokenizer.model"
    with open(tmp_path / name, "wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=corpus(),
            model_writer=file,
            character_coverage=0.995,
            minloglevel=2,
            num_threads=1,
            **{"vocab_size": 1500, **SENTENCE_PIECES[kind]},
        )
    theirs = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / name))
    ours = text.load_tokenizer(tmp_path)
    assert ours.vocab_size == theirs.vocab_size()
    before = [] if kind == "t5" else [theirs.bos_id()]
    after = [theirs.eos_id()] if kind == "t5" else []
    special = [token.content for token in ours.added_tokens]
    # The library takes special tokens in a text for letters.
    plain = [s for s in STRINGS if not any(token in s for token in special)]
    assert len(plain) > 3000
    for s in plain:
        ids = theirs.encode(s)
        assert ours.encode(s) == [*before, *ids, *after]
        assert ours.encode(s, add_special=False) == ids
        assert ours.decode(ids) == theirs.decode(ids), repr(s)
    parity.equal("tokenizers", "ids, tokenizer.model", 0, len(plain), "sentencepiece")
    for id_ in range(ours.vocab_size):
        piece = theirs.id_to_piece(id_)
        assert (ours.id_to_token(id_), ours.token_to_id(piece)) == (piece, id_)
    assert ours.token_to_id("not in it") is None
    (tmp_path / "tokenizer_config.json").write_text('{"add_bos_token": false}')
    assert text.load_tokenizer(tmp_path).encode("a piano") == [*theirs.encode("a piano"), *after]


def with_special_tokens(tokens: list[str], n: int = 600) -> list[str]:
    """Texts with special tokens at both ends, in the middle, side by side and before spaces."""
    rng = random.Random(3)
    words = [w for w in WORDS if not any(c in w for c in "<▁")]
    made = ["USER: a ASSISTANT: b</s>USER:", "</s>", "</s></s> x", "a</s>", "</s>a", "a </s>  b"]
    while len(made) < n:
        parts = [rng.choice(words)]
        for _ in range(rng.randint(1, 8)):
            parts += [rng.choice(["", "", " ", " ", "  ", "\n"])]
            parts += [rng.choice(tokens) if rng.random() < 0.4 else rng.choice(words)]
        made.append("".join(parts) + rng.choice(["", " ", rng.choice(tokens)]))
    return made


@pytest.mark.parametrize("legacy", [None, False, True])
@pytest.mark.parametrize("layout", ["decoder", "added_tokens.json", "model alone"])
def test_special_tokens_of_sentence_piece(
    layout: str, legacy: bool | None, tmp_path: Path, parity: Any
) -> None:
    from transformers import LlamaTokenizer

    with open(tmp_path / "tokenizer.model", "wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=corpus(),
            model_writer=file,
            character_coverage=0.995,
            minloglevel=2,
            num_threads=1,
            vocab_size=1500,
            **SENTENCE_PIECES["llama"],
        )
    config: dict[str, Any] = {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True}
    config |= {} if legacy is None else {"legacy": legacy}
    tokens = ["<s>", "</s>"]
    if layout == "decoder":
        flags = {"lstrip": False, "rstrip": False, "single_word": False, "normalized": False}
        config["added_tokens_decoder"] = {
            "0": {"content": "<unk>", "special": True, **flags},
            "1": {"content": "<s>", "special": True, **flags},
            "2": {"content": "</s>", "special": True, **flags},
            "1500": {"content": "<pad>", "special": True, **flags},
            "1501": {"content": "<image>", "special": False, **flags, "rstrip": True},
            "1502": {"content": "<mask>", "special": True, **flags, "lstrip": True},
        }
        tokens += ["<pad>", "<image>", "<mask>"]
    elif layout == "added_tokens.json":
        config["pad_token"] = "[PAD]"
        (tmp_path / layout).write_text('{"[PAD]": 1500, "[X]": 1501}')
        tokens += ["[PAD]", "[X]"]
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    theirs = LlamaTokenizer.from_pretrained(tmp_path)
    ours = text.load_tokenizer(tmp_path)
    assert ours.vocab_size == len(theirs)
    assert ours.encode("a</s>b")[2] == ours.token_to_id("</s>") == 2
    texts = with_special_tokens(tokens)
    for s in texts:
        ids = theirs(s)["input_ids"]
        assert ours.encode(s) == ids, s
        for skip in (True, False):
            assert ours.decode(ids, skip) == theirs.decode(ids, skip_special_tokens=skip), (s, skip)
    parity.equal("tokenizers", "ids with special tokens, tokenizer.model", 0, len(texts))


def test_added_tokens_that_cannot_be(tmp_path: Path) -> None:
    with open(tmp_path / "tokenizer.model", "wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["a dog barks at two dogs"] * 9),
            model_writer=file,
            model_type="bpe",
            vocab_size=40,
            hard_vocab_limit=False,
            minloglevel=2,
        )
    for listed, message in (
        ({"x": {"content": "<pad>"}}, "added_tokens_decoder: x is no id"),
        ({"2": {"content": "<pad>"}}, "'<pad>' cannot have the id 2"),
        ({"600": {"content": "</s>"}}, "'</s>' cannot have the id 600"),
        ({"600": {"content": ""}}, "'' cannot have the id 600"),
        ({"99999999": {"content": "<pad>"}}, "'<pad>' cannot have the id 99999999"),
        ({"600": "<pad>"}, "added_tokens_decoder: 600"),
        ({"600": {}}, "added_tokens_decoder: 600"),
    ):
        described = json.dumps({"added_tokens_decoder": listed})
        (tmp_path / "tokenizer_config.json").write_text(described)
        with pytest.raises(mmi.DataError, match=message):
            text.load_tokenizer(tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    (tmp_path / "added_tokens.json").write_text('{"<pad>": -1}')
    with pytest.raises(mmi.DataError, match="'<pad>' must have an id"):
        text.load_tokenizer(tmp_path)


def test_errors_name_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(mmi.DataError, match="holds no tokenizer that is known here"):
        text.load_tokenizer(tmp_path)
    with pytest.raises(mmi.DataError, match="does not exist"):
        text.load_tokenizer(tmp_path / "none.json")
    state = json.loads(gpt2().to_str())
    file = tmp_path / "tokenizer.json"
    for change, message in (
        ({"model": {"type": "Unigram"}}, "the model 'Unigram' is not known here"),
        ({"normalizer": {"type": "Precompiled"}}, "normalizer: .*'Precompiled' is not known"),
        ({"decoder": {"type": "CTC"}}, "decoder: .*'CTC' is not known"),
        ({"surprise": 1}, "the field 'surprise' is not known here"),
    ):
        file.write_text(json.dumps({**state, **change}))
        with pytest.raises(mmi.DataError, match=message):
            text.load_tokenizer(file)
    file.write_text(json.dumps(state))
    ours = text.load_tokenizer(file)
    with pytest.raises(mmi.DataError, match="ids of this vocabulary are in"):
        ours.decode([ours.vocab_size])
    assert ours.id_to_token(10**9) is None
    shutil.copy(file, tmp_path / "vocab.bin")
    with pytest.raises(mmi.DataError, match="is no tokenizer that is known here"):
        text.load_tokenizer(tmp_path / "vocab.bin")
