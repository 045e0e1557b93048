//go:build e2e

package e2e

import (
	"os"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/test/testutil/suite"
)

const (
	// promptness bounds the wait for an immediate effect of a change.
	promptness = 20 * time.Second
	// largest is max-result-size in most tests.
	largest = 1000000
	// parallel is the number of runs at the same time. Runs mostly wait for the kubelet and need little processor time.
	parallel = 6
)

func TestMain(m *testing.M) { os.Exit(suite.Main(m, parallel)) }
