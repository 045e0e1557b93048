#!/usr/bin/env bash
# Fuzzes what reads input of strangers: each target with its committed seeds, and then with so many new inputs. That is a
# smoke test, bounded by counts. To look for something, run one target for long:
#
#   go test ./internal/results/frame -run '^$' -fuzz '^FuzzReader$' -fuzztime 10m -fuzzminimizetime 1x
#
#   hack/fuzz-smoke.sh [PACKAGE…]
#
# Other packages have targets, too; their tests run the seeds of those. To fuzz them takes minutes of compiling first.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

inputs=${SLUICE_FUZZ_INPUTS:-2000}
[ $# -gt 0 ] || set -- ./internal/results/frame ./internal/results/termination
out=$(mktemp)
trap 'rm -f "$out"' EXIT

for package in "$@"; do
	for target in $(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$package"/*_test.go); do
		# An input that finds new code would be made smaller for up to a minute.
		go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "${inputs}x" -fuzzminimizetime 1x >"$out" 2>&1 || {
			cat "$out" >&2
			die "$target of $package failed" "the input is in $package/testdata/fuzz/$target: mend what it shows, and commit it"
		}
		printf 'ok  \t%s\t%s\t%s inputs\n' "$package" "$target" "$inputs"
	done
done
