#!/usr/bin/env bash
# Builds the in-pod binary with release flags. Fails if it is too large or imports more than the standard library and the
# file watcher, because every pod contains it.
set -euo pipefail
cd "$(dirname "$0")/.."

limit=$((4 * 1024 * 1024))
module=$(go list -m)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o "$dir/inpod" ./cmd/inpod
size=$(stat -c %s "$dir/inpod")
echo "inpod: $size of $limit bytes"
if [ "$size" -gt "$limit" ]; then
	echo "error: the in-pod binary is too large" >&2
	exit 1
fi

foreign=$(CGO_ENABLED=0 go list -deps -f '{{if not .Standard}}{{.ImportPath}}{{end}}' ./cmd/inpod |
	grep -v -e "^$module/" -e '^github.com/fsnotify/fsnotify\(/\|$\)' -e '^golang.org/x/sys/unix$' || true)
if [ -n "$foreign" ]; then
	printf 'error: the in-pod binary must not import:\n%s\n' "$foreign" >&2
	exit 1
fi
echo "inpod: imports only the standard library, fsnotify and this module"
