package lifecycle

import (
	"fmt"
	"os"
	"testing"

	"github.com/sluice-ci/sluice/localkube/internal/supervisor"
)

// TestMain does not run the tests in a process that Up has started. Up starts its own program as the supervisor, and in a test
// that is the test program: a test that gets so far by mistake would start itself again and again.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == supervisor.Name {
		fmt.Fprintln(os.Stderr, "error: a test has started a supervisor")
		os.Exit(1)
	}
	os.Exit(m.Run())
}
