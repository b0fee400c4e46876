"""The figures that a bench finds, and how they are shown."""

import json
import pathlib
import shutil
import statistics
from typing import IO, Any, List, NamedTuple, Optional, Sequence


class Figure(NamedTuple):
    bench: str
    metric: str
    value: Optional[float]          # None: it could not be measured, and versus says why
    unit: str
    versus: str = ''                # what it is compared with
    ratio: Optional[float] = None   # value / that
    at_least: Optional[float] = None  # floor of the ratio
    at_most: Optional[float] = None
    aim: Optional[float] = None

    @property
    def met(self) -> str:
        if self.at_least is not None:
            return 'met' if self.ratio >= self.at_least else 'NOT MET'
        if self.at_most is not None:
            return 'met' if self.ratio <= self.at_most else 'NOT MET'
        return ''

    @property
    def floor(self) -> str:
        text = f'>= {self.at_least:g}' if self.at_least is not None else ''
        text = f'<= {self.at_most:g}' if self.at_most is not None else text
        return text + (f', aim {self.aim:g}' if self.aim is not None else '')


class Figures:
    """Collects figures, prints each bench as a table, and writes every figure as a line of JSON."""

    def __init__(self, json_path: Optional[pathlib.Path]) -> None:
        self._out: Optional[IO[str]] = json_path.open('w') if json_path else None
        self.all: List[Figure] = []

    def add(self, figure: Figure) -> None:
        self.all.append(figure)
        if self._out:
            fields = ('bench', 'metric', 'value', 'unit', 'versus', 'ratio')
            self._out.write(json.dumps({name: getattr(figure, name) for name in fields}) + '\n')
            self._out.flush()

    def show(self, bench: str) -> None:
        rows = [(one.metric, number(one.value), one.unit, one.versus, '' if one.ratio is None else number(one.ratio),
                 one.floor, one.met) for one in self.all if one.bench == bench]
        head = ('metric', 'value', 'unit', 'versus', 'ratio', 'floor', '')
        widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
        for row in [head, *rows]:
            cells = [text.rjust(width) if i in (1, 4) else text.ljust(width)
                     for i, (text, width) in enumerate(zip(row, widths))]
            print('  ' + '  '.join(cells).rstrip())
        print(flush=True)


class Bench:
    """What every bench gets: a folder of its own on a real disk, and where its figures go."""

    def __init__(self, name: str, folder: pathlib.Path, figures: Figures) -> None:
        self.name, self.folder, self._figures = name, folder, figures

    def figure(self, metric: str, value: float, unit: str, **more: Any) -> None:
        self._figures.add(Figure(self.name, metric, value, unit, **more))

    def missing(self, metric: str, reason: str) -> None:
        """Says why a figure is not there, where the bench goes on without it."""
        self._figures.add(Figure(self.name, metric, None, '', versus=reason))

    def fresh(self, name: str) -> pathlib.Path:
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder


def number(value: Optional[float]) -> str:
    """Three digits that count."""
    if value is None:
        return '-'
    if abs(value) >= 100:
        return f'{value:,.0f}'
    return f'{value:.3g}'


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def median_ratio(values: Sequence[float], others: Sequence[float]) -> float:
    """Of values measured in pairs: what disturbs the machine for a while disturbs both of a pair."""
    return median([value / other for value, other in zip(values, others)])
