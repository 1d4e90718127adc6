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
    # Tiny sizes reach nothing.
    has_targets: bool
    # Of the tables only those with this in their names are filled.
    only: str = ""
    tables: list[Table] = dataclasses.field(default_factory=list)

    def table(self, name, *contenders):
        table = Table(name, list(contenders), self.has_targets)
        if self.only in name:
            self.tables.append(table)
        return table

    def runs(self, table):
        """Each round each contender, in turns."""
        rounds = self.rounds if self.only in table.name else 0
        for number in range(1, rounds + 1):
            for contender in table.contenders:
                print(f"{table.name}: {contender}, round {number} of {self.rounds}", file=sys.stderr, flush=True)
                yield contender


@dataclasses.dataclass(frozen=True)
class Case:
    name: str
    what: str
    run: Callable[[Bench], None]
