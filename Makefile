# Commands to work on Sluice, from the root. `make help` explains them.
#
# The same build flags for everything: with different flags, Kubernetes would be compiled twice (see hack/env.sh).
export CGO_ENABLED ?= 0
flags := $(shell go env GOFLAGS)
export GOFLAGS := $(flags) $(foreach flag,-trimpath -gcflags=all=-dwarf=false,\
	$(if $(findstring $(firstword $(subst =, ,$(flag))),$(flags)),,$(flag)))

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo down test test-unit test-integration test-e2e test-beside test-fault test-kubernetes test-nodes test-resolvers test-tutorials soak fuzz lint lint-prose verify vuln sbom reproducible generate images site standins cli deploy undeploy conformance bench bench-scale retention localkube deps

## Use it

demo: ## Start Kubernetes on this machine, deploy Sluice, and run a pipeline with large results; the cluster stays up
	@hack/demo.sh

down: ## Remove the cluster of the demo
	@if [ -x bin/localkube ]; then bin/localkube down $${LOCALKUBE_DIR:+--dir "$$LOCALKUBE_DIR"}; else echo "no cluster is running: bin/localkube does not exist"; fi

deploy: ## Deploy to the cluster of the current kubeconfig; KO_DOCKER_REPO is the repository for images
	@hack/deploy.sh

undeploy: ## Remove Sluice and all its objects from the cluster of the current kubeconfig
	@hack/undeploy.sh

images: ## Build all images and push them to KO_DOCKER_REPO; then run make standins
	@hack/images.sh
	@hack/images/standin.sh

standins: ## Build stand-ins for public images from Debian packages; localkube serves them to its pods
	@hack/images/standin.sh

cli: ## Build bin/sluice, the command line, and the programs that sluice run --local deploys
	@. hack/env.sh; go build -ldflags "-s -w -X github.com/sluice-ci/sluice/internal/version.number=$$SLUICE_VERSION" -o bin/ ./cmd/sluice ./cmd/controller ./cmd/resolvers ./cmd/inpod ./cmd/inpod-spiffe

## Work on it

test: test-unit test-integration test-e2e ## Run every test: unit, integration on an API server, e2e on a real kubelet

test-unit: ## Run the tests that need no cluster
	@go test ./...
	@hack/fuzz-smoke.sh
	@cd tools && go test ./...
	@cd tools/promql && go test ./...
	@cd localkube && go test ./...

test-integration: ## Start an API server, and two with Tekton's kinds, and run the tests that need one; FULL=1 with 2,000 stored objects
	@status=0; \
	hack/with-localkube.sh --api-only hack/test-cluster.sh integration || status=$$?; \
	hack/with-localkube.sh --api-only --audit-log hack/test-cluster.sh beside || status=$$?; \
	hack/with-localkube.sh --api-only hack/test-cluster.sh takeover || status=$$?; \
	exit $$status

test-e2e: ## Start a cluster and run the tests that need one
	@hack/with-localkube.sh hack/test-cluster.sh e2e

test-beside: ## Start a cluster with Tekton's kinds, and run the commands of docs/side-by-side.md and children of all kinds there
	@hack/with-localkube.sh hack/test-cluster.sh beside/node

test-fault: ## Start a cluster and run the tests that break it while runs are in progress
	@hack/with-localkube.sh --container-log-max-size=1Mi --node-grace-period=5s hack/test-cluster.sh fault

test-nodes: ## Start a cluster of three nodes and run the tests of coscheduling, affinity and lost nodes
	@hack/with-localkube.sh --nodes=3 --node-grace-period=5s hack/test-cluster.sh nodes

test-resolvers: ## Start a cluster with git, TLS and SSH servers in a pod, and run the tests of all resolvers
	@hack/with-localkube.sh hack/test-cluster.sh resolvers

test-kubernetes: ## Run the integration and e2e tests on another version of Kubernetes: VERSION=1.34 (compiles it the first time)
	@hack/test-kubernetes.sh $(VERSION)

test-tutorials: ## Run the commands of the tutorials on a new cluster, at port 6443, and compare their output with the pages
	@hack/test-tutorials.sh

lint: ## Check style and import directions (golangci-lint), and the English of comments, messages and pages
	@hack/lint.sh
	@hack/prose.sh

lint-prose: ## Check only the English, of everything; hack/prose.sh PATH… for a part
	@hack/prose.sh .

verify: ## Check generated files, formatting, module files and image sizes
	@hack/verify.sh

vuln: ## Check dependencies for known vulnerabilities with govulncheck; VULNDB=file:///FOLDER for a copy of the database
	@hack/vuln.sh

site: ## Build the documentation site into bin/site/html, and check its links; requires Node.js with npm
	@hack/site.sh

sbom: ## Write SPDX lists of the contents of the images and of localkube into bin/sbom
	@hack/sbom.sh

reproducible: ## Build the images twice, in two folders with two caches, and compare them
	@hack/check-reproducible.sh

.PHONY: release
release: ## Build a release of this commit into dist/VERSION, and check it; SIGNING_KEY signs it; see docs/release.md
	@hack/release.sh

generate: ## Generate deepcopy methods, CRDs, the manifests of sluice install, and docs/cli
	@hack/generate.sh

conformance: ## Apply every file of SUITE to the current cluster and print the outcomes of its runs; MODE sets results-from
	@hack/conformance.sh

soak: ## Start a cluster, run COUNT=1000 TaskRuns with random results, and verify every byte
	@hack/with-localkube.sh hack/soak.sh

chaos: ## Start a cluster of NODES=1, break it for MINUTES=10 while runs are in progress, and check each run; SEED replays
	@hack/with-localkube.sh --container-log-max-size=1Mi --node-grace-period=5s --nodes=$(or $(NODES),1) hack/chaos.sh

fuzz: ## Fuzz every target for MINUTES=10, JOBS=2 at the same time; hack/fuzz.sh has more options
	@hack/fuzz.sh

bench: ## Start a cluster and measure how long TaskRuns take, compared with bare pods; BENCH="-only seq,burst20" for a part
	@hack/with-localkube.sh hack/bench.sh $(BENCH)

bench-scale: ## Start an API server and measure what the controller needs for thousands of tasks; BENCH="-only many,finished" for a part
	@hack/with-localkube.sh --api-only hack/bench-scale.sh $(BENCH)

retention: ## Fill an etcd of 256 MiB with results of 1 MB for an hour, with retention; RETENTION="-off" shows its alarm
	@hack/with-localkube.sh --api-only --etcd-quota=256Mi hack/retention.sh $(RETENTION)

localkube: ## Build bin/localkube and the programs that it needs
	@hack/build-localkube.sh

deps: ## Install the Debian packages that the above needs (requires root)
	@hack/install-deps.sh --browser

help: ## Show this help
	@awk 'BEGIN { FS = ":.*## " } \
		/^## / { printf "\n%s\n", substr($$0, 4) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
