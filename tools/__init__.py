"""Programs that build, show and measure the service. None of them ships to Lambda."""
