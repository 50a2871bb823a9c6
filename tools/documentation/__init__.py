"""The documentation as a site: `make docs` (mkdocs.yml) builds it into build/site."""
