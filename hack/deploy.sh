#!/usr/bin/env bash
# Deploys Sluice to the cluster of the current kubeconfig: builds and pushes the images, applies config/core, creates the
# settings (config/flags) if they do not exist, and waits until the controller is ready. Run it again to update.
#
# CONFIG is the folder to apply (default: config/core; config/signed-results for signed results).
# KO_DOCKER_REPO is the repository for images (default: the registry of the localkube cluster).
# KUBECTL is the kubectl to use (default: the one on PATH, else bin/kubectl).
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"
. hack/kubectl.sh

namespace=tekton-pipelines
config=${CONFIG:-config/core}

if [ -z "${KO_DOCKER_REPO:-}" ]; then
	registry=$(localkube_registry || true)
	[ -z "$registry" ] || export KO_DOCKER_REPO="$registry/sluice"
fi

manifests=$(mktemp)
trap 'rm -f "$manifests"' EXIT
"$KUBECTL" kustomize "$config" | hack/images.sh resolve >"$manifests"

# The nodes of a localkube cluster pull every image from its registry; the controller must look images up in the same one.
if mirror=$(localkube_registry --pods); then
	sed -i "s|^\( *\)- --webhook-port=.*|&\n\1- --registry-mirror=*=http://$mirror|" "$manifests"
fi

say "applying $config"
# config/core overwrites other changes to its fields; changes for one cluster belong into an overlay.
"$KUBECTL" apply --server-side --force-conflicts -f "$manifests" | sed 's/^/    /' >&2
for file in config/flags/*-*.yaml; do
	settings=$(basename "$file" .yaml)
	if "$KUBECTL" get configmap "$settings" -n "$namespace" --ignore-not-found -o name | grep -q .; then
		say "keeping the existing settings in $settings"
	else
		"$KUBECTL" apply --server-side -f "$file" | sed 's/^/    /' >&2
	fi
done

say "waiting for the controller"
established tasks.tekton.dev taskruns.tekton.dev pipelines.tekton.dev pipelineruns.tekton.dev customruns.tekton.dev
if ! "$KUBECTL" rollout status deployment/sluice-controller -n "$namespace" --timeout=180s >/dev/null; then
	"$KUBECTL" get pods -n "$namespace" -o wide >&2 || true
	"$KUBECTL" logs deployment/sluice-controller -n "$namespace" --tail=20 >&2 || true
	die "the controller did not become ready" "run: kubectl describe pods -n $namespace"
fi
# A controller that was replaced works on runs, with its old arguments, until its process has ended.
ending=$("$KUBECTL" get pods -n "$namespace" -l app.kubernetes.io/name=sluice-controller \
	-o go-template='{{range .items}}{{if .metadata.deletionTimestamp}}pod/{{.metadata.name}} {{end}}{{end}}')
if [ -n "$ending" ]; then
	# shellcheck disable=SC2086 # the names are words
	"$KUBECTL" wait -n "$namespace" --for=delete $ending --timeout=120s >/dev/null ||
		die "the controller before this one did not end" "run: kubectl describe pods -n $namespace"
fi
say "the controller is ready"
if grep -q 'name: sluice-resolvers$' "$manifests"; then
	say "waiting for the resolvers"
	if ! "$KUBECTL" rollout status deployment/sluice-resolvers -n tekton-pipelines-resolvers --timeout=180s >/dev/null; then
		"$KUBECTL" get pods -n tekton-pipelines-resolvers -o wide >&2 || true
		"$KUBECTL" logs deployment/sluice-resolvers -n tekton-pipelines-resolvers --tail=20 >&2 || true
		die "the resolvers did not become ready" "run: kubectl describe pods -n tekton-pipelines-resolvers"
	fi
	say "the resolvers are ready"
fi
