"""Run the statement on Amazon Athena and download its result.

Athena writes the result to S3 as one CSV table, with quotes around all values and nulls as empty
fields (https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html). It bills
by bytes read, so the statement reads each column that it needs once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

POLL_SECONDS: Final = 5.0

Client = Callable[[str], Any]
"""Returns a boto3 client of the named service."""


class AthenaError(Exception):
    """A failed query, in Athena's own words."""


@dataclass(frozen=True)
class Athena:
    """Runs queries in a workgroup, which pays for them; ``output`` is an ``s3://`` prefix.

    ``progress`` gets the number of bytes that Athena has read so far.
    """

    client: Client
    output: str
    workgroup: str
    sleep: Callable[[float], None]
    progress: Callable[[int], None]

    def fetch(self, statement: str, target: Path) -> None:
        """Run the statement and write its result to ``target``. Raises ``AthenaError``.

        If you interrupt the program, it stops the query, which would cost money.
        """
        try:
            address = self._run(statement)
            with target.open("wb") as file:
                self.client("s3").download_fileobj(address.netloc, address.path.lstrip("/"), file)
        except (BotoCoreError, ClientError) as error:
            raise AthenaError(f"AWS: {error}") from error

    def _run(self, statement: str) -> SplitResult:
        athena = self.client("athena")
        identifier = athena.start_query_execution(
            QueryString=statement,
            WorkGroup=self.workgroup,
            ResultConfiguration={"OutputLocation": self.output},
        )["QueryExecutionId"]
        try:
            return self._wait(athena, identifier)
        except KeyboardInterrupt:
            athena.stop_query_execution(QueryExecutionId=identifier)
            raise

    def _wait(self, athena: Any, identifier: str) -> SplitResult:
        while True:
            execution = athena.get_query_execution(QueryExecutionId=identifier)["QueryExecution"]
            status = execution["Status"]
            self.progress(execution.get("Statistics", {}).get("DataScannedInBytes", 0))
            if status["State"] == "SUCCEEDED":
                location: str = execution["ResultConfiguration"]["OutputLocation"]
                return urlsplit(location)
            if status["State"] in ("FAILED", "CANCELLED"):
                reason = status.get("StateChangeReason", "no reason given")
                raise AthenaError(f"Athena: {status['State'].lower()}: {reason}")
            self.sleep(POLL_SECONDS)
