#!/usr/bin/env bash
# Writes what is generated: the deepcopy methods of the API types, their CRDs, and the pages of the command line, into the
# given folders.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

out=${1:-config/crd/bases}
deepcopy=${2:-api}
cli=${3:-docs/cli}

hack/tool.sh controller-gen crdfinish
mkdir -p "$out"
for version in v1 v1beta1; do
	mkdir -p "$deepcopy/$version"
	bin/tools/controller-gen object "output:object:dir=$deepcopy/$version" "paths=./api/$version"
done
# Without the metadata of embedded objects, labels of a volumeClaimTemplate would be dropped.
bin/tools/controller-gen crd:generateEmbeddedObjectMeta=true "output:crd:dir=$out" paths=./api/...
bin/tools/crdfinish "$out"/*.yaml
# Pages of commands that are gone go, too.
rm -rf "$cli"
mkdir -p "$cli"
go run ./cmd/sluice reference "$cli"
