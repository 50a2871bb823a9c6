"""Runs the migrations on the database of ``RANGEFINDER_MYSQL_URL``, or prints their SQL.

Development and deployment only: Alembic never ships to Lambda, and the service needs no
more than SELECT.
"""

import os

from alembic import context
from sqlalchemy import create_engine

url = os.environ.get(  # noqa: TID251 - these are no part of the service
    "RANGEFINDER_MYSQL_URL", "mysql://"
)
url = url.replace("mysql://", "mysql+pymysql://", 1)

if context.is_offline_mode():
    context.configure(url=url, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    engine = create_engine(url)
    with engine.connect() as connection:
        context.configure(connection=connection)
        with context.begin_transaction():
            context.run_migrations()
    engine.dispose()
