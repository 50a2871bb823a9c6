"""Runs the migrations on the database of ``RANGEFINDER_MYSQL_URL``, or prints their SQL.

Development and deployment only: Alembic never ships to Lambda, and the service needs no
more than SELECT. Logs in as the service's settings say: by URL, by secret, with TLS.
"""

from alembic import context
from sqlalchemy import create_engine

from chalicelib.settings import Settings
from tools.database.connection import Database

DIALECT = "mysql+pymysql://"

if context.is_offline_mode():
    context.configure(url=DIALECT, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    engine = create_engine(DIALECT, creator=Database.of(Settings.from_environment()).connect)
    with engine.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()
