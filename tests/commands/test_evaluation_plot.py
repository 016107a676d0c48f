"""The plot of an evaluation is written without a display, in each format, for one system and for many."""

import pytest

from lit_embed.commands.evaluation_plot import FORMATS, plot


def result(names: str, ks=(1, 5, 10)) -> dict:
    figures = [f"{name}@{k}" for k in ks for name in ("hit_rate", "mrr", "ndcg")]
    system = dict.fromkeys(figures, 0.5) | {"intervals": dict.fromkeys(figures, [0.4, 0.6])}
    return {"questions": 10, "passages": 20, "k": list(ks), "systems": {name: system for name in names.split()}}


@pytest.mark.parametrize("end", FORMATS)
def test_each_format_is_written(tmp_path, end):
    plot(tmp_path / f"out{end}", result("bm25 dense hybrid dense+rerank"))
    assert (tmp_path / f"out{end}").stat().st_size > 1000 and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(("names", "ks"), [("bm25", (1,)), (" ".join(f"s{i}" for i in range(10)), (1, 3))])
def test_one_system_and_many(tmp_path, names, ks):
    plot(tmp_path / "out.svg", result(names, ks))
    text = (tmp_path / "out.svg").read_text(encoding="utf8")
    assert text.startswith("<?xml") and f"nDCG@{ks[-1]}" in text


def test_an_interval_of_no_width_is_no_mistake(tmp_path):
    sure = result("bm25")
    almost = dict.fromkeys(sure["systems"]["bm25"], [0.9999999, 0.9999999])
    sure["systems"]["bm25"] |= {"hit_rate@1": 1.0, "intervals": almost}
    plot(tmp_path / "out.png", sure)
