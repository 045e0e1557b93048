#!/usr/bin/env bash
# Checks every commit, without a cluster: generated files are current, Go files are formatted, module files are tidy, the
# manifests build, and the in-pod binary does not import Kubernetes.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failed=0
check() {
	local what=$1 hint=$2
	shift 2
	if "$@" >"$scratch/out" 2>&1; then
		printf 'ok    %s\n' "$what"
		sed -n 's/^.* of [0-9]* bytes.*$/      &/p' "$scratch/out"
	else
		failed=1
		printf 'FAIL  %s\n' "$what"
		sed 's/^/      /' "$scratch/out"
		printf 'hint: %s\n' "$hint"
	fi
}

generated() {
	hack/generate.sh "$scratch/crd" "$scratch/deepcopy" "$scratch/cli" "$scratch/manifests" "$scratch/specs"
	for version in v1 v1beta1 resolution/v1beta1; do
		diff -u "api/$version/zz_generated.deepcopy.go" "$scratch/deepcopy/$version/zz_generated.deepcopy.go" || return
	done
	diff -ru config/crd/bases "$scratch/crd" && diff -ru docs/cli "$scratch/cli" || return
	diff -u internal/admission/specschema/specs.json "$scratch/specs/specs.json" || return
	# Compare the text, because another gzip may compress it differently.
	for files in internal/cli/cmd/install/bundle/files "$scratch/manifests"; do
		mkdir -p "$scratch/unpacked/$files"
		cp -r "$files/." "$scratch/unpacked/$files" && gzip -df "$scratch/unpacked/$files/core.yaml.gz"
	done
	diff -ru "$scratch/unpacked/internal/cli/cmd/install/bundle/files" "$scratch/unpacked/$scratch/manifests"
}
formatted() {
	local files
	files=$(git ls-files --cached --others --exclude-standard '*.go' | xargs -r gofmt -l)
	printf '%s' "$files"
	[ -z "$files" ]
}
tidy() { (cd "$1" && go mod tidy -diff); }
manifests() {
	hack/tool.sh kustomize
	bin/tools/kustomize build config/default >"$scratch/default.yaml"
}

check "generated files are current" "run: make generate" generated
check "Go files are formatted" "run: gofmt -w FILE" formatted
for module in $(git ls-files --cached --others --exclude-standard -- go.mod '*/go.mod' | xargs -n 1 dirname); do
	check "module files of $module are tidy" "run: (cd $module && go mod tidy)" tidy "$module"
done
check "config/default builds" "see config/README.md" manifests
check "the in-pod binary is small and does not import Kubernetes" "see hack/check-inpod.sh" hack/check-inpod.sh
check "the images are small, and contain only their programs" "see .ko.yaml and hack/check-image-size.sh" hack/check-image-size.sh
exit $failed
