// Package hold makes the first step of a pod wait as long as the controller holds it.
package hold

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/sluice-ci/sluice/internal/inpod/rundir"
	"github.com/sluice-ci/sluice/internal/inpod/securefile"
)

// Held is the content of the file as long as the step must wait. With any other content it may start.
const Held = "held"

// Wait waits as long as the file at path, which the kubelet rewrites, contains Held. It returns false if asked is closed
// meanwhile, and an error if the file cannot be read.
func Wait(path string, asked <-chan struct{}) (released bool, err error) {
	// The step may have been released already; then it needs no watch.
	if held, err := read(path); err != nil || !held {
		return err == nil, err
	}
	watch := rundir.Watch(filepath.Dir(path)) // the kubelet replaces a link there when the content changes
	defer watch.Close()
	for {
		if held, err := read(path); err != nil || !held {
			return err == nil, err
		}
		if !watch.Wait(asked) {
			return false, nil
		}
	}
}

// maxContent is longer than any content.
const maxContent = 64

func read(path string) (held bool, err error) {
	content, err := securefile.ReadHead(path, maxContent)
	if err != nil {
		return false, fmt.Errorf("cannot read whether the step may start: %w", err)
	}
	return strings.TrimSpace(string(content)) == Held, nil
}
