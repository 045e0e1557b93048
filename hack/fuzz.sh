#!/usr/bin/env bash
# Fuzzes every target for MINUTES, JOBS at the same time, and prints how many inputs each has run. A finding ends its target,
# is stored in testdata/fuzz of the package, and makes this script fail: fix the bug, and add a named test.
#
#   MINUTES=10 JOBS=2 hack/fuzz.sh [PATTERN]        PATTERN is a regular expression for names of targets
#   hack/fuzz.sh --keep 20                          copies up to 20 inputs per target from the build cache into testdata/fuzz
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"

# targets prints "PACKAGE TARGET" for each target.
targets() {
	git ls-files -co --exclude-standard '*_test.go' | xargs grep -HoE '^func Fuzz[A-Za-z0-9_]*' |
		sed -E 's|^(.*)/[^/]*:func (.*)$|./\1 \2|' | sort
}

# found prints the folder in which the go command keeps the inputs that reached new code.
found() {
	printf '%s/fuzz/%s/%s\n' "$(go env GOCACHE)" "$(go list "$1")" "$2"
}

# keep copies inputs of at most 4 KiB, spread evenly over all inputs, so that the tests run them in the future.
keep() {
	local package target from
	targets | while read -r package target; do
		from=$(found "$package" "$target")
		[ -d "$from" ] || continue
		mkdir -p "$package/testdata/fuzz/$target"
		find "$from" -type f -size -8 | sort |
			awk -v most="$1" '{ file[NR] = $0 } END { step = NR > most ? NR / most : 1; for (i = 1; i <= NR; i += step) print file[int(i)] }' |
			xargs -r cp -n -t "$package/testdata/fuzz/$target"
	done
}

# one fuzzes one target with one worker, so that JOBS is the number of workers.
one() {
	local package=$1 target=$2 out
	out=$(mktemp)
	if go test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "${MINUTES}m" -fuzzminimizetime 10s -parallel 1 -timeout 0 >"$out" 2>&1; then
		printf 'ok  \t%s\t%s\t%s minutes\t%s\n' "$package" "$target" "$MINUTES" \
			"$(sed -nE 's/.*execs: ([0-9]+) .*(new interesting.*)/\1 inputs, \2/p' "$out" | tail -n 1)"
		rm -f "$out"
		return
	fi
	printf 'FAIL\t%s\t%s\tsee %s\n' "$package" "$target" "$out"
	tail -n 30 "$out" >&2
	return 1
}

if [ "${1:-}" = --keep ]; then
	keep "${2:?how many}"
	exit
fi
if [ "${1:-}" = --one ]; then
	one "$2" "$3"
	exit
fi
export MINUTES=${MINUTES:-10}
targets | grep -E -- "${1:-.}" | xargs -P "${JOBS:-2}" -L 1 "$0" --one
