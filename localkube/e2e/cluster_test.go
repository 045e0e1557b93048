//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluice-ci/sluice/localkube/internal/lifecycle"
	"github.com/sluice-ci/sluice/localkube/internal/network"
	"github.com/sluice-ci/sluice/localkube/internal/state"
)

// patience bounds every wait. It is long, because these tests do not measure speed.
const patience = 3 * time.Minute

// cluster is the cluster of one test.
type cluster struct {
	t    *testing.T
	dir  state.Dir
	port int
}

// newCluster chooses a directory and a port. When the test ends, in any state, the cluster is taken down and nothing may be
// left of it.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c := &cluster{t: t, dir: state.Dir(filepath.Join(t.TempDir(), "cluster")), port: listener.Addr().(*net.TCPAddr).Port}
	t.Cleanup(func() {
		c.run("down", "--dir", string(c.dir))
		c.checkNothingLeft()
	})
	return c
}

// binary is the program under test.
func binary(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../bin/localkube")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatalf("build it first, with hack/build-localkube.sh: %v", err)
	}
	return path
}

// command returns localkube with the arguments. It is killed when the test ends.
func (c *cluster) command(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	c.t.Cleanup(cancel)
	return exec.CommandContext(ctx, binary(c.t), args...)
}

// run runs localkube, which must succeed, and returns its output.
func (c *cluster) run(args ...string) string {
	c.t.Helper()
	output, err := c.command(args...).CombinedOutput()
	if err != nil {
		c.t.Errorf("localkube %s: %v\n%s", strings.Join(args, " "), err, output)
	}
	return string(output)
}

// fail runs localkube, which must fail, and returns its output.
func (c *cluster) fail(args ...string) string {
	c.t.Helper()
	output, err := c.command(args...).CombinedOutput()
	if err == nil {
		c.t.Errorf("localkube %s succeeds:\n%s", strings.Join(args, " "), output)
	}
	return string(output)
}

func (c *cluster) upArgs(more ...string) []string {
	return append([]string{"up", "--dir", string(c.dir), "--api-port", strconv.Itoa(c.port)}, more...)
}

// up brings the cluster up. If that fails, the test ends.
func (c *cluster) up(more ...string) string {
	c.t.Helper()
	output := c.run(c.upArgs(more...)...)
	if c.t.Failed() {
		c.t.FailNow()
	}
	return output
}

// kubectl runs kubectl on the cluster.
func (c *cluster) kubectl(args ...string) string {
	c.t.Helper()
	return c.run(append([]string{"kubectl", "--dir", string(c.dir)}, args...)...)
}

// apply applies a manifest.
func (c *cluster) apply(manifest string) {
	c.t.Helper()
	cmd := c.command("kubectl", "--dir", string(c.dir), "apply", "-f", "-")
	cmd.Stdin = strings.NewReader(manifest)
	if output, err := cmd.CombinedOutput(); err != nil {
		c.t.Fatalf("cannot apply: %v\n%s", err, output)
	}
}

// status returns the status in the format for programs.
func (c *cluster) status() lifecycle.Status {
	c.t.Helper()
	var output bytes.Buffer
	cmd := c.command("status", "--dir", string(c.dir), "--json")
	cmd.Stdout = &output
	// A status with problems has exit status 1; the problems are in the output.
	_ = cmd.Run()
	var s lifecycle.Status
	if err := json.Unmarshal(output.Bytes(), &s); err != nil {
		c.t.Fatalf("cannot parse status: %v\n%s", err, output.String())
	}
	return s
}

// pid is the process number of a component.
func (c *cluster) pid(name string) int {
	c.t.Helper()
	for _, component := range c.status().Components {
		if component.Name == name && component.PID != 0 {
			return component.PID
		}
	}
	c.t.Fatalf("there is no process of %s", name)
	return 0
}

// eventually waits until the condition returns no more missing things.
func (c *cluster) eventually(missing func() string) {
	c.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for {
		what := missing()
		if what == "" {
			return
		}
		select {
		case <-deadline.C:
			c.t.Fatalf("condition not met after %s: %s", patience, what)
		case <-ticker.C:
		}
	}
}

// awaitPod waits until the pod is in the phase. If the test fails, it prints everything about the pod.
func (c *cluster) awaitPod(name, phase string) {
	c.t.Helper()
	defer func() {
		if c.t.Failed() {
			c.t.Log(c.kubectl("describe", "pod", name))
		}
	}()
	c.eventually(func() string {
		got := c.kubectl("get", "pod", name, "-o", "jsonpath={.status.phase}")
		if got == phase {
			return ""
		}
		return fmt.Sprintf("pod %s is in phase %s, want %s", name, got, phase)
	})
}

// checkNothingLeft fails the test for everything that is left of the cluster on this machine.
func (c *cluster) checkNothingLeft() {
	c.t.Helper()
	for _, left := range append(c.processes(), c.rest()...) {
		c.t.Errorf("left behind: %s", left)
	}
}

// processes lists the processes that have the cluster's directory on their command line or are in its control groups.
func (c *cluster) processes() []string {
	var found []string
	paths, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		c.t.Fatal(err)
	}
	for _, path := range paths {
		line, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended since
		}
		groups, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cgroup"))
		if err != nil {
			continue
		}
		if bytes.Contains(line, []byte(c.dir)) || bytes.Contains(groups, []byte("localkube-"+c.dir.ID())) {
			found = append(found, fmt.Sprintf("process %s: %s", filepath.Base(filepath.Dir(path)), bytes.ReplaceAll(line, []byte{0}, []byte(" "))))
		}
	}
	return found
}

// rest lists the cluster's files, mounts, links, control groups and firewall rules.
func (c *cluster) rest() []string {
	var found []string
	for _, pattern := range []string{
		string(c.dir) + "*",
		"/sys/class/net/" + network.HostLink(c.dir),
		"/sys/fs/cgroup/localkube-" + c.dir.ID(),
		"/sys/fs/cgroup/*/localkube-" + c.dir.ID(),
	} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			c.t.Fatal(err)
		}
		found = append(found, paths...)
	}
	for _, table := range []string{"/proc/self/mountinfo", "/run/localkube.json"} {
		content, err := os.ReadFile(table)
		if err == nil && (bytes.Contains(content, []byte(c.dir)) || bytes.Contains(content, []byte(c.dir.ID()))) {
			found = append(found, "an entry in "+table)
		}
	}
	if tables, err := exec.Command("nft", "list", "tables").Output(); err == nil && bytes.Contains(tables, []byte("localkube_"+c.dir.ID())) {
		found = append(found, "its table of network rules")
	}
	return found
}
