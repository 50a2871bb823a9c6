"""Real MySQL and Valkey servers for tests, from Debian and Ubuntu: ``make test-servers``."""
