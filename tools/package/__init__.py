"""Programs that check, build, verify, configure and deploy the package for Lambda."""
