"""The gates themselves: what the layer lint refuses, and that a stage without tests is red."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def lint(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts/lint_layers.py"), str(root)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def write(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text + "\n")


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("src/io/wav.cpp", '#include "mmi/tensor/tensor_dict.h"'),
        ("src/music/roll.cpp", '#include "mmi/dsp/stft.h"'),
        ("src/models/vatt/model.cpp", '#include "mmi/models/audeo/recordings.h"'),
        ("src/train/trainer.cpp", '#include "mmi/models/audeo/recordings.h"'),
        ("src/runs/store.cpp", '#include "nn/private.h"'),
        ("src/base/log.cpp", "#include <torch/types.h>"),
        ("include/mmi/io/wav.h", "#include <ATen/ATen.h>"),
        ("include/mmi/nn/layers.h", "#include <torch/torch.h>"),
        ("src/nn/kernel.cpp", "#include <cuda_runtime.h>"),
        ("src/nn/state.cpp", 'auto weights = torch::load(archive, "x");'),
        ("src/kitchen/pot.cpp", "int pot = 1;"),
    ],
)
def test_layer_lint_names_file_and_line(tmp_path: Path, name: str, line: str) -> None:
    write(tmp_path, "src/nn/private.h", "int x;")
    write(tmp_path, name, line)
    result = lint(tmp_path)
    assert result.returncode == 1
    assert result.stdout.startswith(f"{name}:1: ")
    assert "1 findings" in result.stdout


def test_layer_lint_accepts_lower_rooms_own_private_headers_and_comments(tmp_path: Path) -> None:
    write(tmp_path, "src/nn/private.h", "int x;")
    write(
        tmp_path,
        "src/nn/state.cpp",
        '#include "nn/private.h"\n#include "mmi/tensor/tensor_dict.h"\n#include <torch/torch.h>\n'
        '// #include "mmi/runs/store.h"\n/* torch::load(x) */',
    )
    result = lint(tmp_path)
    assert (result.returncode, result.stdout) == (0, "layers: 2 files, 0 findings\n")


def suites(log: str, status: int) -> str:
    """A stage whose ctest, which is not run, has left this log."""
    folder = "build/x/Testing/Temporary"
    return (
        f"mkdir -p {folder}; printf '{log}\\n' >{folder}/LastTest.log\n"
        f"ctest() {{ return {status}; }}; run_ctest build/x"
    )


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("echo fine", "1 0"),
        ("false; echo unreachable", "0 1"),
        (suites("[  PASSED  ] 7 tests.\\n[  PASSED  ] 5 tests.", 0), "12 0"),
        (suites("[  PASSED  ] 9 tests.\\n[  FAILED  ] 3 tests, listed below:", 8), "9 3"),
        (suites("No tests were found!!!", 8), "0 1"),
        ("echo '2 failed, 5 passed in 0.1s'; exit 1", "5 2"),
        ("echo 'no tests ran in 0.01s'; exit 5", "0 1"),
    ],
)
def test_stage_counts_what_its_log_says(tmp_path: Path, body: str, verdict: str) -> None:
    script = (
        f"set -euo pipefail; source {ROOT}/scripts/stages.sh; mkdir -p build/logs\n"
        f"stage_x() {{ {body}; }}\n"
        'run_stage x >/dev/null; echo "$passed $failed"'
    )
    result = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.stdout.strip() == verdict, result.stderr
