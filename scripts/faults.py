"""Kills, full disks and bad input: tries what libmmi promises when things go wrong.

kill     `kill -9` at every step of a commit, and at random ones, then `--resume auto`: the weights
         must equal those of an undisturbed training byte for byte, the log must be the same.
disk     EIO and ENOSPC at every step of a commit: one sentence, an exit code, nothing lost.
matrix   files, configurations and situations that are wrong: one sentence and an exit code each.
soak     2,000 steps with batches of random lengths: resident memory must not grow by 1 %.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent
MMI = SOURCE / ".venv/bin/mmi"
TOYS = SOURCE / "build/release/tests/toys"

# A training log has these besides what is computed.
TIMES = ("time", "examples_per_s", "data_wait_percent", "rss_mib")

LIMITS_S = 120


@dataclass
class Subject:
    """A training that is disturbed: two optimisers, two workers, killed within an epoch."""

    name: str
    yaml: str
    overrides: list[str] = field(default_factory=list)
    program: Path = TOYS
    module: str = ""  # Python source that registers its parts
    bar: tuple[str, float, float] = ("", 0, 0)  # metric, at least, at most
    needs: "Subject | None" = None


TWO_PHASES = Subject(
    "two phases, dropout",
    "task: {name: toy/two_phases, workers: 2, lr: 0.03}\n"
    "train: {max_steps: 64, eval_every: 15, save_every: 6, log_every: 2, ema: {decay: 0.9}}\n"
    "threads: 1\n",
    bar=("error", 0, 1.0),
)
GRID = Subject(
    "policy gradient",
    "task: {name: toy/grid}\ntrain: {max_steps: 100, eval_every: 50, save_every: 20}\nthreads: 1\n",
    bar=("success", 0.85, 1),
)
VIDEO2ROLL = Subject(
    "audeo/video2roll",
    f"defaults: [{SOURCE}/configs/audeo/video2roll.yaml]\n",
    ["preset=smoke", "threads=1", "task.loader.workers=2", "train.save_every=3"],
    MMI,
)
ROLL2MIDI = Subject(
    "audeo/roll2midi (GAN)",
    f"defaults: [{SOURCE}/configs/audeo/roll2midi.yaml]\n"
    f"needs: {{video2roll: {{config: {SOURCE}/configs/audeo/video2roll.yaml}}}}\n",
    ["preset=smoke", "threads=1", "task.loader.workers=2", "train.save_every=2"],
    MMI,
    needs=VIDEO2ROLL,
)
PYTHON = Subject(
    "a task in Python",
    "task: {name: python/sums, width: 16}\n"
    "train: {max_steps: 160, eval_every: 40, save_every: 30, log_every: 10}\nthreads: 1\n",
    program=MMI,
    bar=("error", 0, 0.1),
    module="""
import mmi
import torch
from torch import nn


class Sums:
    def __len__(self):
        return 64

    def __getitem__(self, index):
        x = torch.rand(4, generator=torch.Generator().manual_seed(index))
        return {"x": x, "y": x.sum(0, keepdim=True)}


@mmi.register("task", "python/sums")
class SumsTask:
    selection = ("error", False)
    fingerprint = "sums of four numbers"

    def __init__(self, *, seed, device, parents, width):
        self.loader = {"batch_size": 8, "workers": 2}
        self.module = nn.Sequential(
            nn.Linear(4, width),
            nn.BatchNorm1d(width),
            nn.Tanh(),
            nn.Dropout(0.1),
            nn.Linear(width, 1),
        )

    def batches(self, seed):
        return Sums()

    def phases(self):
        return [{"optimizer": {"lr": 0.03}}]

    def loss(self, phase, batch, step):
        return ((self.module(batch["x"]) - batch["y"]) ** 2).mean()

    def evaluate(self, split):
        x = torch.linspace(0, 1, 32).view(8, 4)
        return {"error": float(((self.module(x) - x.sum(1, keepdim=True)) ** 2).mean())}
""",
)

EVERYONE = [TWO_PHASES, GRID, PYTHON, VIDEO2ROLL, ROLL2MIDI]

Job = Callable[[], None]


class Report:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.counts: dict[str, int] = {}
        self.failures: list[str] = []
        self.start = time.monotonic()

    def case(self, kind: str, name: str, problems: list[str]) -> None:
        with self.lock:
            self._note(kind, name, problems)

    def _note(self, kind: str, name: str, problems: list[str]) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        if problems:
            self.failures.append(f"{kind}: {name}: " + "; ".join(problems))
            print(f"\nFAILED {self.failures[-1]}", file=sys.stderr)
        elif sys.stderr.isatty():
            done = sum(self.counts.values())
            print(f"\r{done} cases  {kind}: {name[:60]:<60}", end="", file=sys.stderr)


def run(
    program: Path,
    *args: str | Path,
    fault: str = "",
    cwd: Path | None = None,
    modules: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MMI_FAULT": fault}
    if modules is not None:
        environment["PYTHONPATH"] = str(modules)
    return subprocess.run(
        [program, *args],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=LIMITS_S,
    )


class Training:
    """One subject in a folder of its own."""

    def __init__(self, subject: Subject, root: Path, parents: Path | None = None) -> None:
        self.subject = subject
        self.root = root
        root.mkdir(parents=True)
        self.config = root / "config.yaml"
        self.config.write_text(subject.yaml)
        if subject.module:
            (root / "fault_parts.py").write_text(subject.module)
        if parents is not None:
            shutil.copytree(parents, root / "runs")

    def train(self, *more: str, fault: str = "") -> subprocess.CompletedProcess[str]:
        where = ["--runs", str(self.root / "runs"), "--quiet"]
        if self.subject.module:
            where += ["--import", "fault_parts"]
        arguments = ["train", str(self.config), *self.subject.overrides, *where, *more]
        return run(self.subject.program, *arguments, fault=fault, modules=self.root)

    @property
    def folder(self) -> Path:
        """The run that is disturbed: the parents are finished."""
        kind = "video2roll" if self.subject is VIDEO2ROLL else self.subject.name.split()[0]
        runs = [path.parent for path in self.root.glob("runs/*/*/config.yaml")]
        if self.subject.needs is not None:
            runs = [path for path in runs if kind.rsplit("/")[-1] in path.name]
        return runs[0]

    def outcome(self) -> tuple[str, list[dict[str, object]]]:
        last = self.folder / "checkpoints" / (self.folder / "checkpoints/last").read_text().strip()
        digest = hashlib.sha256((last / "model.safetensors").read_bytes())
        digest.update((last / "optim.safetensors").read_bytes())
        lines = []
        for line in (self.folder / "metrics.jsonl").read_text().splitlines():
            values = json.loads(line)
            lines.append({key: value for key, value in values.items() if key not in TIMES})
        return digest.hexdigest(), lines

    def half_checkpoints(self) -> list[str]:
        """Whatever bears a checkpoint's name is complete."""
        problems = []
        for step in self.root.glob("runs/*/*/checkpoints/step_*"):
            if ".tmp-" in step.name:
                continue
            try:
                files = json.loads((step / "manifest.json").read_text())["files"]
                for name, facts in files.items():
                    data = (step / name).read_bytes()
                    if len(data) != facts["bytes"] or zlib.crc32(data) != int(facts["crc32"], 16):
                        problems.append(f"{step.name}/{name} is damaged")
            except (OSError, ValueError, KeyError) as error:
                problems.append(f"{step.name} is incomplete: {error}")
        return problems

    def same_as(self, reference: "Training") -> list[str]:
        ours, theirs = self.outcome(), reference.outcome()
        problems = [] if ours[0] == theirs[0] else ["the weights differ"]
        return problems + ([] if ours[1] == theirs[1] else ["the logs differ"])

    def leftovers(self) -> list[str]:
        return [f"{p.name} is left over" for p in self.folder.rglob("*.tmp-*")]


def text_of(done: subprocess.CompletedProcess[str]) -> str:
    return " ".join((done.stderr or done.stdout).split())[-300:]


def reference_of(
    subject: Subject, root: Path, report: Report, parents: Path | None
) -> tuple[Training, list[str]]:
    """An undisturbed training, and the names of the fault points it passes, in order."""
    training = Training(subject, root / "reference", parents)
    trace = root / "trace"
    done = training.train(fault=f"trace:{trace}")
    problems = [] if done.returncode == 0 else [f"exit {done.returncode}: {text_of(done)}"]
    if not problems and subject.bar[0]:
        metric, low, high = subject.bar
        best = json.loads((training.folder / "run.json").read_text())["best"]["value"]
        print(f"{subject.name}: {metric} {best:.3f} (bar {low} … {high})")
        if not low <= best <= high:
            problems.append(f"{metric} is {best}")
    report.case("reference", subject.name, problems)
    if problems:
        raise SystemExit(f"{subject.name} does not train: {problems[0]}")
    print(
        f"{subject.name}: {hashlib.sha256(training.outcome()[0].encode()).hexdigest()[:12]} ",
        end="",
    )
    print(f"after an undisturbed training, {len(trace.read_text().split())} fault points passed")
    return training, trace.read_text().split()


def points(trace: list[str], rng: random.Random, each: int) -> Iterator[str]:
    """NAME@N: some passages of every kind of step."""
    for name in dict.fromkeys(trace):
        passages = range(1, trace.count(name) + 1)
        for n in sorted(rng.sample(passages, min(each, len(passages)))):
            yield f"{name}@{n}"


def kills(
    subject: Subject,
    root: Path,
    reference: tuple[Training, list[str]],
    report: Report,
    rng: random.Random,
    each: int,
    anywhere: int,
    parents: Path | None,
) -> list[Job]:
    undisturbed, trace = reference

    def one(name: str, point: str, again: str) -> None:
        training = Training(subject, root / name, parents)
        problems = []
        done = training.train(fault=f"{point}:kill")
        if done.returncode != -signal.SIGKILL:
            problems.append(f"was not killed: exit {done.returncode}")
        problems += training.half_checkpoints()
        if again:
            training.train("--resume", "auto", fault=f"{again}:kill")
            problems += training.half_checkpoints()
        done = training.train("--resume", "auto")
        if done.returncode != 0:
            problems.append(f"resume: exit {done.returncode}: {text_of(done)}")
        else:
            problems += training.same_as(undisturbed) + training.leftovers()
        report.case("kill", f"{subject.name} at {point}", problems)
        shutil.rmtree(training.root)

    chosen = list(points(trace, rng, each))
    passages = range(1, len(trace))
    chosen += [f"*@{n}" for n in sorted(rng.sample(passages, min(anywhere, len(passages))))]
    # Every third is killed once more on the way.
    return [
        partial(one, f"kill{i}", point, f"*@{rng.randrange(1, 40)}" if i % 3 == 2 else "")
        for i, point in enumerate(chosen)
    ]


def full_disks(
    subject: Subject,
    root: Path,
    reference: tuple[Training, list[str]],
    report: Report,
    rng: random.Random,
    each: int,
    actions: tuple[str, ...],
) -> list[Job]:
    undisturbed, trace = reference

    def one(name: str, point: str, action: str) -> None:
        training = Training(subject, root / name)
        done = training.train(fault=f"{point}:{action}")
        step = point.split("@")[0]
        problems = training.half_checkpoints() if list(training.root.glob("runs/*/*")) else []
        if step in ("log", "discard", "removal"):
            if done.returncode != 0:
                problems.append(f"exit {done.returncode}: {text_of(done)}")
            if step == "log" and "training goes on" not in done.stderr:
                problems.append("no warning")
        else:
            if done.returncode not in (3, 4):
                problems.append(f"exit {done.returncode}: {text_of(done)}")
            if str(training.root) not in done.stderr:
                problems.append(f"no path: {text_of(done)}")
            done = training.train()
            if done.returncode != 0:
                problems.append(f"resume: exit {done.returncode}: {text_of(done)}")
            else:
                problems += training.same_as(undisturbed)
            problems += training.leftovers()
        report.case("disk", f"{subject.name} at {point}, {action}", problems)
        shutil.rmtree(training.root)

    return [
        partial(one, f"disk{i}{action}", point, action)
        for i, point in enumerate(points(trace, rng, each))
        for action in actions
    ]


def expect(
    report: Report,
    name: str,
    done: subprocess.CompletedProcess[str],
    code: int,
    *texts: str,
) -> None:
    problems = [] if done.returncode == code else [f"exit {done.returncode} instead of {code}"]
    problems += [f'"{text}" is not said' for text in texts if text not in done.stderr]
    message = [line for line in done.stderr.splitlines() if line.startswith("mmi:")]
    if code not in (0, 130) and len(message) != 1:
        problems.append(f"{len(message)} sentences")
    report.case("matrix", name, problems + ([text_of(done)] if problems else []))


def bad_files(report: Report, root: Path, run_folder: Path) -> None:
    clip = root / "clip.mp4"
    source = ["-f", "lavfi", "-i", "testsrc=size=264x72:rate=25", "-t", "4"]
    subprocess.run(
        ["ffmpeg", "-loglevel", "error", *source, "-pix_fmt", "yuv420p", str(clip)], check=True
    )
    whole = clip.read_bytes()
    (root / "empty.mp4").write_bytes(b"")
    (root / "text.mp4").write_text("These are words, not pictures.\n" * 40)
    (root / "half.mp4").write_bytes(whole[: len(whole) // 2])
    (root / "zeros.mp4").write_bytes(bytes(5000))
    (root / "folder.mp4").mkdir()
    for name in ("empty", "text", "half", "zeros", "folder", "missing"):
        file = root / f"{name}.mp4"
        done = run(MMI, "generate", run_folder, "--input", file, "--out", root / "played")
        expect(report, f"{name}.mp4", done, 3, str(file))
        if list(root.glob("played*")):
            report.case("matrix", f"{name}.mp4 leaves nothing", ["files are left"])
    midi = root / "bad.mid"
    midi.write_bytes(b"MThd\x00\x00\x00\x06\x00\x01\xff\xff\x01\xe0MTrk\x7f\xff\xff\xff")
    request = ("--input", clip, "--crop", "none", "--out", root / "p")
    done = run(MMI, "generate", run_folder, *request, "--truth", midi)
    expect(report, "MIDI with an absurd track length", done, 3, str(midi))
    done = run(MMI, "generate", run_folder, "--input", clip, "--crop", "0,0,9999,10")
    expect(report, "crop outside the picture", done, 2, "9999")


def bad_weights(report: Report, root: Path) -> None:
    def file(name: str, header: bytes, length: int | None = None, data: bytes = b"") -> Path:
        path = root / f"{name}.safetensors"
        size = len(header) if length is None else length
        path.write_bytes(struct.pack("<Q", size) + header + data)
        return path

    tensor = b'{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
    cases = {
        "header of 2^63 bytes": file("long", b"{}", 1 << 63),
        "header longer than the file": file("cut", b"{}", 5000),
        "header that is no JSON": file("words", b"{words}"),
        "offsets beyond the file": file("beyond", tensor),
        "overlapping tensors": file(
            "overlap",
            b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
            b'"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}',
            data=bytes(12),
        ),
        "a shape that overflows": file(
            "overflow",
            b'{"w":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,8]}}',
            data=bytes(8),
        ),
        "an unknown type": file(
            "type", b'{"w":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}', data=bytes(8)
        ),
        "tensors of another model": file("other", tensor, data=bytes(8)),
        "an empty file": root / "empty.safetensors",
    }
    (root / "empty.safetensors").write_bytes(b"")
    (root / "toy.yaml").write_text("task: {name: toy/two_phases}\ntrain: {max_steps: 2}\n")
    for name, path in cases.items():
        where = ["--runs", root / "runs"]
        done = run(TOYS, "train", root / "toy.yaml", f"init.file={path}", *where)
        expect(report, f"weights: {name}", done, 4, str(path))


def bad_configurations(report: Report, root: Path) -> None:
    toy = "task: {name: toy/two_phases}\n"
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(9)
    )
    cases: dict[str, tuple[str, str]] = {
        "unknown key": (toy + "train: {max_stepz: 2}\n", "max_steps"),
        "wrong type": (toy + "train: {max_steps: many}\n", "max_steps"),
        "out of range": (toy + "train: {accumulate: 0}\n", "accumulate"),
        "unknown task": ("task: {name: toy/two_phase}\n", "toy/two_phases"),
        "no task": ("seed: 1\n", "task"),
        "duplicate key": (toy + "seed: 1\nseed: 2\n", "seed"),
        "a tag": (toy + "seed: !!python/object:os.system 1\n", ""),
        "deep nesting": (toy + "x: " + "[" * 5000 + "]" * 5000 + "\n", ""),
        "alias bomb": (toy + bomb, ""),
        "not UTF-8": (toy + "# \x80\n", ""),
        "no YAML": ("task: {name: [\n", ""),
        "two MiB": (toy + "# " + "x" * (2 << 20) + "\n", ""),
        "defaults in a circle": ("defaults: [defaults_in_a_circle.yaml]\n" + toy, ""),
        "needs in a circle": (
            toy + "needs: {me: {config: needs_in_a_circle.yaml}}\n",
            "needs_in_a_circle",
        ),
        "unmatched glob": (toy + "train: {freeze: ['nett.*'], max_steps: 1}\n", "nett"),
    }
    for name, (text, said) in cases.items():
        path = root / (name.replace(" ", "_") + ".yaml")
        path.write_bytes(text.encode("latin-1" if "UTF" in name else "utf-8"))
        done = run(TOYS, "train", path, "--runs", root / "runs")
        expect(report, f"configuration: {name}", done, 2, said)
    done = run(MMI, "trian", "x.yaml")
    expect(report, "unknown verb", done, 2, "train")


def situations(report: Report, root: Path) -> None:
    config = root / "toy.yaml"
    config.write_text("task: {name: toy/two_phases}\ntrain: {max_steps: 4, save_every: 2}\n")
    runs = ["--runs", str(root / "runs")]
    done = run(TOYS, "train", config, *runs)
    expect(report, "a plain training", done, 0)
    folder = Path(done.stdout.strip())

    other = root / "other.yaml"
    other.write_text("task: {name: toy/grid}\ntrain: {max_steps: 4}\n")
    step = folder / "checkpoints" / (folder / "checkpoints/last").read_text().strip()
    done = run(TOYS, "train", other, *runs, "--resume", step)
    expect(report, "a checkpoint of another run", done, 4, str(step), "toy/grid")
    done = run(TOYS, "train", other, *runs)
    grid = Path(done.stdout.strip())
    last = grid / "checkpoints" / (grid / "checkpoints/last").read_text().strip()
    shutil.rmtree(last)
    shutil.copytree(step, last)
    unfinished = json.loads((grid / "run.json").read_text()) | {"finished": False}
    (grid / "run.json").write_text(json.dumps(unfinished))
    done = run(TOYS, "train", other, *runs)
    expect(report, "a checkpoint of another model", done, 4, "missing", "unexpected")

    held = root / "held.yaml"
    held.write_text(
        "task: {name: toy/two_phases}\ntrain: {max_steps: 100000, save_every: 100000}\n"
    )
    first = subprocess.Popen(
        [TOYS, "train", held, *runs], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    lock = _wait(lambda: next((p for p in root.glob("runs/*/*/run.lock") if _locked(p)), None))
    done = run(TOYS, "train", held, *runs)
    expect(report, "a second writer", done, 4, str(first.pid), str(lock.parent))
    _wait(lambda: next(lock.parent.glob("metrics.csv"), None))
    time.sleep(0.5)
    first.send_signal(signal.SIGUSR1)
    _wait(lambda: next(lock.parent.glob("checkpoints/last"), None))
    report.case("matrix", "SIGUSR1 saves", [] if first.poll() is None else ["training ended"])
    first.send_signal(signal.SIGINT)
    _, errors = first.communicate(timeout=LIMITS_S)
    report.case(
        "matrix",
        "Ctrl-C",
        [] if first.returncode == 130 and "continues" in errors else [errors[-200:]],
    )
    resumed = subprocess.Popen(
        [TOYS, "train", held, *runs], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    _wait(lambda: _locked(lock) or None)
    time.sleep(0.3)
    resumed.send_signal(signal.SIGSTOP)  # both signals arrive within one step
    resumed.send_signal(signal.SIGTERM)
    resumed.send_signal(signal.SIGINT)
    resumed.send_signal(signal.SIGCONT)
    resumed.communicate(timeout=LIMITS_S)
    report.case(
        "matrix", "Ctrl-C twice", [] if resumed.returncode == 130 else [str(resumed.returncode)]
    )

    for name, setting in (("loss", "break_at=3"), ("gradient", "break_gradient_at=3")):
        done = run(TOYS, "train", config, f"task.{setting}", *runs)
        expect(report, f"a {name} that is not finite", done, 5, "step 3", "nan_step_3")
        done = run(TOYS, "train", config, f"task.{setting}", "train.on_nan=skip", *runs)
        expect(report, f"a {name} that is not finite, skipped", done, 0, "is skipped")


def _locked(path: Path) -> bool:
    """Looks only: taking the lock would disturb the training."""
    holder = re.compile(rf"FLOCK .*:{path.stat().st_ino} ")
    return bool(holder.search(Path("/proc/locks").read_text())) and path.stat().st_size > 0


def _wait(found: Callable[[], object]) -> Path:
    deadline = time.monotonic() + LIMITS_S
    while time.monotonic() < deadline:
        result = found()
        if result is not None:
            return result  # type: ignore[return-value]
        time.sleep(0.02)
    raise TimeoutError("what the case waits for did not happen")


def interrupted_data(report: Report, root: Path, rng: random.Random) -> None:
    """`mmi data make` is killed on the way and run again: the same files as without."""
    make = ["data", "make", "configs/audeo/video2roll.yaml", "preset=smoke", "--quiet", "--out"]

    def tree(folder: Path) -> dict[str, str]:
        files = (path for path in folder.rglob("*") if path.is_file())
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in files
        }

    trace = root / "trace"
    done = run(MMI, *make, root / "whole", fault=f"trace:{trace}", cwd=SOURCE)
    expect(report, "a dataset is made", done, 0)
    passages = len(trace.read_text().split())
    for n in sorted(rng.sample(range(1, passages), 3)):
        done = run(MMI, *make, root / f"part{n}", fault=f"*@{n}:kill", cwd=SOURCE)
        problems = [] if done.returncode == -signal.SIGKILL else [f"exit {done.returncode}"]
        done = run(MMI, *make, root / f"part{n}", cwd=SOURCE)
        problems += [] if done.returncode == 0 else [f"then exit {done.returncode}"]
        problems += [] if tree(root / f"part{n}") == tree(root / "whole") else ["files differ"]
        report.case("matrix", f"a dataset killed at file step {n} of {passages}", problems)
    expect(report, "a folder with other files", run(MMI, *make, root, cwd=SOURCE), 3, str(root))


def full_file_system(report: Report, root: Path) -> None:
    """A file system of one MiB that really fills up; needs root."""
    mount = root / "small"
    mount.mkdir()
    made = ["mount", "-t", "tmpfs", "-o", "size=640k", "tmpfs", str(mount)]
    if os.geteuid() != 0 or subprocess.run(made, capture_output=True).returncode != 0:
        print("a full file system: not tried (needs root and tmpfs)")
        return
    try:
        (mount / "toy.yaml").write_text(
            "task: {name: toy/two_phases}\ntrain: {max_steps: 40, save_every: 2}\n"
        )
        (mount / "ballast").write_bytes(bytes(610 << 10))
        done = run(TOYS, "train", mount / "toy.yaml", "--runs", mount / "runs")
        problems = [] if done.returncode in (3, 4) else [f"exit {done.returncode}"]
        if str(mount) not in done.stderr:
            problems.append("no path")
        (mount / "ballast").unlink()
        done = run(TOYS, "train", mount / "toy.yaml", "--runs", mount / "runs")
        problems += (
            [] if done.returncode == 0 else [f"then exit {done.returncode}: {text_of(done)}"]
        )
        report.case("matrix", "a full file system, then room", problems)
    finally:
        subprocess.run(["umount", str(mount)], check=True)


def soak(report: Report, root: Path) -> None:
    config = root / "soak.yaml"
    config.write_text(
        "task: {name: toy/lengths}\nthreads: 1\n"
        "train: {max_steps: 2200, log_every: 100, save_every: 500}\n"
    )
    done = run(TOYS, "train", config, "--runs", root / "runs", "--quiet")
    lines = (Path(done.stdout.strip()) / "metrics.jsonl").read_text().splitlines()
    memory = [value["rss_mib"] for value in map(json.loads, lines) if "rss_mib" in value]
    before, after = memory[1], memory[-1]  # steps 200 and 2,200
    growth = 100 * (after / before - 1)
    print(f"soak: {before:.1f} MiB after 200 steps, {after:.1f} after 2,200: {growth:+.2f} %")
    report.case("soak", "2,000 steps", [] if growth <= 1 else [f"{growth:.2f} % more memory"])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n  scripts/faults.sh --quick\n  scripts/faults.sh --only kill --seed 7",
    )
    parser.add_argument("--quick", action="store_true", help="a seeded share, at most a minute")
    parser.add_argument("--only", choices=["kill", "disk", "matrix", "soak"], help="one part")
    parser.add_argument("--seed", type=int, default=1, help="of the choice of kill points")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    report = Report()
    with tempfile.TemporaryDirectory(prefix="mmi-faults-") as name:
        root = Path(name)
        jobs: list[Job] = []
        if options.only not in ("matrix", "soak"):
            subjects = [TWO_PHASES] if options.quick else EVERYONE
            parents: Path | None = None
            for index, subject in enumerate(subjects):
                home = root / str(index)
                given = parents if subject.needs is not None else None
                reference = reference_of(subject, home, report, given)
                if subject is VIDEO2ROLL:
                    parents = reference[0].root / "runs"
                slow = subject.program == MMI
                each = 1 if options.quick else 2 if slow else 4
                anywhere = 2 if options.quick else 4 if slow else 16
                if options.only in (None, "kill"):
                    jobs += kills(subject, home, reference, report, rng, each, anywhere, given)
                if options.only in (None, "disk") and not slow:
                    actions = ("enospc",) if options.quick else ("eio", "enospc")
                    jobs += full_disks(subject, home, reference, report, rng, each, actions)
        if options.only in (None, "matrix"):
            trained = Training(VIDEO2ROLL, root / "trained")
            done = trained.train()
            expect(report, "a training to generate with", done, 0)
            jobs += [
                partial(situations, report, root / "situations"),
                partial(bad_files, report, root / "files", trained.folder),
                partial(interrupted_data, report, root / "data", random.Random(options.seed)),
                partial(bad_configurations, report, root / "configurations"),
                partial(bad_weights, report, root / "weights"),
                partial(full_file_system, report, root / "full"),
            ]
            for name in ("situations", "files", "data", "configurations", "weights", "full"):
                (root / name).mkdir()
        with ThreadPoolExecutor(max_workers=2) as pool:
            # The long ones first.
            for future in [pool.submit(job) for job in reversed(jobs)]:
                future.result()
        if options.only == "soak" or not (options.only or options.quick):
            soak(report, root)
    print()
    seconds = time.monotonic() - report.start
    cases = ", ".join(f"{count} {kind}" for kind, count in report.counts.items())
    print(f"{cases}; {len(report.failures)} failed; {seconds:.0f} s")
    for failure in report.failures:
        print(f"FAILED {failure}")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
