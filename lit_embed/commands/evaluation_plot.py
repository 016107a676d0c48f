"""The figures of `lit-embed evaluate` as bars with their intervals, a group for each figure."""

from pathlib import Path

from matplotlib.figure import Figure

from lit_embed.commands.evaluation_table import label, main_k
from lit_embed.files import write_beside

FORMATS = (".png", ".svg", ".pdf")
# Okabe and Ito's, told apart by everybody; a system has the same one in every plot.
COLORS = {"bm25": "#999999", "base": "#56B4E9", "dense": "#0072B2", "hybrid": "#009E73", "dense+rerank": "#D55E00"}
OTHERS = ("#CC79A7", "#E69F00", "#F0E442", "#000000")
WIDTH = 0.8             # of a group; what is left separates it from the next


def plot(file: str | Path, result: dict) -> None:
    """Writes the file; only numbers and names of systems are in it, so that any font will do."""
    k, systems = main_k(result), result["systems"]
    figures = list(dict.fromkeys([f"hit_rate@{result['k'][0]}", f"hit_rate@{k}", f"mrr@{k}", f"ndcg@{k}"]))
    figure = Figure(figsize=(3 + 0.42 * len(figures) * len(systems), 4.5), layout="constrained")
    axes = figure.add_subplot(title=f"{result['questions']:,} questions, {result['passages']:,} passages, "
                                    "95 % bootstrap intervals", ylim=(0, 1.15))
    bar = WIDTH / len(systems)
    for number, (name, system) in enumerate(systems.items()):
        left = [group - WIDTH / 2 + (number + 0.5) * bar for group in range(len(figures))]
        heights = [system[each] for each in figures]
        ends = [system["intervals"][each] for each in figures]
        # A mean may lie a rounding beyond an interval of no width.
        errors = [[max(0, height - low) for height, (low, _) in zip(heights, ends)],
                  [max(0, high - height) for height, (_, high) in zip(heights, ends)]]
        color = COLORS.get(name, OTHERS[number % len(OTHERS)])
        axes.bar(left, heights, bar * 0.92, yerr=errors, label=name, color=color,
                 error_kw={"elinewidth": 1, "capsize": 2, "ecolor": "#333333"})
        for place, height, (_, high) in zip(left, heights, ends):
            axes.text(place, high + 0.02, f"{height:.3f}", ha="center", va="bottom", fontsize=7, rotation=90)
    axes.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])          # the room above 1 is for the numbers
    axes.set_xticks(range(len(figures)), [label(each) for each in figures])
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside lower center", ncols=min(5, len(systems)), frameon=False)
    with write_beside(file) as beside:
        figure.savefig(beside, format=Path(file).suffix[1:], dpi=150)
