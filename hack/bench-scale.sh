#!/usr/bin/env bash
# Measures the resources that the controller needs for many tasks, on the API server of the current kubeconfig. It needs no
# node: test/load/scale simulates one.
#
# usage: hack/bench-scale.sh [-only NAMES] [-finished NUMBER]      see go doc ./test/load/scale
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"
. hack/kubectl.sh

"$KUBECTL" apply --server-side -f config/core/namespace.yaml >/dev/null
"$KUBECTL" apply --server-side -k config/runs-v1-only >/dev/null
established taskruns.tekton.dev pipelineruns.tekton.dev customruns.tekton.dev
go build -o bin/controller ./cmd/controller
go build -o bin/scale ./test/load/scale
exec bin/scale -controller bin/controller "$@"
