//go:build e2e

package resolvers

import (
	"os"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/test/testutil/suite"
)

const (
	// parallel is the number of runs at the same time.
	parallel = 6
	// building is how long the pod of the servers may take to start. Its image has about 200 MB.
	building = 3 * time.Minute
)

func TestMain(m *testing.M) { os.Exit(suite.Main(m, parallel)) }
