#!/usr/bin/env bash
# Measures on the current cluster how long a TaskRun takes, in both ways of results, beside bare pods.
#
# usage: hack/bench.sh [-n N] [-size BYTES]      see go doc ./test/bench
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"
go build -o bin/bench ./test/bench
exec bin/bench "$@"
