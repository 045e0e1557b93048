#!/usr/bin/env bash
# Shows Sluice from start to end: builds and starts Kubernetes on this machine, deploys Sluice, and runs a pipeline that
# passes a software bill of materials of several hundred kilobytes from task to task as a result.
#
# usage: hack/demo.sh        (make demo)
#
# The cluster stays up until `make down`. A second run reuses everything that exists. When the demo is interrupted, it takes
# down the cluster that it started. LOCALKUBE_DIR and LOCALKUBE_API_PORT select another cluster than the default one.
set -euo pipefail
. "$(dirname "$0")/env.sh"
cd "$root"
[ -z "${KUBERNETES_VERSION:-}" ] ||
	die "the demo does not run on another version of Kubernetes: KUBERNETES_VERSION=$KUBERNETES_VERSION" "unset KUBERNETES_VERSION"
export PATH="$root/bin:$PATH"

readonly steps=8 log=.cache/demo/build.log
readonly example=examples/sbom-pipeline
cluster=(${LOCALKUBE_DIR:+--dir "$LOCALKUBE_DIR"})
began=$SECONDS step=0 child='' started='' restore=''

bold='' plain='' terminal=''
if [ -t 1 ]; then
	terminal=yes
	[ -n "${NO_COLOR:-}" ] || bold=$'\e[1m' plain=$'\e[0m'
fi

# clock prints a number of seconds as minutes and seconds.
clock() { if (($1 < 60)); then printf '%d s' "$1"; else printf '%dm%02ds' $(($1 / 60)) $(($1 % 60)); fi; }

headline() {
	step=$((step + 1))
	printf '\n%s[%d/%d] %s%s%s\n' "$bold" "$step" "$steps" "$1" "$plain" "${2:+ ($2)}"
}

# show prints a command as a user would type it, and runs it.
show() {
	printf '  $ %s\n' "$(typed "$@")"
	"$@" 2>&1 | indent
}

# indent indents lines that are not empty.
indent() { sed -u 's/^./  &/'; }

# patiently runs a slow command in the background, so that a signal takes effect immediately.
patiently() {
	local status=0
	set -m
	{ "$@" 2>&1 | indent; } &
	child=$!
	set +m
	wait "$child" || status=$?
	child=''
	return "$status"
}

# typed quotes words that the shell would split.
typed() {
	local word line=''
	for word in "$@"; do
		[[ $word =~ ^[A-Za-z0-9_./:=@,-]+$ ]] || word="'$word'"
		line+="${line:+ }$word"
	done
	printf '%s' "$line"
}

# work WHAT EXPECTED COMMAND… runs a command with its output in the log, and prints its progress regularly. EXPECTED is how
# long it takes the first time, in seconds. The command has its own process group, so that its children can be ended with it.
work() {
	local what=$1 expected=$2 start=$SECONDS printed=0 of=''
	shift 2
	((expected < 60)) || of=" of about $(clock "$expected")"
	printf -- '--- %s: %s\n' "$what" "$*" >>"$log"
	local from
	from=$(wc -l <"$log")
	set -m
	"$@" >>"$log" 2>&1 </dev/null &
	child=$!
	set +m
	local known=$of ahead
	while kill -0 "$child" 2>/dev/null; do
		wait_a_second
		ahead=$(ahead "$((from + 1))")
		of=${ahead:-$known}
		if [ -n "$terminal" ]; then
			printf '\r  %s … %s%s \e[K' "$what" "$(clock $((SECONDS - start)))" "$of"
		elif ((SECONDS - start >= printed + 30)); then
			printed=$((SECONDS - start))
			printf '  %s … %s%s\n' "$what" "$(clock $printed)" "$of"
		fi
	done
	local status=0
	wait "$child" || status=$?
	child=''
	[ -z "$terminal" ] || printf '\r\e[K'
	if ((status != 0)); then
		printf '  %s failed after %s; the end of %s:\n\n' "$what" "$(clock $((SECONDS - start)))" "$log"
		tail -n +"$((from + 1))" "$log" | tail -n 25 | sed 's/^/    /'
		die "$what failed" "the whole output is in $log"
	fi
	printf '  %s: %s\n' "$what" "$(clock $((SECONDS - start)))"
}

# ahead LINE prints the last estimate of the command whose output begins at that line of the log, if it has printed one.
ahead() { tail -n +"$1" "$log" | sed -nE 's/^  [a-z-]+: ([0-9]+ of [0-9]+ packages, about .* left)$/; \1/p' | tail -n 1; }

# wait_a_second waits for a second, or less if the command ends earlier.
wait_a_second() {
	local tick
	for tick in 1 2 3 4 5; do
		kill -0 "$child" 2>/dev/null || return 0
		sleep 0.2
	done
}

# interrupted stops everything that this demo has started.
interrupted() {
	trap '' INT TERM
	printf '\n\ninterrupted: cleaning up\n'
	if [ -n "$child" ]; then
		kill -TERM -- "-$child" 2>/dev/null || true
		wait "$child" 2>/dev/null || true
	fi
	if [ -n "$started" ]; then
		set -m # in a process group that a second signal does not reach
		localkube down "${cluster[@]}" &
		set +m
		wait "$!" || true
	elif [ -n "$restore" ]; then
		kubectl patch cm feature-flags -n tekton-pipelines -p "$restore" || true
	fi
	exit 130
}
trap interrupted INT TERM

up() {
	if localkube status "${cluster[@]}" >/dev/null 2>&1; then
		printf '  the cluster is already running\n'
	else
		# If a cluster exists but a part of it has died, it is not of this demo, which must not take it down.
		localkube kubeconfig --path "${cluster[@]}" >/dev/null 2>&1 || started=yes
		work 'starting the cluster' 10 localkube up "${cluster[@]}" ${LOCALKUBE_API_PORT:+--api-port "$LOCALKUBE_API_PORT"}
	fi
	KUBECONFIG=$(localkube kubeconfig --path "${cluster[@]}")
	export KUBECONFIG
	show kubectl get nodes
}

# modules writes the table of Go modules into a ConfigMap. It writes it each time, because the modules may have changed.
modules() {
	local folders table=.cache/demo/modules.tsv
	folders=$(git ls-files --cached --others --exclude-standard -- 'go.mod' '*/go.mod' | xargs -n 1 dirname)
	# shellcheck disable=SC2086 # one word for each folder
	bin/demo-modules $folders >"$table"
	kubectl create configmap sbom-modules --from-file="$table" --dry-run=client -o yaml |
		kubectl apply --server-side --force-conflicts -f - | indent
	printf '  it lists the %s Go modules that this project and its tools are built from\n' "$(wc -l <"$table")"
}

build_demo() {
	go build -o bin/demo-show ./hack/demo/show
	go build -o bin/demo-modules ./hack/demo/modules
}

# start creates a run of the pipeline and sets run to its name.
start() {
	printf '  $ %s\n' "kubectl create -f $example/pipelinerun.yaml"
	run=$(kubectl create -f "$example/pipelinerun.yaml" -o name)
	printf '  %s created\n' "$run"
	run=${run#*/}
}

# table prints the log of the last task.
table() {
	local pod
	pod=$(kubectl get taskruns -l "tekton.dev/pipelineRun=$1,tekton.dev/pipelineTask=report" -o 'jsonpath={.items[0].status.podName}')
	printf '\n'
	show kubectl logs "$pod" -c step-print
}

mkdir -p "$(dirname "$log")"
: >"$log"

headline 'Checking the packages of this machine'
work 'checking and installing' 30 hack/install-deps.sh

headline 'Building Kubernetes' 'about 7 minutes on two cores the first time; later no time'
work 'building localkube, containerd and kubectl' 450 hack/build-localkube.sh

headline 'Starting a cluster on this machine'
up

headline 'Building Sluice and deploying it to the cluster' 'about 2 minutes the first time'
work 'building images and deploying' 120 hack/deploy.sh
work 'building the demo' 10 build_demo
work 'building the image for the steps' 10 hack/images/busybox.sh "${cluster[@]}"

headline 'Enabling large results' 'the same commands work on any cluster'
show kubectl patch cm feature-flags -n tekton-pipelines -p '{"data":{"results-from":"sidecar-logs"}}'
show kubectl apply -f config/enable-log-access-to-controller/
show kubectl patch cm feature-flags -n tekton-pipelines -p '{"data":{"max-result-size":"1000000"}}'

headline 'Running a pipeline with large results'
show kubectl apply -f "$example/task-make-sbom.yaml" -f "$example/task-check-sbom.yaml" -f "$example/task-report.yaml" -f "$example/pipeline.yaml"
modules
start
patiently demo-show "$run"
table "$run"

headline 'The same with termination messages' 'the default of results-from; this run must fail and report why'
restore='{"data":{"results-from":"sidecar-logs"}}'
show kubectl patch cm feature-flags -n tekton-pipelines -p '{"data":{"results-from":"termination-message"}}'
good=$run
start
patiently demo-show --want-failure "$run"
show kubectl patch cm feature-flags -n tekton-pipelines -p "$restore"
restore=''

headline 'What to try next'
cat <<END
  export KUBECONFIG=$KUBECONFIG PATH=$root/bin:\$PATH
  kubectl get pipelineruns,taskruns
  kubectl describe taskrun $good-check
  kubectl get taskrun $good-make -o jsonpath='{.status.results[?(@.name=="sbom")].value}' > sbom.json
  kubectl explain taskrun.spec.taskSpec.results
  kubectl create -f examples/sbom-pipeline/pipelinerun.yaml        # another run
  make down                                                        # removes the cluster

done in $(clock $((SECONDS - began))); the cluster stays up until \`make down\`
END
