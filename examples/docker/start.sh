#!/bin/sh
# Prepare the database and the buckets, then serve the example project at the address $SITE_LISTEN.
set -eu

tries=30
until python examples/manage.py is_minio_available --silenced; do
    tries=$((tries - 1))
    if [ "$tries" -eq 0 ]; then
        echo "MinIO did not become available." >&2
        exit 1
    fi
    sleep 1
done

python examples/manage.py migrate --no-input
python examples/manage.py initialize_buckets
python examples/manage.py collectstatic --no-input
# What a cron job or a worker's service would do.
while sleep 2; do python examples/manage.py bgfiles process -v 0; done &
exec python examples/manage.py runserver --noreload "$SITE_LISTEN"
