#!/usr/bin/env bash
# Builds the in-pod binary as it is shipped, and fails if it is too large or needs more than the standard library and
# the file watcher. Every pod carries it.
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
	printf 'error: the in-pod binary must not need:\n%s\n' "$foreign" >&2
	exit 1
fi
echo "inpod: only the standard library, fsnotify and this module"
