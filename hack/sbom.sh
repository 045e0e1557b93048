#!/usr/bin/env bash
# Writes an SPDX list of the contents of each image, and of localkube, into the folder bin/sbom, or into the given folder.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

folder=$(realpath -m "${1:-bin/sbom}")
hack/tool.sh ko imagecheck
module=$(go list -m)
read -ra options < <(hack/images.sh options)
mkdir -p "$folder"

# lists MODULE-FOLDER IMPORTPATH=MIB…
lists() {
	(cd "$1" && shift && "$root/bin/tools/imagecheck" -ko "$root/bin/tools/ko" "$@" -- "${options[@]}" --sbom=spdx "--sbom-dir=$folder" >&2)
}
lists . "$module/cmd/inpod=4" "$module/cmd/inpod-spiffe=16" "$module/cmd/controller=62" "$module/cmd/resolvers=60"
[ -n "${WITHOUT_LOCALKUBE:-}" ] || lists localkube "$module/localkube=400"
ls -1 "$folder"
