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
    target: Target | None = None
    rounds: list[dict[str, float]] = dataclasses.field(default_factory=list)

    def median(self, contender):
        values = [each[contender] for each in self.rounds if contender in each]
        return statistics.median(values) if values else None

    def ratios(self, contender, limit):
        """Of each round; a round is as quiet or noisy for the one as for the other."""
        return [each[contender] / each[limit] for each in self.rounds if contender in each and each.get(limit)]


class Table:
    """The measures of a case. Of its contenders the last is the one that is judged, the first what it is held against."""

    def __init__(self, case, contenders):
        self.case = case
        self.contenders = contenders
        self.measures = {}

    def add(self, name, unit, contender, value, target=None):
        measure = self.measures.setdefault(name, Measure(name, unit, target))
        # A contender that is there already begins a new round.
        if not measure.rounds or contender in measure.rounds[-1]:
            measure.rounds.append({})
        measure.rounds[-1][contender] = value

    def result(self, measure):
        """What is shown, and what goes into the JSON file."""
        judged, limit = self.contenders[-1], self.contenders[0]
        ratios = measure.ratios(judged, limit) if judged != limit else []
        ratio = statistics.median(ratios) if ratios else None
        judged_value = ratio if measure.target and measure.target.of_ratio else measure.median(judged)
        is_met = measure.target.is_met_by(judged_value) if measure.target and judged_value is not None else None
        spread = ratios or [each[judged] for each in measure.rounds if judged in each]
        return {
            "measure": measure.name, "unit": measure.unit,
            "median": {contender: measure.median(contender) for contender in self.contenders},
            "ratio": ratio,
            "spread": [min(spread), max(spread)] if spread else None,
            "target": str(measure.target) if measure.target else None, "met": is_met,
            "rounds": measure.rounds,
        }

    def results(self):
        return [self.result(measure) for measure in self.measures.values()]

    def lines(self):
        """Markdown, aligned for a terminal."""
        has_ratio = len(self.contenders) > 1
        head = ["", *self.contenders, *(["ratio"] if has_ratio else []), "min-max", "target", "met"]
        rows = [head]
        for result in self.results():
            figures = [figure(result["median"][contender], result["unit"]) for contender in self.contenders]
            ratio = [compact(result["ratio"]) if result["ratio"] is not None else ""] if has_ratio else []
            spread = "-".join(compact(value) for value in result["spread"]) if result["spread"] else ""
            met = {None: "", True: "yes", False: "NO"}[result["met"]]
            rows.append([result["measure"], *figures, *ratio, spread, result["target"] or "", met])
        widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
        rows.insert(1, ["-" * width for width in widths])
        return [
            "| " + " | ".join(
                cell.ljust(width) if column == 0 or row is rows[1] else cell.rjust(width)
                for column, (cell, width) in enumerate(zip(row, widths))
            ) + " |"
            for row in rows
        ]


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


def figure(value, unit):
    return "" if value is None else f"{compact(value)} {unit}".strip()
