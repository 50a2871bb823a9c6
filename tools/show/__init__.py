"""Programs that show the service at work on this machine."""
