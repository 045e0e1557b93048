#!/usr/bin/env bash
# Generates the deepcopy methods of the API types, their CRDs, the manifests of `sluice install`, the pages of the command line, and
# the schemas of the admission webhook, into the given folders.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

out=${1:-config/crd/bases}
deepcopy=${2:-api}
cli=${3:-docs/cli}
manifests=${4:-internal/cli/cmd/install/bundle/files}
specs=${5:-internal/admission/specschema}

hack/tool.sh controller-gen crdfinish kustomize specschema
mkdir -p "$out"
for version in v1 v1alpha1 v1beta1 resolution/v1beta1; do
	mkdir -p "$deepcopy/$version"
	bin/tools/controller-gen object "output:object:dir=$deepcopy/$version" "paths=./api/$version"
done
# If a CRD has no metadata of embedded objects, the API server drops the labels of a volumeClaimTemplate.
bin/tools/controller-gen crd:generateEmbeddedObjectMeta=true "output:crd:dir=$out" paths=./api/...
bin/tools/crdfinish "$out"/*.yaml
mkdir -p "$specs"
bin/tools/specschema "$specs/specs.json" "$out"/*.yaml
# The manifests of `sluice install`, without the comments of config/. The CRDs take nearly 4 MB, so they are compressed; the
# readable ones are in config/crd.
mkdir -p "$manifests"
bin/tools/kustomize build config/core | gzip -n -9 >"$manifests/core.yaml.gz"
bin/tools/kustomize build config/flags >"$manifests/flags.yaml"
bin/tools/kustomize build config/coexist >"$manifests/coexist.yaml"
bin/tools/kustomize build config/coexist/settings >"$manifests/coexist-settings.yaml"
for scope in "" namespaced; do
	for file in config/enable-log-access-to-controller/$scope/*.yaml; do
		printf -- '---\n'
		grep -v '^#' "$file"
	done >"$manifests/logs${scope:+-$scope}.yaml"
done
# Remove the pages of deleted commands, too. Keep other files in the folder.
mkdir -p "$cli"
rm -f "$cli"/sluice.md "$cli"/sluice_*.md
go run ./cmd/sluice reference "$cli"
