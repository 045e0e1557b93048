//go:build e2e

package e2e

import (
	"os"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/test/testutil/suite"
)

const (
	// promptness is how long a test waits for what follows from a change at once.
	promptness = 20 * time.Second
	// largest is the limit for one result that most tests run with.
	largest = 1000000
	// parallel is how many runs are under way at once: runs wait for the kubelet more than they use a processor.
	parallel = 6
)

func TestMain(m *testing.M) { os.Exit(suite.Main(m, parallel)) }
