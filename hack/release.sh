#!/usr/bin/env bash
# Builds a release of the current commit into dist/VERSION, and checks it. docs/release.md describes the files.
#
#   VERSION=v1.2.3 hack/release.sh
#
# DIST is the folder in which the folder VERSION is created (default: dist).
# RELEASE_REPOSITORY is the repository for images in the manifests (default: ghcr.io/sluice-ci/sluice). Nothing is pushed.
# PLATFORMS limits the platforms, to try the build: PLATFORMS=linux/amd64 (default: all).
# SIGNING_KEY is a file with a private key in PEM, which signs the checksums. COSIGN_PASSWORD is its password.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

hack/tool.sh release
bin/tools/release build -version "${VERSION:-}" -dist "${DIST:-dist}" -repository "${RELEASE_REPOSITORY:-ghcr.io/sluice-ci/sluice}" \
	-key "${SIGNING_KEY:-}" -platforms "${PLATFORMS:-}" .
