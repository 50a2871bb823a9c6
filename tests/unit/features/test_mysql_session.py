import socket
import threading

import pytest

from chalicelib.errors import FeaturesUnavailable
from chalicelib.features.mysql_session import MysqlOptions, MysqlSession
from chalicelib.features.mysql_url import mysql_connection
from tests.fakes import FakeClock


@pytest.mark.parametrize(
    "greeting",
    [
        b"\x00\x00\x00\x00",
        b"\x02\x00\x00\x00\x0a8",
        b"\x04\x00\x00\x00\x0a\xff\xfe\x00",
        b"\x06\x00\x00\x00\x0a8.0\x00\x05",
    ],
    ids=["empty", "no version", "no text", "broken off"],
)
def test_a_server_that_does_not_speak_mysql_is_unavailable(greeting):
    """PyMySQL raises errors of its own code then; visitors must not get a 500 for that."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            client, _ = server.accept()
            with client:
                client.sendall(greeting)

        thread = threading.Thread(target=greet)
        thread.start()
        url = f"mysql://user:secret@127.0.0.1:{server.getsockname()[1]}/rangefinder"
        session = MysqlSession(lambda: mysql_connection(url), MysqlOptions(), 1.0, FakeClock())
        with pytest.raises(FeaturesUnavailable) as caught:
            session.query("SELECT 1")
        thread.join()
    assert "secret" not in str(caught.value)
