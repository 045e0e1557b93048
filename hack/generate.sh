#!/usr/bin/env bash
# Writes what is generated: the deepcopy methods of the API types, and their CRDs into the given folder.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

out=${1:-config/crd/bases}
deepcopy=${2:-api/v1}

hack/tool.sh controller-gen crdfinish
mkdir -p "$out" "$deepcopy"
bin/tools/controller-gen object "output:object:dir=$deepcopy" crd "output:crd:dir=$out" paths=./api/...
bin/tools/crdfinish "$out"/*.yaml
