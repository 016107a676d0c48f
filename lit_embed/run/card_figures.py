"""What a model card says of a model's quality: figures that the run or an evaluation left in files, as tables of Markdown."""

import csv
import json
import re
from pathlib import Path

from lit_embed.run.run_folder import METRICS

RESULT = "result.json"
A_FIGURE = re.compile(r"@|spearman|pearson|accuracy|precision|f1")      # of metrics.csv; other columns are losses and speeds


def result_of(run: Path) -> dict:
    """What the run's report wrote; empty where there is none."""
    return json.loads((run / RESULT).read_text(encoding="utf8")) if (run / RESULT).is_file() else {}


def figures(run: Path) -> str:
    """Each figure before and after, from result.json, else the first and the last value in metrics.csv; "" without either."""
    result = result_of(run)
    before, after = result.get("before") or {}, result.get("after") or {}
    said = "before the first step and after the last"
    if not after and (run / METRICS).is_file():
        values, said = _logged(run / METRICS), "the first and the last that were logged"
        before, after = ({name: own[place] for name, own in values.items()} for place in (0, -1))
    rows = [(name, _number(before.get(name)), _number(value)) for name, value in after.items()]
    return f"## Figures\n\nOf the run's own evaluations, {said}.\n\n{table(('figure', 'before', 'after'), rows)}" if rows else ""


def _logged(file: Path) -> dict[str, list[float]]:
    with open(file, encoding="utf8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    names = [name for name in (rows[0] if rows else {}) if A_FIGURE.search(name)]
    values = {name: [float(row[name]) for row in rows if row[name]] for name in names}
    return {name: own for name, own in values.items() if own}


def evaluated(result: dict) -> str:
    """The systems of `lit-embed evaluate --json`, each figure with its 95 % interval."""
    names = list(dict.fromkeys(name for system in result["systems"].values() for name in system["intervals"]))
    rows = [(system, *(_with_interval(own, name) for name in names)) for system, own in result["systems"].items()]
    return (f"## Evaluation\n\n{result['questions']} questions over {result['passages']} passages of {Path(result['data']).name} "
            f"(`lit-embed evaluate`; dense: this model), 95 % bootstrap intervals over the questions.\n\n"
            + table(("system", *names), rows))


def _with_interval(figures: dict, name: str) -> str:
    if figures.get(name) is None:
        return ""
    return f"{_number(figures[name])} [{', '.join(map(_number, figures['intervals'][name]))}]"


def table(names: tuple, rows: list[tuple]) -> str:
    lines = [names, ("---",) * len(names), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in lines)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
