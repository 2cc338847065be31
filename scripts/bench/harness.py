"""Interleaved timing of two ways to do one piece of work."""

import gc
import importlib
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SITE = ROOT / "build/bench-site"
MODULE = ROOT / "build/release/bench"


class Missing(Exception):
    """A peer is not installed or cannot do the work; its row is reported as not measured."""


@dataclass
class Case:
    """One row: the same work done by us and by a peer."""

    work: str
    peer: str  # with its version and settings
    threads: int
    bar: float  # smallest ratio (or rate, without a peer) that is good enough
    amount: float  # of `unit` done by one call
    unit: str
    ours: Callable[[], Any]
    theirs: Callable[[], Any] | None = None
    theirs_amount: float | None = None  # when one call of the peer's does less than ours
    before: Callable[[], Any] = lambda: None  # each call; not timed
    equality: str = ""  # what was compared, and the difference found
    roof: str = ""  # what the machine allows, measured now
    rounds: int = 9
    warmups: int = 1


@dataclass
class Settings:
    quick: bool = False
    folder: Path = ROOT / "build/bench"


def peer_module(name: str) -> Any:
    """A module of a peer, from .venv or build/bench-site."""
    if SITE.is_dir() and str(SITE) not in sys.path:
        sys.path.append(str(SITE))
    try:
        return importlib.import_module(name)
    except Exception as error:  # a wheel for another torch fails in many ways
        raise Missing(f"{name} cannot be imported: {error}".splitlines()[0]) from error


def own_module() -> Any:
    if str(MODULE) not in sys.path:
        sys.path.insert(0, str(MODULE))
    try:
        return importlib.import_module("mmi_bench")
    except ImportError as error:
        sys.exit(f"bench: {MODULE}/mmi_bench.so: {error}; bash scripts/setup.sh builds it")


def seconds(call: Callable[[], Any], before: Callable[[], Any] = lambda: None) -> float:
    before()
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def fastest(call: Callable[[], Any], times: int = 5) -> float:
    """Seconds of the fastest of some calls: for roofs."""
    call()
    return min(seconds(call) for _ in range(times))


def measure(case: Case, quick: bool) -> dict[str, Any]:
    """Runs ours, theirs, ours, theirs, …; a ratio above 1 means that we are faster."""
    rounds = 3 if quick else case.rounds
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(case.warmups):
        case.ours()
        if case.theirs:
            case.theirs()
    gc.collect()
    for _ in range(rounds):
        ours.append(seconds(case.ours, case.before))
        if case.theirs:
            theirs.append(seconds(case.theirs, case.before))
    row: dict[str, Any] = {"work": case.work, "peer": case.peer, "threads": case.threads}
    part = case.theirs_amount or case.amount
    if case.theirs:
        values = [b / a * case.amount / part for a, b in zip(ours, theirs, strict=True)]
        row |= {"ratio": statistics.median(values)}
    else:
        values = [case.amount / a for a in ours]
        row |= {"rate": statistics.median(values)}
    good = statistics.median(values) >= case.bar
    row |= {
        "lo": min(values),
        "hi": max(values),
        "bar": case.bar,
        "verdict": "met" if good else "missed",
    }
    row |= {"ours": case.amount / statistics.median(ours)}
    if case.theirs:
        row |= {"theirs": part / statistics.median(theirs)}
    row |= {"unit": case.unit, "rounds": rounds, "equality": case.equality, "roof": case.roof}
    return {key: round(v, 3) if isinstance(v, float) else v for key, v in row.items()}


Work = Callable[[Settings], Iterator[Case]]
WORKS: dict[str, Work] = {}


def work(function: Work) -> Work:
    """Adds a generator of cases under its name."""
    WORKS[function.__name__] = function
    return function


@dataclass
class Table:
    """Figures of ours alone, without peer or bar."""

    title: str
    note: str
    columns: list[str]
    rows: list[list[str]]


TABLES: dict[str, Callable[[Settings], Table]] = {}


def table(function: Callable[[Settings], Table]) -> Callable[[Settings], Table]:
    """Adds what makes a table under its name."""
    TABLES[function.__name__] = function
    return function
