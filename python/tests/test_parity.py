"""docs/parity.md is whole, and of the packages that are installed."""

import re
from importlib.metadata import version
from pathlib import Path


def rows() -> list[list[str]]:
    page = (Path(__file__).parents[2] / "docs/parity.md").read_text()
    lines = page[page.index("|---|") :].splitlines()[1:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_every_part_with_a_reference_has_a_row() -> None:
    pairs = {(row[0], row[2].split()[0]) for row in rows()}
    for codec in ("encodec_24khz", "encodec_48khz", "encodec_32khz", "encodec_16khz"):
        assert (codec, "transformers") in pairs
    assert {("dac_16khz", "transformers"), ("dac_44khz", "transformers")} < pairs
    for family in ("llama", "llama 3", "mistral", "gemma", "gemma2", "gemma3", "qwen2", "qwen3"):
        assert (family, "transformers") in pairs
    for row in (
        ("dac", "descript-audio-codec"),
        ("encodec", "encodec"),
        ("codec training", "audiocraft"),
        ("masked transformer", "x-transformers"),
        ("LoRA", "peft"),
        ("tokenizers", "tokenizers"),
        ("tokenizers", "sentencepiece"),
        ("tokenizers", "transformers"),
        ("safetensors", "safetensors"),
        ("sampling", "transformers"),
        ("beam search", "transformers"),
    ):
        assert row in pairs


def test_versions_are_those_installed() -> None:
    live = ("transformers", "peft", "tokenizers", "sentencepiece", "safetensors")
    found = {tuple(row[2].split()) for row in rows() if row[2].split()[0] in live}
    assert found == {(package, version(package)) for package in live}


def test_differences_are_within_their_bars() -> None:
    for row in rows():
        if counted := re.fullmatch(r"([\d,]+) of ([\d,]+) differ", row[3]):
            wrong, count = (int(number.replace(",", "")) for number in counted.groups())
            share = 0.0 if row[4] == "equal" else float(row[4].removesuffix(" %")) / 100
            assert wrong <= share * count, row
        else:
            assert float(row[3]) <= float(row[4]), row
