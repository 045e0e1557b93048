#!/usr/bin/env bash
# Writes what is generated: the deepcopy methods of the API types, their CRDs, the manifests that `sluice install` holds, and
# the pages of the command line, into the given folders.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

out=${1:-config/crd/bases}
deepcopy=${2:-api}
cli=${3:-docs/cli}
manifests=${4:-internal/cli/cmd/install/bundle/files}

hack/tool.sh controller-gen crdfinish kustomize
mkdir -p "$out"
for version in v1 v1beta1; do
	mkdir -p "$deepcopy/$version"
	bin/tools/controller-gen object "output:object:dir=$deepcopy/$version" "paths=./api/$version"
done
# Without the metadata of embedded objects, labels of a volumeClaimTemplate would be dropped.
bin/tools/controller-gen crd:generateEmbeddedObjectMeta=true "output:crd:dir=$out" paths=./api/...
bin/tools/crdfinish "$out"/*.yaml
# What `sluice install` applies; comments of config/ that are not in the objects stay there. The kinds take nearly 4 MB, which
# stand in config/crd to be read.
mkdir -p "$manifests"
bin/tools/kustomize build config/core | gzip -n -9 >"$manifests/core.yaml.gz"
bin/tools/kustomize build config/flags >"$manifests/flags.yaml"
for scope in "" namespaced; do
	for file in config/enable-log-access-to-controller/$scope/*.yaml; do
		printf -- '---\n'
		grep -v '^#' "$file"
	done >"$manifests/logs${scope:+-$scope}.yaml"
done
# Pages of commands that are gone go, too. Other files in the folder stay.
mkdir -p "$cli"
rm -f "$cli"/sluice.md "$cli"/sluice_*.md
go run ./cmd/sluice reference "$cli"
