"""Makes docs/parity.md: each part beside its reference, with the largest difference measured.

    .venv/bin/python scripts/parity.py [--build build/release]

Runs the tests that compare with a reference and say what they measured: those in Python with the
fixture `parity` (python/tests/conftest.py), against installed packages, and those in C++ with
tests/support/oracle.h, against outputs kept in tests/data. A test that fails, or a comparison of
the list below that is gone, ends it.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs/parity.md"

DAC, ENCODEC, AUDIOCRAFT = "descript-audio-codec 1.0.0", "encodec 0.1.1", "audiocraft 1.3.0"
HEAD = "masked transformer"
# Test binary, properties (regular expression), module, what is compared, reference.
KEPT = [
    ("codecs", r"(odd|even)\.\d+\.latents", "dac", "latents", DAC),
    ("codecs", r"(odd|even)\.\d+\.codes", "dac", "codes", DAC),
    ("codecs", r"(odd|even)\.\d+\.quantized", "dac", "sum of codes", DAC),
    ("codecs", r"(odd|even)\.\d+\.wave", "dac", "wave of its codes", DAC),
    ("codecs", r"(odd|even)\.\d+\.losses", "dac", "quantiser's losses", DAC),
    ("models_codec", r"encodec\.\w+\.latents", "encodec", "latents", ENCODEC),
    ("models_codec", r"encodec\.\w+\.codes", "encodec", "codes", ENCODEC),
    ("models_codec", r"encodec\.\w+\.wave", "encodec", "wave of its codes", ENCODEC),
    ("models_codec", r"(logits|feature)\.\d", "codec training", "discriminator", ENCODEC),
    ("models_codec", "mel", "codec training", "mel loss", AUDIOCRAFT),
    ("models_codec", r"mel\.gradient", "codec training", "its gradient", AUDIOCRAFT),
    ("models_codec", "critic|features|generator", "codec training", "other losses", AUDIOCRAFT),
    ("models_codec", r"(balanced|effective)\.\d", "codec training", "balancer", AUDIOCRAFT),
    ("heads", "encoder|decoder", HEAD, "blocks with ALiBi", "x-transformers 2.31.10"),
    ("heads", "causal", "autoregressive transformer", "logits", "x-transformers 2.31.10"),
    ("heads", r"eager\.\w+", HEAD, "multiway blocks", "plain arithmetic"),
    ("heads", r"vatt_decoder_\w+\..+", HEAD, "all activations, 2 sizes", "VATT's code"),
    ("nn", "tokens", "masked decoding", "tokens from the same noise", "the loop by hand"),
    ("nn", "chi2", "sampling", "χ² of 100,000 draws, not a difference", "4 degrees, p = 0.01"),
    ("models_audeo", r"video2roll\..+", "Video2Roll", "all activations", "Audeo's code"),
    ("models_audeo", r"roll2midi_\w+\..+", "Roll2Midi", "all activations", "Audeo's code"),
    ("models_audeo", r"perfnet\..+", "PerfNet", "all activations", "Audeo's code"),
    ("models_xrir", r"xrir_\w+\..+", "xRIR", "all activations", "xRIR's code"),
]
TESTS = (
    "*Parity*:*Descript*:*Blocks.*:Losses.*:MaskedTransformer.Computes*:Masked.EqualsTheLoop*"
    ":Sampling.DrawsFollow*-*InFloat64"
)
INTRO = """# Parity

Made by `.venv/bin/python scripts/parity.py`; don't edit. Random weights, float32, on a CPU
({cpu}), torch {torch}. For each part the largest absolute difference from its reference in all
comparisons, and the bar that the tests set that one (of most outputs a share of their largest
value, which is what makes a figure large or small); codes, tokens and bytes are counted. What is
read are the files that transformers and peft write. Outputs of official code and of packages that
do not install beside torch's CPU wheel are kept in `tests/data` with their origin;
`scripts/oracles` makes them. With a checkout and the weights of Audeo at hand,
`scripts/parity_audeo.py` compares with those.

| module | what | reference | largest difference | bar | comparisons |
|---|---|---|---|---|---|
"""


@dataclass
class Row:
    """Of all comparisons of one thing: the largest difference, with its bar."""

    difference: float = -1
    bar: float = 0
    wrong: int = 0
    count: int = 0
    comparisons: int = 0

    def add(self, difference: float, bar: float) -> None:
        self.comparisons += 1
        if difference > self.difference:
            self.difference, self.bar = difference, bar

    def add_count(self, wrong: int, count: int, allowed: float = 0) -> None:
        self.comparisons += 1
        self.wrong += wrong
        self.count += count
        self.bar = allowed

    def text(self) -> tuple[str, str]:
        if self.count:
            return f"{self.wrong:,} of {self.count:,} differ", (
                f"{100 * self.bar:g} %" if self.bar else "equal"
            )
        return f"{self.difference:.2g}", f"{self.bar:.2g}"


Key = tuple[str, str, str]


def with_version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return package


def run(command: list[str]) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-3000:]}\n{done.stderr[-2000:]}")


def live(rows: dict[Key, Row], folder: Path) -> None:
    report = folder / "pytest.xml"
    run([sys.executable, "-m", "pytest", "-q", "-m", "parity", f"--junitxml={report}"])
    for found in xml.parse(report).iter("property"):
        if found.get("name") != "parity":
            continue
        module, what, package, measured = json.loads(str(found.get("value")))
        row = rows.setdefault((module, what, with_version(package)), Row())
        if "count" in measured:
            row.add_count(measured["wrong"], measured["count"], measured["bar"])
        else:
            row.add(measured["difference"], measured["bar"])


def properties(binary: Path, report: Path) -> list[tuple[str, str]]:
    run(
        [str(binary), f"--gtest_output=json:{report}", "--gtest_brief=1", f"--gtest_filter={TESTS}"]
    )
    found = []
    for suite in json.loads(report.read_text())["testsuites"]:
        for test in suite["testsuite"]:
            found += [(name, value) for name, value in test.items() if isinstance(value, str)]
    return found


def kept(rows: dict[Key, Row], build: Path, folder: Path) -> None:
    measured = {
        name: properties(build / f"tests/test_{name}", folder / f"{name}.json")
        for name in {binary for binary, *_ in KEPT}
    }
    for binary, match, *key in KEPT:
        row = rows.setdefault((key[0], key[1], key[2]), Row())
        for name, value in measured[binary]:
            if not re.fullmatch(match, name):
                continue
            if count := re.fullmatch(r"(\d+) of (\d+) differ", value):
                row.add_count(int(count[1]), int(count[2]))
            elif number := re.fullmatch(r"([-+.\de]+) ([-+.\de]+)", value):
                row.add(float(number[1]), float(number[2]))
        if row.comparisons == 0:
            sys.exit(f"test_{binary} measured nothing that is called {match}")


def page(rows: dict[Key, Row]) -> str:
    text = INTRO.format(cpu=torch.backends.cpu.get_cpu_capability(), torch=torch.__version__)
    modules = list(dict.fromkeys(module for module, _, _ in rows))
    for key, row in sorted(rows.items(), key=lambda item: modules.index(item[0][0])):
        text += f"| {' | '.join([*key, *row.text(), str(row.comparisons)])} |\n"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", type=Path, default=ROOT / "build/release")
    args = parser.parse_args()
    rows: dict[Key, Row] = {}
    with tempfile.TemporaryDirectory() as folder:
        live(rows, Path(folder))
        kept(rows, args.build.resolve(), Path(folder))
    PAGE.write_text(page(rows))
    print(f"{PAGE.relative_to(ROOT)}: {len(rows)} rows")


if __name__ == "__main__":
    main()
