FROM python:3.13-slim

ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 DOCUMENTS_DIR=/var/lib/iocash/documents
WORKDIR /srv/iocash

COPY requirements.txt .
RUN pip install --no-cache-dir --disable-pip-version-check --require-hashes -r requirements.txt

COPY manage.py LICENSE ./
COPY templates templates
COPY docs/examples.json docs/
COPY iocash iocash
COPY users users
COPY wallets wallets

# The code belongs to root; the account that serves writes documents and nothing else.
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin iocash \
    && install -d -o iocash -g iocash -m 0700 "$DOCUMENTS_DIR"
USER iocash
VOLUME /var/lib/iocash/documents

EXPOSE 8000
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--workers", "2", "--blocking-threads", "16", "--respawn-failed-workers", "--workers-kill-timeout", "30", "--log-level", "error", "--static-path-route", "/livez", "--static-path-mount", "iocash/health", "--static-path-dir-to-file", "livez.json", "--static-path-expires", "0", "--port", "8000", "iocash.wsgi:application"]
