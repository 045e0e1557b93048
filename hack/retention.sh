#!/usr/bin/env bash
# Sends a stream of TaskRuns with large results to the API server of the current kubeconfig, whose etcd is small; see go doc
# ./test/load/retention. It needs LOCALKUBE_DIR, which hack/with-localkube.sh sets.
#
# usage: hack/retention.sh [-minutes N] [-every D] [-bytes N] [-limit Q] [-off]
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"
. hack/kubectl.sh

[ -n "${LOCALKUBE_DIR:-}" ] || die "LOCALKUBE_DIR is not set" "run: make retention"
"$KUBECTL" apply --server-side -f config/core/namespace.yaml >/dev/null
"$KUBECTL" apply --server-side -k config/runs-v1-only >/dev/null
established taskruns.tekton.dev pipelineruns.tekton.dev customruns.tekton.dev
go build -o bin/controller ./cmd/controller
go build -o bin/retention ./test/load/retention
exec bin/retention -controller bin/controller -localkube "$LOCALKUBE_DIR" "$@"
