"""Test how observations are counted: the limits of DuckDB, and the cell of each bin."""

import os

import h3
import pytest

from chalicelib.features.cells import with_parents
from tools.occurrences import counting
from tools.occurrences.statement import BINS_PER_DEGREE


def cells_of(work, *bins: tuple[int, int]) -> dict[tuple[int, int], str]:
    """Return the cell of each bin, as the import counts it."""
    with counting.connect(work, "200MB", 1) as connection:
        connection.execute(
            "CREATE TABLE observation (reason TEXT, latitude_bin SMALLINT, longitude_bin SMALLINT)"
        )
        for bin_ in bins:
            connection.execute("INSERT INTO observation VALUES (NULL, ?, ?)", bin_)
        connection.execute("INSERT INTO observation VALUES ('captive', 1, 1)")
        counting.map_bins(connection)
        rows = connection.execute("SELECT * FROM bin").fetchall()
        lineage = connection.execute("SELECT cell, parent, resolution FROM lineage").fetchall()
    expected = {
        (int(cell, 16), int(parent, 16), h3.get_resolution(parent))
        for *_, number in rows
        for cell in [format(number, "x")]
        for parent in with_parents(cell)
    }
    assert set(lineage) == expected
    return {(latitude, longitude): format(cell, "x") for latitude, longitude, cell in rows}


def test_the_cell_of_a_bin_is_that_of_its_middle(tmp_path):
    """Its corner is another cell's for some bins; the last bin ends at the pole."""
    bins = [(latitude, longitude) for latitude in range(2_600, 2_640) for longitude in (500, -501)]
    cells = cells_of(tmp_path, *bins)
    assert cells.keys() == set(bins)
    for (latitude, longitude), cell in cells.items():
        middle = (latitude + 0.5) / BINS_PER_DEGREE, (longitude + 0.5) / BINS_PER_DEGREE
        assert cell == h3.latlng_to_cell(*middle, 4)
    corners = {
        bin_: h3.latlng_to_cell(bin_[0] / BINS_PER_DEGREE, bin_[1] / BINS_PER_DEGREE, 4)
        for bin_ in bins
    }
    assert corners != cells


def test_the_bin_of_the_pole_has_the_pole_s_cell(tmp_path):
    """A latitude of 90 degrees begins a bin whose middle is beyond it."""
    north, south = (90 * BINS_PER_DEGREE, 0), (-90 * BINS_PER_DEGREE, 0)
    cells = cells_of(tmp_path, north, south)
    assert cells[north] == h3.latlng_to_cell(90.0, 0.01, 4)
    assert cells[south] == h3.latlng_to_cell(-89.99, 0.01, 4)


def test_without_accepted_observations_there_are_no_cells(tmp_path):
    """The tables are there and empty."""
    assert cells_of(tmp_path) == {}


@pytest.mark.parametrize("threads", [1, 3])
def test_duckdb_takes_no_more_memory_and_threads_than_it_may(tmp_path, threads):
    """What does not fit goes to the directory of the import."""
    with counting.connect(tmp_path, "200MB", threads) as connection:
        memory, used, spilled, is_ordered = connection.execute(
            "SELECT current_setting('memory_limit'), current_setting('threads'),"
            " current_setting('temp_directory'), current_setting('preserve_insertion_order')"
        ).fetchall()[0]
    assert memory == "190.7 MiB"
    assert used == threads
    assert spilled == str(tmp_path / "spilled")
    assert not is_ordered


def test_without_a_number_of_threads_duckdb_uses_all(tmp_path):
    """As many as there are processors."""
    with counting.connect(tmp_path, "200MB", None) as connection:
        (used,) = connection.execute("SELECT current_setting('threads')").fetchall()[0]
    assert used == len(os.sched_getaffinity(0))
