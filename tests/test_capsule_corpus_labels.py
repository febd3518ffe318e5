"""What labels and ratings say, and tables that people write."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from capsule.corpus.labels import (
    COMPATIBLE,
    SILENT,
    Scale,
    quadrants_of,
    rated,
    understood,
)
from capsule.corpus.tables import Row, read_rows
from capsule.emotion import QUADRANTS
from capsule.errors import CapsuleError

PLACE = {"Q1": (1, 1), "Q2": (-1, 1), "Q3": (-1, -1), "Q4": (1, -1)}  # valence, arousal


def complaint(action):
    """What a CapsuleError says; empty if there is none."""
    try:
        action()
    except CapsuleError as error:
        return str(error)
    return ""


def test_every_word_fits_some_quadrants_and_silent_ones_none():
    for label, fit in COMPATIBLE.items():
        assert 1 <= len(fit) <= 2
        assert quadrants_of(label) == fit
    for label in (*SILENT, "", "no such word", "Q5", "Q1|", "|Q1", "q1"):
        assert quadrants_of(label) == ()


@given(st.sets(st.sampled_from(QUADRANTS), min_size=1), st.randoms())
def test_quadrants_are_named_in_any_order(chosen, rng):
    order = list(chosen)
    rng.shuffle(order)
    label = "|".join(order)
    assert set(quadrants_of(label)) == chosen
    if len(chosen) < 4:
        assert understood(label.lower()) == label
    else:
        with pytest.raises(CapsuleError, match="not all four"):
            understood(label)


def test_words_are_understood_in_any_case():
    assert understood(" Happy ") == "happy"
    assert understood("v-A+") == "V-A+"
    assert understood("BASELINE") == "baseline"


@given(st.text(max_size=12))
def test_what_is_no_label_is_told(text):
    told = complaint(lambda: understood(text, "labels.csv line 2"))
    if told:
        assert told.startswith("labels.csv line 2: ")
        assert "one of rest, arithmetic" in told
    else:
        assert understood(text) in SILENT or quadrants_of(understood(text))


@example(5.0, 5.0)
@example(1.0, 9.0)
@given(st.floats(1, 9), st.floats(1, 9))
def test_ratings_become_quadrants_by_the_middle_of_the_scale(valence, arousal):
    fit = quadrants_of(rated(valence, arousal))
    expected = [
        name
        for name, (good, high) in PLACE.items()
        if (valence - 5) * good >= 0 and (arousal - 5) * high >= 0
    ]
    assert list(fit) == (expected if len(expected) < 4 else [])


def test_a_rating_that_is_missing_or_in_the_middle_says_nothing_of_its_axis():
    assert rated(7, None) == "V+"
    assert rated(float("nan"), 2) == "A-"
    assert rated(5, 5) == "even"
    assert rated(None, None) == "even"
    assert rated(3, 4, Scale(1, 5)) == "A+"
    assert rated(-0.2, 0.2, Scale(-1, 1)) == "V-A+"


@pytest.mark.parametrize(("valence", "arousal"), [(0.99, 5), (9.01, 5), (5, 0), (5, float("inf"))])
def test_ratings_out_of_range_are_told(valence, arousal):
    with pytest.raises(CapsuleError, match=r"s01 trial 3: \w+ is rated .* on a scale of 1\.\.9"):
        rated(valence, arousal, where="s01 trial 3")


# --- tables --------------------------------------------------------------------------------------


def row(**cells):
    return Row("labels.csv line 2", cells)


def test_a_row_tells_its_label():
    assert row(label="Q1|Q4").label == "Q1|Q4"
    assert row(label="Calm", valence="n/a", arousal="").label == "calm"
    assert row(valence="7", arousal="2").label == "V+A-"
    assert row(valence="0.5", scale="-1..1").label == "V+"
    assert row(valence="2", arousal="3", scale="1-5").label == "V-"
    assert row(label="", valence="").label == ""


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ({"label": "happiest"}, "'happiest' is no label"),
        ({"label": "calm", "valence": "3"}, "a label and ratings"),
        ({"valence": "high"}, "valence is 'high', a number was expected"),
        ({"arousal": "inf"}, "arousal is 'inf', a number was expected"),
        ({"valence": "10"}, r"valence is rated 10 on a scale of 1\.\.9"),
        ({"valence": "4", "scale": "five"}, "the scale is 'five'"),
        ({"valence": "4", "scale": "9..1"}, r"the scale is '9\.\.1'"),
    ],
)
def test_what_is_wrong_in_a_row_is_told_with_its_line(cells, told):
    with pytest.raises(CapsuleError, match=f"labels.csv line 2.*{told}"):
        _ = row(**cells).label


CELL = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=6)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return tmp_path_factory.mktemp("tables") / "labels.csv"


@settings(deadline=None, max_examples=80)
@given(
    cells=st.lists(st.tuples(CELL, CELL), max_size=5),
    separator=st.sampled_from(",;\t"),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.booleans(),
)
def test_tables_are_read_however_they_are_written(table, cells, separator, end, mark):
    def line(words):
        return separator.join('"' + word.replace('"', '""') + '"' for word in words)

    text = end.join([line((" File ", "LABEL")), *(line(pair) for pair in cells)]) + end
    table.write_bytes((b"\xef\xbb\xbf" if mark else b"") + text.encode())
    kept = [pair for pair in cells if any(word.strip() for word in pair)]
    rows = read_rows(table, "file", "label")
    assert [(one.cells["file"], one.cells["label"]) for one in rows] == kept
    assert all(one.where.startswith("labels.csv line ") for one in rows)


@settings(deadline=None, max_examples=80)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_table_or_told(table, raw):
    table.write_bytes(raw)
    told = complaint(lambda: read_rows(table))
    if told:
        assert "labels.csv" in told
    else:
        assert all(one.cells for one in read_rows(table))


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "needs a column 'file' in its first line, which is: nothing"),
        (b"name,label\n", "needs a column 'file' in its first line, which is: name, label"),
        (b"file,label\na,b,c\n", "line 2 has 3 cells under 2 columns"),
        (b"file\n\xff\xfe\n", "no text in UTF-8"),
        (b"file\n" + b"a" * 140_000, "labels.csv is no table: field larger than"),
    ],
)
def test_a_table_that_is_wrong_is_told(table, raw, told):
    table.write_bytes(raw)
    with pytest.raises(CapsuleError, match=told):
        read_rows(table, "file")


def test_a_missing_table_is_told(tmp_path):
    with pytest.raises(CapsuleError, match=r"labels\.csv cannot be read: No such file"):
        read_rows(tmp_path / "labels.csv")
