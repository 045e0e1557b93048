//go:build e2e

package local

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// TestInterruptedTwice: hack/with-localkube.sh takes its cluster down although a second signal arrives while it does so. make
// sends that one to its child after a terminal or a supervisor has sent the first to the whole group.
func TestInterruptedTwice(t *testing.T) {
	args := []string{"--api-only", "sh", "-c", `echo "cluster in $LOCALKUBE_DIR" >&2; exec sleep 3600`}
	for name, signal := range map[string]syscall.Signal{
		"Interrupt": syscall.SIGINT,
		"Terminate": syscall.SIGTERM,
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			c := exec.CommandContext(ctx, "hack/with-localkube.sh", args...)
			c.Dir, c.SysProcAttr = root, &syscall.SysProcAttr{Setpgid: true}
			log, err := c.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := c.Start(); err != nil {
				t.Fatal(err)
			}
			dir := ""
			for lines := bufio.NewScanner(log); lines.Scan(); {
				t.Log(lines.Text())
				at, started := strings.CutPrefix(lines.Text(), "cluster in ")
				if started {
					dir = at
				}
				if started || strings.Contains(lines.Text(), "taking the cluster down") {
					if err := syscall.Kill(-c.Process.Pid, signal); err != nil {
						t.Fatal(err)
					}
				}
			}
			if err := c.Wait(); err == nil {
				t.Error("the script succeeded, although it was interrupted")
			}
			if dir == "" {
				t.Fatal("the cluster never started")
			}
			t.Cleanup(func() { takeDown(t, dir) })
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				t.Errorf("the folder of the cluster still exists: %v", err)
			}
			if left := processesOf(t, dir); len(left) > 0 {
				t.Errorf("processes of the cluster are left: %q", left)
			}
		})
	}
}

// takeDown removes a cluster that is still there.
func takeDown(t *testing.T, dir string) {
	t.Helper()
	if _, err := os.Stat(dir); os.IsNotExist(err) {
		return
	}
	command(context.Background(), t, nil, "localkube", "down", "--dir", dir)
	if err := os.RemoveAll(dir); err != nil {
		t.Error(err)
	}
}

// processesOf returns the command lines of the processes that were started with dir in them.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	left := []string{}
	for _, file := range files {
		line, err := os.ReadFile(file)
		if err == nil && strings.Contains(string(line), dir) {
			left = append(left, strings.ReplaceAll(string(line), "\x00", " "))
		}
	}
	slices.Sort(left)
	return left
}
