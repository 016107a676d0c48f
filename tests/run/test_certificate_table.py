"""A certificate on one page: what deviates is marked, what is another loss stands in brackets, the verdict in one line."""

from rich.console import Console

from lit_embed.run.certificate import Comparison
from lit_embed.run.certificate_table import NOTES, table, verdict
from lit_embed.run.gradients import Difference
from lit_embed.run.ways import Loss, Way

LOSS, WAY = Loss("InfoNCE", None, None), Way("4 processes")


def comparison(deviation: float, tolerance: float | None, precision: str = "float32", way: Way = WAY) -> Comparison:
    return Comparison(LOSS, way, precision, Difference(1.0, 0.5, deviation), tolerance)


def both(deviation: float, tolerance: float | None, way: Way = WAY) -> list[Comparison]:
    return [comparison(deviation, tolerance, precision, way) for precision in ("float32", "bf16")]


def printed(comparisons: list[Comparison]) -> str:
    console = Console(width=124)
    with console.capture() as captured:
        console.print(table(comparisons))
    return captured.get()


def test_a_line_shows_both_precisions_and_marks_what_deviates():
    line = next(line for line in printed(both(3e-7, 1e-5)).splitlines() if "InfoNCE" in line)
    assert line.split() == ["InfoNCE", "4", "processes", *["1.000000", "0.500000", "3.0e-07"] * 2]
    assert printed(both(3e-4, 1e-5)).count("3.0e-04 !") == 2
    assert printed(both(3e-1, None)).count("(3.0e-01)") == 2


def test_the_verdict_counts_what_is_judged_and_names_the_first_that_deviates():
    fine, other = both(3e-7, 1e-5), both(0.3, None, Way("accumulated"))
    assert verdict(fine + other, 4) == ("verified: 2 comparisons on 4 processes, largest deviation 3.0e-07 in float32, "
                                        "3.0e-07 in bf16")
    wrong = [*fine, *both(float("nan"), 1e-5, Way("chunks"))]
    assert verdict(wrong, 4) == ("deviates: 2 of 4 comparisons on 4 processes, largest deviation nan in float32, nan in bf16; "
                                 "first: InfoNCE, chunks, float32")


def test_the_notes_name_the_tolerances():
    assert "May be 1e-05 in float32" in NOTES.format(float32=1e-5, bf16=0.05)
