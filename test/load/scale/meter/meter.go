// Package meter runs a controller as a separate process and reads what it uses.
package meter

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Controller is a running controller.
type Controller struct {
	cmd     *exec.Cmd
	metrics string
	ready   string
}

// Reading holds the resources that a controller has used since it started.
type Reading struct {
	// Processor is the processor time of all its threads.
	Processor time.Duration `json:"processorNanoseconds"`
	// Peak is its peak resident memory, and Resident what it has now, in bytes.
	Peak     int64 `json:"peakBytes"`
	Resident int64 `json:"residentBytes"`
	// Calls is the number of requests that it has sent to the API server. Each watch counts once.
	Calls int64 `json:"calls"`
}

// Start starts a controller, and returns when it serves its metrics on the port; the next port has its probes. Its log is written
// to a file. The environment is that of this process, and what is in env.
func Start(ctx context.Context, binary string, port int, log *os.File, env []string, args ...string) (*Controller, error) {
	c := &Controller{metrics: fmt.Sprintf("http://127.0.0.1:%d/metrics", port), ready: fmt.Sprintf("http://127.0.0.1:%d/readyz", port+1)}
	args = append(args, fmt.Sprintf("--metrics-bind-address=127.0.0.1:%d", port),
		fmt.Sprintf("--health-probe-bind-address=127.0.0.1:%d", port+1))
	c.cmd = exec.CommandContext(ctx, binary, args...)
	c.cmd.Env = append(os.Environ(), env...)
	c.cmd.Stdout, c.cmd.Stderr = log, log
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %q: %w", binary, err)
	}
	if err := poll(ctx, func() bool { _, err := c.Read(); return err == nil }); err != nil {
		return nil, fmt.Errorf("cannot read metrics of %q: %w", binary, err)
	}
	return c, nil
}

// poll calls done every few milliseconds until it returns true. The error is that of ctx.
func poll(ctx context.Context, done func() bool) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
	return nil
}

// AwaitReady returns when the controller is ready: its caches are filled, and it leads.
func (c *Controller) AwaitReady(ctx context.Context) error {
	err := poll(ctx, func() bool {
		answer, err := http.Get(c.ready) //nolint:noctx // a page on this machine
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return answer.StatusCode == http.StatusOK
	})
	if err != nil {
		return fmt.Errorf("the controller is not ready: %w", err)
	}
	return nil
}

// looks is how often in a row the controller must be seen without work, because events may be between the caches and the queues.
const looks = 5

// AwaitIdle returns when the controller's work queues are empty and no reconcile runs.
func (c *Controller) AwaitIdle(ctx context.Context) error {
	idle := 0
	err := poll(ctx, func() bool {
		queued, failed := c.Sum("workqueue_depth{")
		running, failedToo := c.Sum("controller_runtime_active_workers{")
		if idle++; failed != nil || failedToo != nil || queued+running > 0 {
			idle = 0
		}
		return idle == looks
	})
	if err != nil {
		return fmt.Errorf("the controller has work without end: %w", err)
	}
	return nil
}

// Stop stops the controller and waits until it has ended.
func (c *Controller) Stop() error {
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("cannot stop the controller: %w", err)
	}
	var exit *exec.ExitError
	if err := c.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("cannot wait for the controller: %w", err)
	}
	return nil
}

// Scrape reads the metrics as Prometheus does.
func (c *Controller) Scrape() error {
	answer, err := http.Get(c.metrics) //nolint:noctx // a page on this machine
	if err != nil {
		return fmt.Errorf("cannot get metrics: %w", err)
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}

// Read returns the resources used so far.
func (c *Controller) Read() (Reading, error) {
	calls, err := c.Sum("rest_client_requests_total{") // of all methods and responses
	if err != nil {
		return Reading{}, err
	}
	processor, err := processorTime(c.cmd.Process.Pid)
	if err != nil {
		return Reading{}, err
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid))
	if err != nil {
		return Reading{}, fmt.Errorf("cannot read memory: %w", err)
	}
	r := Reading{Processor: processor, Calls: calls}
	if r.Peak, err = memory(string(status), "VmHWM:"); err == nil {
		r.Resident, err = memory(string(status), "VmRSS:")
	}
	return r, err
}

// Sum adds the values of the metrics whose lines begin with a prefix.
func (c *Controller) Sum(prefix string) (int64, error) {
	answer, err := http.Get(c.metrics) //nolint:noctx // a page on this machine
	if err != nil {
		return 0, fmt.Errorf("cannot get metrics: %w", err)
	}
	defer answer.Body.Close()
	return sum(answer.Body, prefix)
}

// sum adds the values of the lines with that prefix.
func sum(page io.Reader, prefix string) (int64, error) {
	total := 0.0
	lines := bufio.NewScanner(page)
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, prefix) {
			continue
		}
		value, err := strconv.ParseFloat(line[strings.LastIndexByte(line, ' ')+1:], 64)
		if err != nil {
			return 0, fmt.Errorf("cannot read %q: %w", line, err)
		}
		total += value
	}
	return int64(total), lines.Err()
}

// ticks is the number of ticks per second in /proc, on every architecture that Go supports.
const ticks = 100

// processorTime returns the processor time of a process, in user and in system mode.
func processorTime(pid int) (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("cannot read processor time: %w", err)
	}
	// The second field is the name in parentheses, which may contain spaces. User and system time are the 14th and 15th.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	const user, system = 14 - 3, 15 - 3
	total := int64(0)
	for _, i := range []int{user, system} {
		n, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return 0, fmt.Errorf("cannot read processor time: %w", err)
		}
		total += n
	}
	return time.Duration(total) * time.Second / ticks, nil
}

// memory returns a number of bytes in the status of a process in /proc.
func memory(status, field string) (int64, error) {
	for line := range strings.Lines(status) {
		if size, ok := strings.CutPrefix(line, field); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(size), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("cannot read memory: there is no %s", field)
}
