package lifecycle

import (
	"fmt"
	"os"
	"strings"
)

// explain appends the end of the log that the error names, because the log may be removed with the cluster.
func (o Options) explain(err error) error {
	const lines = 15
	_, path, found := strings.Cut(err.Error(), "its log is ")
	if !found {
		path = o.Dir.Log("supervisor")
	}
	path, _, _ = strings.Cut(path, ".log")
	content, readErr := os.ReadFile(path + ".log")
	if readErr != nil {
		return err
	}
	all := strings.Split(strings.TrimSpace(string(content)), "\n")
	return fmt.Errorf("%w\n  %s", err, strings.Join(all[max(0, len(all)-lines):], "\n  "))
}
