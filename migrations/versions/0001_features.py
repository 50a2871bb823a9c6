"""Create the tables of datasets and of the features of places.

MySQL 8 (Aurora MySQL 3) and MariaDB 10.11 both accept this SQL. InnoDB stores ``geo_feature`` in
the order of its primary key, so the rows of one cell and month lie side by side.
``dataset.loaded_at`` is null during a load, and stays null if the load fails.
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
    """Create the tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the tables with all datasets."""
    for table in ("geo_feature", "dataset_taxon", "dataset"):
        op.execute(f"DROP TABLE {table}")
