"""Run the statement on Amazon Athena and fetch what it found.

Athena writes its answer to S3 as one CSV table, quoted throughout, nulls as nothing at all
(https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html). It bills
by bytes read: the statement reads the columns it needs, once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from botocore.exceptions import BotoCoreError, ClientError

POLL_SECONDS: Final = 5.0

Client = Callable[[str], Any]
"""Makes a boto3 client of a service by its name."""


class AthenaError(Exception):
    """The query came to nothing, in Athena's own words."""


@dataclass(frozen=True)
class Athena:
    """Where queries run and who pays: ``output`` is an ``s3://`` prefix.

    ``progress`` hears how many bytes were read so far.
    """

    client: Client
    output: str
    workgroup: str
    sleep: Callable[[float], None]
    progress: Callable[[int], None]

    def fetch(self, statement: str, target: Path) -> None:
        """Run the statement and write its answer to ``target``. Raises ``AthenaError``.

        A query that nobody waits for any more is stopped: it costs.
        """
        try:
            place = self._run(statement)
            with target.open("wb") as file:
                self.client("s3").download_fileobj(place.netloc, place.path.lstrip("/"), file)
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
