# Every way to work on Sluice, from the root. `make help` explains them.
#
# One set of build flags for everything: with others, Kubernetes would be compiled twice (see hack/env.sh).
export CGO_ENABLED ?= 0
export GOFLAGS := $(filter-out -trimpath,$(shell go env GOFLAGS)) -trimpath

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo down test test-unit test-integration test-e2e test-fault soak fuzz lint lint-prose verify vuln sbom reproducible generate images standins cli deploy undeploy conformance bench bench-scale localkube deps

## Use it

demo: ## Show it: a Kubernetes on this machine, Sluice in it, and a pipeline with large results; it stays up
	@hack/demo.sh

down: ## Take the demo's cluster down, with everything that it had
	@if [ -x bin/localkube ]; then bin/localkube down $${LOCALKUBE_DIR:+--dir "$$LOCALKUBE_DIR"}; else echo "nothing is up: bin/localkube was never built"; fi

deploy: ## Deploy to the cluster of the current kubeconfig; KO_DOCKER_REPO says where images go
	@hack/deploy.sh

undeploy: ## Remove Sluice, and everything that it stored, from the cluster of the current kubeconfig
	@hack/undeploy.sh

images: ## Build both images and push them to KO_DOCKER_REPO; then as make standins
	@hack/images.sh
	@hack/images/standin.sh

standins: ## Make stand-ins for public images from Debian packages; localkube serves them to its pods
	@hack/images/standin.sh

cli: ## Build bin/sluice, the command line, and what run --local puts on a cluster
	@. hack/env.sh; go build -ldflags "-s -w -X github.com/sluice-ci/sluice/internal/version.number=$$SLUICE_VERSION" -o bin/ ./cmd/sluice ./cmd/controller ./cmd/inpod ./cmd/inpod-spiffe

## Work on it

test: test-unit test-integration test-e2e ## Run every test: unit, integration on an API server, e2e on a real kubelet

test-unit: ## Run the tests that need no cluster
	@go test ./...
	@hack/fuzz-smoke.sh
	@cd tools && go test ./...
	@cd tools/promql && go test ./...
	@cd localkube && go test ./...

test-integration: ## Run the tests that need an API server, on one that is started for them
	@hack/with-localkube.sh --api-only hack/test-cluster.sh integration

test-e2e: ## Run the tests that need a whole cluster, on one that is started for them
	@hack/with-localkube.sh hack/test-cluster.sh e2e

test-fault: ## Run the tests that break a cluster while runs are under way, on one that is started for them
	@hack/with-localkube.sh --container-log-max-size=1Mi --node-grace-period=5s hack/test-cluster.sh fault

lint: ## Check style and import directions with golangci-lint, and the English of comments, messages and pages
	@hack/lint.sh
	@hack/prose.sh

lint-prose: ## Check the English of comments, messages and pages only, with nothing left out; hack/prose.sh PATH… for a part
	@hack/prose.sh .

verify: ## Check that generated files, formatting, module files and image sizes are as they must be
	@hack/verify.sh

vuln: ## Look for known holes in what the programs use, with govulncheck; VULNDB=file:///FOLDER for a copy of the database
	@hack/vuln.sh

sbom: ## Write an SPDX list of what each image, and localkube, is made of into bin/sbom
	@hack/sbom.sh

reproducible: ## Build the images twice, in two folders and with two caches, and compare them
	@hack/check-reproducible.sh

generate: ## Write deepcopy methods and CRDs from api/v1, what sluice install applies, and docs/cli from the commands
	@hack/generate.sh

conformance: ## Apply every file of SUITE to the current cluster and print how its runs ended; MODE sets results-from
	@hack/conformance.sh

soak: ## Send COUNT=1000 TaskRuns of random contents through a cluster that is started for them, and verify every byte
	@hack/with-localkube.sh hack/soak.sh

chaos: ## Break a cluster that is started for it for MINUTES=10 while runs of all kinds are under way, and check each; SEED replays
	@hack/with-localkube.sh --container-log-max-size=1Mi --node-grace-period=5s hack/chaos.sh

fuzz: ## Fuzz every target for MINUTES=10, JOBS=2 at once; hack/fuzz.sh has more
	@hack/fuzz.sh

bench: ## Measure what a TaskRun takes, beside bare pods, on a cluster that is started for it; BENCH="-only seq,burst20" for a part
	@hack/with-localkube.sh hack/bench.sh $(BENCH)

bench-scale: ## Measure what the controller needs for thousands of tasks, on an API server that is started for it
	@hack/with-localkube.sh --api-only hack/bench-scale.sh

localkube: ## Build bin/localkube and what it needs
	@hack/build-localkube.sh

deps: ## Install what this machine lacks for the above (Debian packages; asks for root)
	@hack/install-deps.sh --browser

help: ## Show this
	@awk 'BEGIN { FS = ":.*## " } \
		/^## / { printf "\n%s\n", substr($$0, 4) } \
		/^[a-z0-9-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
