"""The cases: each fills tables from runs in which its contenders take turns."""

import dataclasses
import sys
from collections.abc import Callable

from ..contenders import Contenders
from ..figures import Table
from ..load import Load
from ..sizes import Sizes

# How long a run may take: some thirty times what it should on the machine that the sizes were made on.
RUN_SECONDS = 300


@dataclasses.dataclass
class Bench:
    """What a case works with."""

    contenders: Contenders
    load: Load
    sizes: Sizes
    rounds: int
    tables: list[Table]

    def table(self, case, *contenders):
        table = Table(case, list(contenders))
        self.tables.append(table)
        return table

    def runs(self, table):
        """Each round each contender, in turns."""
        for number in range(1, self.rounds + 1):
            for contender in table.contenders:
                print(f"{table.case}: {contender}, round {number} of {self.rounds}", file=sys.stderr, flush=True)
                yield contender


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    what: str
    run: Callable[[Bench], None]
