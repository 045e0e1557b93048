#!/usr/bin/env bash
# Runs golangci-lint in every module of this project, with the same .golangci.yml.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

hack/tool.sh golangci-lint
status=0
[ $# -gt 0 ] || set -- . localkube tools tools/promql test/suites/browser
for module in "$@"; do
	say "linting $module"
	(cd "$module" && "$root/bin/tools/golangci-lint" run --config "$root/.golangci.yml") || status=1
done
exit $status
