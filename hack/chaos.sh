#!/usr/bin/env bash
# Sends random Tasks and Pipelines through the controller of the current cluster while it breaks and repairs parts of that
# cluster. Compares each run with the records of its steps; see docs/chaos.md and go doc ./test/chaos. Deploys Sluice
# first, with the right to read logs and a clock that can be set.
#
#   SEED=7 MINUTES=10 PARALLEL=4 hack/chaos.sh [OPTION…]
#
# The cluster must be a localkube cluster (LOCALKUBE_DIR) that is used for nothing else. Without SEED it chooses a random seed
# and prints it. KO_DOCKER_REPO is the repository for images. FINDINGS is the folder for findings (default:
# bin/chaos-findings).
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"
. hack/kubectl.sh

[ -n "${LOCALKUBE_DIR:-}" ] || die "LOCALKUBE_DIR is not set: this breaks a localkube cluster" "make chaos starts one for it"
if [ -z "${KO_DOCKER_REPO:-}" ]; then
	KO_DOCKER_REPO=$(localkube_registry)/sluice || die "cannot find a localkube cluster in $LOCALKUBE_DIR" "make chaos starts one"
	export KO_DOCKER_REPO
fi
hack/deploy.sh
"$KUBECTL" apply -f config/enable-log-access-to-controller/ | sed 's/^/    /' >&2

mapfile -t options < <(hack/images.sh options | tr ' ' '\n')
KO_DEFAULTBASEIMAGE=$(bin/tools/emptyimage "$KO_DOCKER_REPO/base:empty")
export KO_DEFAULTBASEIMAGE

# ko PACKAGE builds and pushes an image, and prints its reference. It prints the log of ko only if ko fails.
ko() {
	local log
	log=$(mktemp)
	bin/tools/ko build "${options[@]}" "$1" 2>"$log" || { cat "$log" >&2 && rm -f "$log" && return 1; }
	rm -f "$log"
}

say "building a controller whose clock can be set, and the image that the steps run in"
overlay=$(go run ./test/chaos/overlay -dir .cache/chaos-overlay ./cmd/controller)
controller=$(GOFLAGS="$GOFLAGS -overlay=$overlay" ko ./cmd/controller)
image=$(ko ./test/chaos/step)
"$KUBECTL" set image deployment/sluice-controller controller="$controller" -n tekton-pipelines >/dev/null
"$KUBECTL" rollout status deployment/sluice-controller -n tekton-pipelines --timeout=180s >/dev/null

go build -o bin/chaos ./test/chaos
exec bin/chaos -image "$image" -minutes "${MINUTES:-10}" -parallel "${PARALLEL:-4}" -localkube "$LOCALKUBE_DIR" \
	-findings "${FINDINGS:-bin/chaos-findings}" ${SEED:+-seed "$SEED"} "$@"
