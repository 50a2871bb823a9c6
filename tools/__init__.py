"""Programs that build, package, show and measure the service, one package for each purpose.

The benches and the tests may import them; the service does not, and none of them ships to Lambda.
"""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
"""The root of the repository."""
