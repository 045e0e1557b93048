#!/usr/bin/env bash
# Runs many TaskRuns with results of random size and content on the current cluster, and verifies every byte; see go doc
# ./test/load/soak. Deploys Sluice first, with the right to read logs.
#
#   COUNT=1000 SEED=7 PARALLEL=3 MINUTES=60 hack/soak.sh [OPTION…]
#
# Without SEED it chooses a random seed and prints it. KO_DOCKER_REPO is the repository for images.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"
. hack/kubectl.sh

if [ -z "${KO_DOCKER_REPO:-}" ]; then
	KO_DOCKER_REPO=$(localkube_registry)/sluice || die "KO_DOCKER_REPO is not set" "set it to a registry that you can push to and the cluster can pull from"
	export KO_DOCKER_REPO
fi
hack/deploy.sh
"$KUBECTL" apply -f config/enable-log-access-to-controller/ | sed 's/^/    /' >&2

say "building the image for the steps"
mapfile -t options < <(hack/images.sh options | tr ' ' '\n')
KO_DEFAULTBASEIMAGE=$(bin/tools/emptyimage "$KO_DOCKER_REPO/base:empty")
export KO_DEFAULTBASEIMAGE
image=$(bin/tools/ko build "${options[@]}" ./test/load/soak/produce 2>/dev/null)

go build -o bin/soak ./test/load/soak
exec bin/soak -image "$image" -count "${COUNT:-1000}" -parallel "${PARALLEL:-3}" -minutes "${MINUTES:-60}" ${SEED:+-seed "$SEED"} "$@"
