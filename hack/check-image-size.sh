#!/usr/bin/env bash
# Builds all release images, without a registry. Fails if an image is too large, contains more than its program, or runs as
# root.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

hack/tool.sh ko imagecheck
module=$(go list -m)
# hack/sbom.sh and hack/check-reproducible.sh have the same limits. The controller has 60.3 MiB, of which about 0.4 verify signatures (sigstore, with the formats of keys that it reads).
bin/tools/imagecheck -ko bin/tools/ko "$module/cmd/inpod=4" "$module/cmd/inpod-spiffe=16" "$module/cmd/controller=62" "$module/cmd/resolvers=60" -- $(hack/images.sh options)
