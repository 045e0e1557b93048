#!/usr/bin/env bash
# Builds all images with ko, on an empty base, and pushes them to KO_DOCKER_REPO.
#
#   hack/images.sh                 prints the references, by digest
#   hack/images.sh options         prints the options for ko
#   hack/images.sh resolve <IN     copies manifests from standard input to standard output, with references by digest
#
# PLATFORMS lists the platforms (default: that of this machine; "linux/amd64,linux/arm64" for a mixed cluster).
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

options=(--base-import-paths --sbom=none --image-user=65532 "--platform=${PLATFORMS:-linux/$(go env GOARCH)}")
if [ "${1:-}" = options ]; then
	echo "${options[@]}"
	exit
fi

[ -n "${KO_DOCKER_REPO:-}" ] || die "cannot push images: KO_DOCKER_REPO is not set" \
	"KO_DOCKER_REPO=registry.example.com/sluice, a registry that you can push to and the cluster can pull from"

hack/tool.sh ko emptyimage
say "building the images and pushing them to $KO_DOCKER_REPO"
KO_DEFAULTBASEIMAGE=$(bin/tools/emptyimage "$KO_DOCKER_REPO/base:empty")
export KO_DEFAULTBASEIMAGE

log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ "${1:-}" = resolve ]; then
	bin/tools/ko resolve "${options[@]}" -f - 2>"$log" || { cat "$log" >&2 && exit 1; }
else
	bin/tools/ko build "${options[@]}" ./cmd/controller ./cmd/resolvers ./cmd/inpod ./cmd/inpod-spiffe 2>"$log" || { cat "$log" >&2 && exit 1; }
fi
