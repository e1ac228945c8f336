"""The text of metrics is what Prometheus reads."""

from __future__ import annotations

from iocash.metrics.text import Family, Sample, exposition

COUNTER = Family("errors_total", "counter", 'A back\\slash\nand a "quote".', ("code",))
HISTOGRAM = Family("seconds", "histogram", "Times.", ("route",), (0.5, 1.0))
VALUES = (2.0, 0.0, 1.0, *[0.0] * 12, 3.25)


def test_label_with_hostile_characters_is_escaped():
    sample = Sample("errors_total", ('a"b\\c\nd\ud800é} 1',), (3.0,))
    assert exposition([COUNTER], [sample]) == (
        '# HELP errors_total A back\\\\slash\\nand a "quote".\n'
        "# TYPE errors_total counter\n"
        'errors_total{code="a\\"b\\\\c\\nd?é} 1"} 3\n'
    )


def test_bucket_contains_the_smaller_ones():
    assert exposition([HISTOGRAM], [Sample("seconds", ("wallet",), VALUES)]) == (
        "# HELP seconds Times.\n"
        "# TYPE seconds histogram\n"
        'seconds_bucket{route="wallet",le="0.5"} 2\n'
        'seconds_bucket{route="wallet",le="1"} 2\n'
        'seconds_bucket{route="wallet",le="+Inf"} 3\n'
        'seconds_sum{route="wallet"} 3.25\n'
        'seconds_count{route="wallet"} 3\n'
    )


def test_family_without_samples_is_left_out():
    assert exposition([COUNTER, HISTOGRAM], []) == ""
