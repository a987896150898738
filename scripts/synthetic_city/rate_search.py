"""Whole cremations and deaths for many printed rates at once, by candidates.

A rate with two decimals leaves about one pair of whole numbers in four for a few thousand deaths, so rounding a plausible
city does not work, and an integer programme over all counties may search for hours. Here every county gets a list of
solutions of its own rates, from the shortest period to the longest, and the city's rates choose among them.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from scripts.synthetic_city.allocation import largest_remainder

CANDIDATES = 60  # solutions kept for each county
POOL = 600  # solutions kept for a period inside a longer one that has a rate, too
COMBINATIONS = 400_000  # combinations tried where every part of a period has its own rate
ROUNDS = 400  # pairs of counties looked at to meet the rates of the city
NO_LIMIT = 10**12


@dataclass(frozen=True)
class Row:
    """What the figures of one period ask: low < 100 * cremations / deaths < high, and bounds of both counts."""

    atoms: frozenset[int]
    low: Fraction = Fraction(-1)
    high: Fraction = Fraction(10**6)
    cremations: tuple[int, int] = (0, NO_LIMIT)
    deaths: tuple[int, int] = (0, NO_LIMIT)

    def allowed(self, deaths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Fewest and most cremations for each number of deaths; fewest exceeds most where there is none."""
        fewest = deaths * self.low.numerator // (100 * self.low.denominator) + 1
        most = -(-deaths * self.high.numerator // (100 * self.high.denominator)) - 1
        fewest, most = np.maximum(fewest, self.cremations[0]), np.minimum(most, self.cremations[1])
        if self.low >= 0 or self.high < 10**6:  # a rate has at least one death
            most = np.where(deaths < 1, -1, most)
        outside = (deaths < self.deaths[0]) | (deaths > self.deaths[1])
        return fewest, np.where(outside, -1, most)

    def miss(self, cremations: np.ndarray, deaths: np.ndarray) -> np.ndarray:
        """How far from allowed, in cases; 0 where it holds."""
        fewest, most = self.allowed(np.clip(deaths, self.deaths[0], self.deaths[1]))
        far = np.maximum(self.deaths[0] - deaths, 0) + np.maximum(deaths - self.deaths[1], 0)
        gap = np.where(most < fewest, 1, np.maximum(fewest - cremations, 0) + np.maximum(cremations - most, 0))
        return gap + far


def merge_rows(rows: list[Row]) -> list[Row]:
    """One row for each period, the shortest first."""
    merged: dict[frozenset[int], Row] = {}
    for row in rows:
        other = merged.get(row.atoms, Row(row.atoms))
        merged[row.atoms] = Row(
            row.atoms,
            max(row.low, other.low),
            min(row.high, other.high),
            (max(row.cremations[0], other.cremations[0]), min(row.cremations[1], other.cremations[1])),
            (max(row.deaths[0], other.deaths[0]), min(row.deaths[1], other.deaths[1])),
        )
    return sorted(merged.values(), key=lambda row: (len(row.atoms), sorted(row.atoms)))


@dataclass
class Block:
    """Solutions of some atoms: cremations and deaths by (solution, atom of the unit)."""

    atoms: frozenset[int]
    cremations: np.ndarray
    deaths: np.ndarray


def unit_candidates(
    rows: list[Row], cremations: np.ndarray, deaths: np.ndarray, generator: np.random.Generator
) -> Block | None:
    """Solutions of one unit's rows near the plausible counts, the nearest first.

    Args:
        rows: periods that contain each other or have nothing in common, the shortest first.
        cremations, deaths: plausible counts of each atom.
    Returns: None where none was found.
    """
    count = len(deaths)
    blocks: list[Block] = []
    for row in merge_rows(rows):
        inside = [block for block in blocks if block.atoms <= row.atoms]
        if any(block.atoms & row.atoms for block in blocks if block not in inside):
            return None  # periods that overlap are left to the integer programme
        rest = np.array(sorted(row.atoms - frozenset().union(*(block.atoms for block in inside))), np.int64)
        is_part = any(row.atoms < other.atoms for other in rows)
        found = _combine(row, inside, rest, cremations, deaths, generator, POOL if is_part else CANDIDATES)
        if found is None:
            return None
        blocks = [block for block in blocks if block not in inside] + [found]
    free = np.array(sorted(set(range(count)) - {atom for block in blocks for atom in block.atoms}), np.int64)
    picks = np.arange(CANDIDATES)
    result = Block(
        frozenset(range(count)), np.zeros((CANDIDATES, count), np.int64), np.zeros((CANDIDATES, count), np.int64)
    )
    wobble = generator.normal(0, 1, (2, CANDIDATES, len(free))) * (picks > 0)[None, :, None]
    result.deaths[:, free] = np.maximum(np.rint(deaths[free] + wobble[0] * np.sqrt(deaths[free] + 1)), 0)
    share = np.rint(cremations[free] + wobble[1] * np.sqrt(cremations[free] + 1))
    result.cremations[:, free] = np.clip(share, 0, result.deaths[:, free])
    for block in blocks:
        at = picks % len(block.deaths)
        result.cremations += block.cremations[at]
        result.deaths += block.deaths[at]
    return result


def _combine(
    row: Row, inside: list[Block], rest: np.ndarray, cremations: np.ndarray, deaths: np.ndarray,
    generator: np.random.Generator, keep: int,
) -> Block | None:  # fmt: skip
    count = len(deaths)
    tries = 1 if not inside else 400 if len(rest) else COMBINATIONS
    picks = [generator.integers(0, len(block.deaths), tries) for block in inside]
    for pick in picks:
        pick[0] = 0
    base_cremations = sum(
        (b.cremations[p] for b, p in zip(inside, picks, strict=True)), np.zeros((tries, count), np.int64)
    )
    base_deaths = sum((b.deaths[p] for b, p in zip(inside, picks, strict=True)), np.zeros((tries, count), np.int64))
    if not len(rest):
        fewest, most = row.allowed(base_deaths.sum(axis=1))
        total = base_cremations.sum(axis=1)
        good = np.flatnonzero((fewest <= total) & (total <= most))[:keep]
        return Block(row.atoms, base_cremations[good], base_deaths[good]) if len(good) else None
    plausible, burnt = deaths[rest].sum(), cremations[rest].sum()
    middle = int(np.clip(round(plausible), row.deaths[0] - base_deaths[0].sum(), row.deaths[1] - base_deaths[0].sum()))
    reach = 12_000 // min(tries, 8)
    options = np.arange(max(middle - reach, 0), middle + reach)
    options = options[np.argsort(np.abs(options - middle), kind="stable")]
    fewest, most = row.allowed(base_deaths.sum(axis=1)[:, None] + options[None, :])
    base = base_cremations.sum(axis=1)[:, None]
    low, high = np.maximum(fewest - base, 0), np.minimum(most - base, options[None, :])
    which, option = np.nonzero(low <= high)
    if not len(which):
        return None
    wanted = np.rint(options[option] * (burnt / plausible if plausible else 0.5)).astype(np.int64)
    chosen = np.clip(wanted, low[which, option], high[which, option])
    order = np.argsort(np.abs(options[option] - middle) + np.abs(chosen - wanted), kind="stable")[:keep]
    result = Block(row.atoms, base_cremations[which[order]], base_deaths[which[order]])
    if len(rest) == 1:
        result.deaths[:, rest[0]], result.cremations[:, rest[0]] = options[option[order]], chosen[order]
        return result
    for solution, (total_deaths, total) in enumerate(zip(options[option[order]], chosen[order], strict=True)):
        parts = largest_remainder(int(total_deaths), deaths[rest])
        result.deaths[solution, rest] = parts
        result.cremations[solution, rest] = largest_remainder(int(total), parts, parts)
    return result


def choose(candidates: list[Block], rows: list[Row], generator: np.random.Generator) -> list[int] | None:
    """The candidate of each unit such that the city's rows hold.

    Args:
        rows: atoms are numbered alike in all units.
    Returns: None where no choice was found.
    """
    picked = [0] * len(candidates)
    rows = merge_rows(rows)
    if not rows:
        return picked
    sums = [
        [
            np.stack([b.cremations[:, sorted(row.atoms)].sum(1), b.deaths[:, sorted(row.atoms)].sum(1)])
            for b in candidates
        ]
        for row in rows
    ]
    totals = [sum(parts[u][:, picked[u]] for u in range(len(candidates))) for parts in sums]
    best = sum(int(row.miss(*total)) for row, total in zip(rows, totals, strict=True))
    for _ in range(ROUNDS):
        if best == 0:
            return picked
        one, two = generator.choice(len(candidates), 2, replace=False)
        cost = np.zeros((candidates[one].deaths.shape[0], candidates[two].deaths.shape[0]), np.int64)
        moved = []
        for row, parts, total in zip(rows, sums, totals, strict=True):
            without = total - parts[one][:, picked[one]] - parts[two][:, picked[two]]
            combined = without[:, None, None] + parts[one][:, :, None] + parts[two][:, None, :]
            cost += row.miss(*combined)
            moved.append(combined)
        first, second = np.unravel_index(int(cost.argmin()), cost.shape)
        if cost[first, second] <= best:
            best = int(cost[first, second])
            picked[one], picked[two] = int(first), int(second)
            totals = [combined[:, first, second] for combined in moved]
    return picked if best == 0 else None
