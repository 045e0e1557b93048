#!/usr/bin/env bash
# Runs the commands of the tutorials (docs/tutorials), and compares their output with the pages. -run selects pages:
#
#   hack/test-tutorials.sh -run TestTutorials/git.md
#
# Requires root, and that port 6443 is free: the commands run unchanged, so their cluster has the default port.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

hack/build-localkube.sh >&2
make --no-print-directory cli
hack/images/standin.sh >&2
go test -count=1 -timeout=25m -tags=e2e ./test/suites/tutorials "$@"
