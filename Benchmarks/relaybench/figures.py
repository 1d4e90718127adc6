"""What was measured: medians over the rounds, ratios of two things measured in the same round, and the tables."""

import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Target:
    """What the relay has to reach, in the ratio or in the figure itself."""

    bound: str  # ">=" or "<="
    value: float
    of_ratio: bool = False

    def is_met_by(self, value):
        return value >= self.value if self.bound == ">=" else value <= self.value

    def __str__(self):
        return f"{self.bound} {compact(self.value)}{'x' if self.of_ratio else ''}"


def at_least(value):
    return Target(">=", value)


def at_most(value):
    return Target("<=", value)


def ratio_at_least(value):
    return Target(">=", value, of_ratio=True)


def ratio_at_most(value):
    return Target("<=", value, of_ratio=True)


@dataclasses.dataclass
class Measure:
    """One figure of each contender, once in each round."""

    name: str
    unit: str
    target: Target | None
    is_compared: bool
    rounds: list[dict[str, float]] = dataclasses.field(default_factory=list)

    def values(self, contender):
        return [each[contender] for each in self.rounds if contender in each]

    def ratios(self, contender, limit):
        """Of each round; a round is as quiet or noisy for the one as for the other."""
        if contender == limit or not self.is_compared:
            return []
        return [each[contender] / each[limit] for each in self.rounds if contender in each and each.get(limit)]

    def is_met(self, contender, limit):
        values = self.ratios(contender, limit) if self.target and self.target.of_ratio else self.values(contender)
        return self.target.is_met_by(statistics.median(values)) if self.target and values else None


class Table:
    """Measures of a case. Of its contenders the last is the one that is judged, the first what it is held against."""

    def __init__(self, name, contenders, has_targets):
        self.name = name
        self.has_targets = has_targets
        self.contenders = contenders
        self.limit, self.judged = contenders[0], contenders[-1]
        self.measures = {}

    def add(self, name, unit, contender, value, target=None, is_compared=True):
        if not self.has_targets:
            target = None
        measure = self.measures.setdefault(name, Measure(name, unit, target, is_compared))
        # A contender that is there already begins a new round.
        if not measure.rounds or contender in measure.rounds[-1]:
            measure.rounds.append({})
        measure.rounds[-1][contender] = value

    def results(self):
        """What goes into the JSON file."""
        return [
            {
                "measure": measure.name, "unit": measure.unit,
                "median": {each: median(measure.values(each)) for each in self.contenders},
                "ratio": median(measure.ratios(self.judged, self.limit)),
                "target": str(measure.target) if measure.target else None,
                "met": measure.is_met(self.judged, self.limit),
                "rounds": measure.rounds,
            }
            for measure in self.measures.values()
        ]

    def row(self, measure):
        """The figures, with the spread of what is judged: of the ratio where there are two to compare."""
        figures = [median_with_unit(measure.values(each), measure.unit) for each in self.contenders]
        ratios = measure.ratios(self.judged, self.limit)
        if len(self.contenders) == 1:
            figures[0] += spread(measure.values(self.judged))
        else:
            figures.append(median_with_unit(ratios, "x") + spread(ratios))
        met = {None: "", True: "yes", False: "NO"}[measure.is_met(self.judged, self.limit)]
        return [measure.name, *figures, str(measure.target or ""), met]

    def lines(self):
        """Markdown, aligned for a terminal."""
        ratio = [] if len(self.contenders) == 1 else ["ratio"]
        head = [self.name, *self.contenders, *ratio, "target", "met"]
        return aligned([head, *(self.row(measure) for measure in self.measures.values())])


def lines_of_targets(tables):
    """The measures of all tables that have a target."""
    rows = [["", "limit", "relay", "ratio", "target", "met"]]
    for table in tables:
        for measure in table.measures.values():
            if measure.target is not None:
                name, *cells = table.row(measure)
                if len(table.contenders) == 1:
                    cells = ["", cells[0], "", *cells[1:]]
                rows.append([f"{table.name}: {name}", *cells])
    return aligned(rows)


def aligned(rows):
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    padded = [
        [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(rest, widths[1:]))]
        for first, *rest in [rows[0], rule, *rows[1:]]
    ]
    return [f"| {' | '.join(row)} |" for row in padded]


def median(values):
    return statistics.median(values) if values else None


def median_with_unit(values, unit):
    if not values:
        return ""
    separator = "" if unit == "x" else " "
    return f"{compact(statistics.median(values))}{separator}{unit}".strip()


def spread(values):
    return f" ({compact(min(values))} - {compact(max(values))})" if len(values) > 1 else ""


def compact(value):
    """Three digits, with k and M: 0.052, 1.3, 47, 12.3k, 1.05M."""
    for factor, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= 10 * factor or (letter == "M" and abs(value) >= factor):
            return f"{three_digits(value / factor)}{letter}"
    return three_digits(value)


def three_digits(value):
    if value == int(value) and abs(value) < 10_000:
        return str(int(value))
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"
