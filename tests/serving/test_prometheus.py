"""The text that Prometheus reads, letter by letter."""

from lit_embed.serving.prometheus import Counter, Gauge, Histogram, Metrics


def test_a_counter_has_a_value_for_each_combination_of_labels():
    counter = Counter("asked_total", "Requests.", "route", "status")
    counter.add(1, "/a", "200"), counter.add(2, "/a", "200"), counter.add(0.5, "/b", 'say "no"\n\\')
    assert list(counter.lines()) == ['asked_total{route="/a",status="200"} 3',
                                     r'asked_total{route="/b",status="say \"no\"\n\\"} 0.5']


def test_a_histogram_counts_what_is_at_most_each_bound():
    histogram = Histogram("seconds", "Times.", (0.1, 1.0), "route")
    for value in (0.05, 0.1, 0.5, 7):
        histogram.observe(value, "/a")
    assert list(histogram.lines()) == [
        'seconds_bucket{route="/a",le="0.1"} 2', 'seconds_bucket{route="/a",le="1"} 3', 'seconds_bucket{route="/a",le="+Inf"} 4',
        'seconds_sum{route="/a"} 7.65', 'seconds_count{route="/a"} 4']


def test_a_gauge_says_what_is_so_now():
    values = [1, 2]
    gauge = Gauge("length", "Of a list.", lambda: len(values))
    assert list(gauge.lines()) == ["length 2"]


def test_every_metric_has_its_help_and_type():
    metrics = Metrics()
    metrics.gauge("now", "A number.", lambda: 3)
    metrics.texts.add(4, "embed")
    lines = metrics.text().splitlines()
    assert lines.count("# TYPE lit_embed_texts_total counter") == 1 and 'lit_embed_texts_total{work="embed"} 4' in lines
    assert lines[-3:] == ["# HELP now A number.", "# TYPE now gauge", "now 3"]
