"""Programs that prepare the database and run tasks next to it."""
