"""Run the migrations on the database of ``RANGEFINDER_MYSQL_URL``, or print their SQL.

The package for Lambda has no Alembic, because the service only reads. The migrations log in by the
same settings as the service: by URL or by secret, with TLS.
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
