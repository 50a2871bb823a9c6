"""Programs that measure accuracy, and that choose thresholds and rules by it."""
