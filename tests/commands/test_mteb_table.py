"""A row a task, a column a model, the best in each row marked."""

import io

from rich.console import Console

from lit_embed.commands.mteb_table import table

ABOUT = {"mteb": "2.26.24", "data": [{"task": "SciFact", "splits": ["test"]}, {"task": "KLUE-STS", "splits": ["validation"]}],
         "models": {"a": {"seconds": {"SciFact": 12.4, "KLUE-STS": 1.0}}, "b": {"seconds": {"SciFact": 3.0, "KLUE-STS": 2.0}}}}
FIGURES = {"a": {"SciFact": {"main_score": 0.645}, "KLUE-STS": {"main_score": 0.8}},
           "b": {"SciFact": {"main_score": 0.7}, "KLUE-STS": {}}}


def lines(figures: dict) -> list[str]:
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(table(figures, ABOUT, {"SciFact": "ndcg_at_10", "KLUE-STS": "cosine_spearman"}))
    return [" ".join(line.split()) for line in console.export_text().splitlines()]


def test_each_task_has_its_split_figure_models_and_seconds():
    assert lines(FIGURES)[2:4] == ["SciFact test ndcg_at_10 0.645000 12 0.700000 3",
                                   "KLUE-STS validation cosine_spearman 0.800000 1 nan 2"]


def test_the_mean_is_over_the_tasks_and_unknown_where_one_is():
    assert lines(FIGURES)[-1] == "mean 0.722500 nan"
