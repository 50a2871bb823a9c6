"""Test that every engine can parse the statements that it runs."""

import importlib.util

import pytest
import sqlglot
from sqlglot import exp

from chalicelib.features import mysql
from tests.fakes import JAGUAR
from tools import ROOT
from tools.database import connection, dataset_loader
from tools.occurrences.names import read_names
from tools.occurrences.relations import SNAPSHOT, gbif_relation
from tools.occurrences.statement import ATHENA_LIMIT, LICENCES, Filters, literal, statement

TEXT = statement(gbif_relation("gbif.occurrence", SNAPSHOT), read_names(), Filters())


def migration_statements() -> list[str]:
    statements: list[str] = []
    for path in sorted((ROOT / "migrations" / "versions").glob("*.py")):
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        statements += module.STATEMENTS
    return statements


MYSQL = {
    "DATASET": mysql.DATASET,
    "LOOKUP": mysql.LOOKUP.format(cells="1, 2, 3", months="7, 0"),
    **{
        name: value
        for name, value in {**vars(dataset_loader), **vars(connection)}.items()
        if isinstance(value, str)
        # sqlglot does not know LOAD DATA.
        and value.startswith(("SELECT", "INSERT", "UPDATE", "DELETE"))
    },
    **{f"CLEAR {number}": text for number, text in enumerate(dataset_loader.CLEAR)},
    **{f"migration {number}": text for number, text in enumerate(migration_statements())},
}


@pytest.mark.parametrize("name", MYSQL)
def test_every_statement_for_the_database_is_mysql(name):
    """The tests run them on MariaDB; MySQL 8 must accept them, too."""
    (parsed,) = sqlglot.parse(MYSQL[name].replace("%s", "'1'"), read="mysql")
    assert parsed is not None
    # sqlglot passes an unknown statement through as a command.
    assert not list(parsed.find_all(exp.Command))


@pytest.mark.parametrize("dialect", ["athena", "trino", "spark", "duckdb"])
def test_the_statement_is_the_same_on_every_engine(dialect):
    """Only Spark's quotation marks differ, and every engine has all functions."""
    text = TEXT.replace('"', "`") if dialect == "spark" else TEXT
    (parsed,) = sqlglot.parse(text, read=dialect)
    assert isinstance(parsed, exp.Select)
    assert not list(parsed.find_all(exp.Anonymous, exp.Command))
    columns = ["reason", "latitude_bin", "longitude_bin", "resolution", "month", "observer",
               "classes", "taxon_name", "taxon_family", "taxon_order", "taxon_class",
               "licence_number", "records"]  # fmt: skip
    assert parsed.named_selects == columns


def test_the_statement_reads_its_table_once():
    """Athena bills by bytes read."""
    tables = [table.sql() for table in sqlglot.parse_one(TEXT).find_all(exp.Table)]
    assert tables.count("gbif.occurrence") == 1


def test_the_statement_is_short_enough_for_athena():
    """The statement holds all names and centroids."""
    assert len(TEXT.encode()) < ATHENA_LIMIT / 2


def test_licences_are_ordered_by_what_they_forbid():
    """A dataset gets the last licence of its records in this order."""
    assert LICENCES == ("CC0-1.0", "CC-BY-4.0", "CC-BY-NC-4.0")


def test_a_quotation_mark_in_a_name_stays_in_it():
    """A name never becomes SQL."""
    assert literal(f"{JAGUAR.taxon_id}' OR ''='") == "'jaguar'' OR ''''='''"
