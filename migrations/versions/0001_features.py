"""Datasets and the features of places.

In SQL that MySQL 8 (Aurora MySQL 3) and MariaDB 10.11 both take. The primary key of
``geo_feature`` is the order in which InnoDB stores it: all that a lookup needs of a cell and
a month lies side by side. ``dataset.loaded_at`` is null while a load is under way, and stays
so where it was broken off.
"""

from alembic import op

revision = "0001"
down_revision = None

STATEMENTS = (
    """
    CREATE TABLE dataset (
        id INT UNSIGNED NOT NULL AUTO_INCREMENT,
        version VARCHAR(64) NOT NULL,
        title VARCHAR(255) NOT NULL,
        licence VARCHAR(64) NOT NULL,
        citation VARCHAR(2000) NOT NULL,
        expected_presence DOUBLE NOT NULL,
        prior_strength DOUBLE NOT NULL,
        is_active TINYINT NOT NULL DEFAULT 0,
        loaded_at TIMESTAMP NULL DEFAULT NULL,
        PRIMARY KEY (id),
        UNIQUE KEY dataset_version (version)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
    """,
    """
    CREATE TABLE dataset_taxon (
        dataset INT UNSIGNED NOT NULL,
        taxon SMALLINT UNSIGNED NOT NULL,
        taxon_id VARCHAR(32) NOT NULL,
        prevalence DOUBLE NOT NULL,
        PRIMARY KEY (dataset, taxon),
        UNIQUE KEY dataset_taxon_id (dataset, taxon_id)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
    """,
    """
    CREATE TABLE geo_feature (
        dataset INT UNSIGNED NOT NULL,
        cell BIGINT UNSIGNED NOT NULL,
        month TINYINT UNSIGNED NOT NULL,
        taxon SMALLINT UNSIGNED NOT NULL,
        observations FLOAT NOT NULL,
        status VARCHAR(12) NOT NULL,
        months SMALLINT UNSIGNED NOT NULL,
        PRIMARY KEY (dataset, cell, month, taxon)
    ) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
    """,
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop them, with all that was loaded."""
    for table in ("geo_feature", "dataset_taxon", "dataset"):
        op.execute(f"DROP TABLE {table}")
