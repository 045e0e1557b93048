#!/usr/bin/env bash
# Removes Sluice from the cluster of the current kubeconfig, with all Tasks, Pipelines and runs.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"
. hack/kubectl.sh

hack/tool.sh kustomize
"$KUBECTL" delete --ignore-not-found -f config/enable-log-access-to-controller/ -f config/enable-retention/
bin/tools/kustomize build config/default | "$KUBECTL" delete --ignore-not-found -f -
