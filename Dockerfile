# The service for local use, as `make serve` runs it; AWS gets it by `make deploy` instead.
#   docker build -t rangefinder .
#   docker run --rm --read-only --tmpfs /tmp -p 127.0.0.1:8000:8000 rangefinder
FROM public.ecr.aws/docker/library/python:3.13-slim-trixie

# The root file system may be read-only: whatever is written goes to /tmp.
ENV HOME=/tmp PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /project

# The pinned requirements come first, because this layer seldom changes.
COPY requirements-local.txt ./
RUN pip install --no-cache-dir --root-user-action ignore --disable-pip-version-check \
    --only-binary :all: --require-hashes --requirement requirements-local.txt

COPY app.py LICENSE NOTICE ./
COPY .chalice/config.json .chalice/
COPY chalicelib chalicelib
COPY tools/__init__.py tools/
COPY tools/show/__init__.py tools/show/demo.py tools/show/serving.py tools/show/
RUN python -m compileall -q app.py chalicelib tools

USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/livez', timeout=4)"]
# Inside the container all interfaces; `docker run -p` decides who reaches it.
CMD ["python", "-m", "tools.show.demo", "--serve", "--host", "0.0.0.0", "--port", "8000"]
