"""Whole numbers near a plausible city that meet every printed figure at once.

A city is an array of cells (county x month x kind). Each figure is an interval for a weighted sum of cells. Cells that no
figure tells apart form one group; the totals of the groups are found by an integer programme, and every total is spread
over its cells in proportion to what is plausible.
"""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from scripts.synthetic_city.figures import FiguresError

SEARCH_NODES = 20_000  # a limit in nodes, not seconds: the same city on a fast and a slow machine
FEW_GROUPS = (
    40  # up to here the nearest solution is sought; beyond, any that is near: proving it the nearest may take hours
)


@dataclass(frozen=True)
class Constraint:
    """low <= sum(coefficients * cells) <= high, all whole numbers; None is no bound."""

    cells: np.ndarray
    coefficients: np.ndarray
    low: int | None
    high: int | None
    figures: tuple[str, ...]

    @classmethod
    def total(cls, cells: np.ndarray, low: int | None, high: int | None, *figures: str) -> "Constraint":
        """A plain sum of cells between two bounds."""
        return cls(np.asarray(cells), np.ones(len(cells), np.int64), low, high, figures)

    def activity(self, values: np.ndarray) -> int:
        """The weighted sum in exact arithmetic."""
        return sum(int(c) * int(v) for c, v in zip(self.coefficients, values[self.cells], strict=True))


@dataclass(frozen=True)
class Groups:
    """Cells that every constraint treats alike: their number, total and the group of each cell."""

    of_cell: np.ndarray
    totals: np.ndarray


def solve_groups(prior: np.ndarray, constraints: list[Constraint], most: np.ndarray | None = None) -> Groups:
    """Find whole totals near the prior.

    Args:
        prior: plausible value of each of n cells; 0 means the cell must stay 0.
        constraints: what the figures ask.
        most: largest total a cell may have (n), or None.
    Raises: FiguresError, naming the figures that contradict each other.
    """
    alive = prior > 0
    matrix = _coefficients(constraints, len(prior))
    matrix[:, ~alive] = 0
    _, of_cell = np.unique(np.vstack([matrix, alive]), axis=1, return_inverse=True)
    of_cell = of_cell.ravel()
    size = of_cell.max() + 1
    first_cell = np.array([np.flatnonzero(of_cell == group)[0] for group in range(size)])
    grouped = matrix[:, first_cell]
    start = np.bincount(of_cell, prior, size)
    highest = np.full(size, np.inf) if most is None else np.bincount(of_cell, most, size)
    highest[~alive[first_cell]] = 0
    totals = np.rint(start).astype(np.int64)
    _, component = connected_components(_adjacency(grouped), directed=False)
    for part in np.unique(component):
        groups = np.flatnonzero(component == part)
        rows = np.flatnonzero(grouped[:, groups].any(axis=1))
        if len(rows):
            asked = [constraints[i] for i in rows]
            totals[groups] = _solve_part(start[groups], highest[groups], grouped[np.ix_(rows, groups)], asked)
    for i, constraint in enumerate(constraints):  # what no live cell can serve
        if not grouped[i].any() and (
            (constraint.low or 0) > 0 or (constraint.high is not None and constraint.high < 0)
        ):
            raise _contradiction([constraint])
    return Groups(of_cell, totals)


def _coefficients(constraints: list[Constraint], cells: int) -> np.ndarray:
    matrix = np.zeros((len(constraints), cells))
    for i, constraint in enumerate(constraints):
        matrix[i, constraint.cells] = constraint.coefficients
    return matrix


def _adjacency(matrix: np.ndarray) -> csr_array:
    pattern = csr_array((matrix != 0).astype(np.int64))
    return pattern.T @ pattern


def _solve_part(start: np.ndarray, highest: np.ndarray, matrix: np.ndarray, asked: list[Constraint]) -> np.ndarray:
    low = np.array([-np.inf if c.low is None else c.low for c in asked], float)
    high = np.array([np.inf if c.high is None else c.high for c in asked], float)
    attempts = []
    if np.isin(matrix, (0, 1)).all():
        near = np.rint(np.minimum(_rake(start, matrix, low, high), highest))
        attempts.append(lambda: _nearest(near, highest, matrix, low, high, reach=1000))
    attempts.append(lambda: _nearest(np.rint(np.minimum(start, highest)), highest, matrix, low, high, reach=None))
    for attempt in attempts:
        values = attempt()
        if values is not None and _meets(values, matrix, asked):
            return values
    raise _contradiction(asked)


def _rake(start: np.ndarray, matrix: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Scale the groups of each violated sum in turn (iterative proportional fitting) until all sums fit, or 500 rounds."""
    values = np.maximum(start, 1e-9)
    members = [np.flatnonzero(row) for row in matrix]
    bounded = np.isfinite(low) & np.isfinite(high)
    width = np.where(
        bounded,
        np.where(bounded, high, 0) - np.where(bounded, low, 0),
        0.05 * np.abs(np.where(np.isfinite(low), low, 0)),
    )
    inner_low = np.where(np.isfinite(low), low + 0.3 * width, -np.inf)
    inner_high = np.where(np.isfinite(high), high - 0.3 * width, np.inf)
    for _ in range(500):
        moved = 0.0
        for i, groups in enumerate(members):
            total = values[groups].sum()
            wanted = min(max(total, inner_low[i]), inner_high[i])
            if total > 0 and wanted != total:
                values[groups] *= wanted / total
                moved = max(moved, abs(wanted - total))
        if moved < 0.01:
            break
    return values


def _nearest(
    near: np.ndarray, highest: np.ndarray, matrix: np.ndarray, low: np.ndarray, high: np.ndarray, reach: int | None
) -> np.ndarray | None:
    """Whole values with the least relative distance from `near`: variables are the steps up and down from it."""
    size = len(near)
    offset = matrix @ near
    scale = np.minimum(1.0 / np.maximum(near, 1.0), 1.0)
    down = near if reach is None else np.minimum(near, reach)
    up = np.maximum(highest - near, 0) if reach is None else np.minimum(np.maximum(highest - near, 0), reach)
    steps = csr_array(np.hstack([matrix, -matrix]))
    result = milp(
        c=np.concatenate([scale, scale]),
        integrality=np.ones(2 * size),
        bounds=Bounds(0, np.concatenate([np.minimum(up, 10 * near.sum() + 1e6), down])),
        constraints=LinearConstraint(steps, low - offset, high - offset),
        options={"node_limit": SEARCH_NODES, "mip_rel_gap": 0.02 if size <= FEW_GROUPS else 1.0},
    )
    if result.x is None:
        return None
    return (near + np.rint(result.x[:size]) - np.rint(result.x[size:])).astype(np.int64)


def _meets(values: np.ndarray, matrix: np.ndarray, asked: list[Constraint]) -> bool:
    for i, constraint in enumerate(asked):
        total = sum(int(matrix[i, g]) * int(values[g]) for g in np.flatnonzero(matrix[i]))
        if (constraint.low is not None and total < constraint.low) or (
            constraint.high is not None and total > constraint.high
        ):
            return False
    return bool((values >= 0).all())


def _contradiction(asked: list[Constraint]) -> FiguresError:
    names = sorted({name for constraint in asked for name in constraint.figures})
    return FiguresError(
        [f"figures {', '.join(names)}: no whole numbers meet them together; check these rows against each other"]
    )


def spread(groups: Groups, weights: np.ndarray, most: np.ndarray | None = None) -> np.ndarray:
    """Spread every group's total over its cells by weight with largest remainders, at most `most` a cell if there is room.

    Returns: n whole numbers; the sum over each group is its total.
    """
    values = np.zeros(len(groups.of_cell), np.int64)
    for group, total in enumerate(groups.totals):
        cells = np.flatnonzero(groups.of_cell == group)
        if total:
            values[cells] = largest_remainder(int(total), weights[cells], None if most is None else most[cells])
    return values


def largest_remainder(total: int, weights: np.ndarray, most: np.ndarray | None = None) -> np.ndarray:
    """Whole numbers proportional to the weights that add up to the total; capped by `most` where the caps have room."""
    weights = np.asarray(weights, float)
    if weights.sum() <= 0:
        weights = np.ones(len(weights))
    share = total * (weights / weights.sum())
    parts = np.floor(share).astype(np.int64)
    if most is not None and most.sum() >= total:
        parts = np.minimum(parts, most)
        while (missing := total - int(parts.sum())) > 0:
            room = np.flatnonzero(parts < most)
            order = room[np.argsort(-(share - parts)[room], kind="stable")]
            parts[order[:missing]] += 1
        return parts
    missing = total - int(parts.sum())
    parts[np.argsort(-(share - parts), kind="stable")[:missing]] += 1
    return parts
