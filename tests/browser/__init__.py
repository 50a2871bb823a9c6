"""The page in a real browser: Chromium, against ``chalice local``."""
