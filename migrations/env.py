"""Run the migrations on the database of ``RANGEFINDER_MYSQL_URL``, or print their SQL.

Alembic never ships to Lambda, and the service needs SELECT only. The migrations log in as the
service's settings say: by URL, by secret, with TLS.
"""

from alembic import context
from alembic.util import CommandError
from sqlalchemy import create_engine

from chalicelib.errors import InvalidSettings
from chalicelib.settings import Settings
from tools.database.connection import Database, DatasetError

DIALECT = "mysql+pymysql://"

if context.is_offline_mode():
    context.configure(url=DIALECT, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    try:
        engine = create_engine(DIALECT, creator=Database.of(Settings.from_environment()).connect)
        with engine.connect() as connection:
            context.configure(connection=connection)
            with context.begin_transaction():
                context.run_migrations()
        engine.dispose()
    except (DatasetError, InvalidSettings) as error:
        # Alembic prints its own errors as one line, without a traceback.
        raise CommandError(str(error)) from error
