# The server in a container: docker compose up. Keys are made with
#   docker compose run --rm county key create NAME --organization ID --scope 'system/*.rs'
FROM python:3.13-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUTF8=1
# a Chinese typeface for printed letters and slips
RUN apt-get update && apt-get install -y --no-install-recommends fonts-wqy-microhei && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY requirements.lock .
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY LICENSE .
COPY server server
COPY profiles profiles
COPY mappings mappings
COPY terminology terminology
RUN python -m compileall -q server

RUN useradd --system --create-home county && install -d -o county /data
USER county
VOLUME /data
EXPOSE 8080
ENV PYTHONPATH=/app/server \
    COUNTYFHIR_STORE=sqlite:/data/county.sqlite \
    COUNTYFHIR_HOST=0.0.0.0 \
    COUNTYFHIR_AUTH=keys
HEALTHCHECK --interval=10s --start-period=20s --timeout=5s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/readyz', timeout=4)"]
ENTRYPOINT ["python", "-m", "countyfhir"]
CMD ["serve"]
