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
}

// Reading holds the resources that a controller has used since it started.
type Reading struct {
	// Processor is the processor time of all its threads.
	Processor time.Duration `json:"processorNanoseconds"`
	// Peak is its peak resident memory, in bytes.
	Peak int64 `json:"peakBytes"`
	// Calls is the number of requests that it has sent to the API server. Each watch counts once.
	Calls int64 `json:"calls"`
}

// Start starts a controller, and returns when it serves its metrics on the port. Its log is written to a file.
func Start(ctx context.Context, binary string, port int, log *os.File, args ...string) (*Controller, error) {
	c := &Controller{metrics: fmt.Sprintf("http://127.0.0.1:%d/metrics", port)}
	args = append(args, fmt.Sprintf("--metrics-bind-address=127.0.0.1:%d", port), "--health-probe-bind-address=0")
	c.cmd = exec.CommandContext(ctx, binary, args...)
	c.cmd.Stdout, c.cmd.Stderr = log, log
	c.cmd.Cancel = func() error { return c.cmd.Process.Signal(syscall.SIGTERM) }
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %q: %w", binary, err)
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := c.Read(); err == nil {
			return c, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("cannot read metrics of %q: %w", binary, ctx.Err())
		case <-tick.C:
		}
	}
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

// Read returns the resources used so far.
func (c *Controller) Read() (Reading, error) {
	calls, err := c.calls()
	if err != nil {
		return Reading{}, err
	}
	processor, err := processorTime(c.cmd.Process.Pid)
	if err != nil {
		return Reading{}, err
	}
	peak, err := peakMemory(c.cmd.Process.Pid)
	return Reading{Processor: processor, Peak: peak, Calls: calls}, err
}

// calls adds the requests of all methods and responses.
func (c *Controller) calls() (int64, error) {
	answer, err := http.Get(c.metrics) //nolint:noctx // a page on this machine
	if err != nil {
		return 0, fmt.Errorf("cannot get metrics: %w", err)
	}
	defer answer.Body.Close()
	return sum(answer.Body, "rest_client_requests_total{")
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

// peakMemory returns the peak resident memory of a process, in bytes.
func peakMemory(pid int) (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, fmt.Errorf("cannot read memory: %w", err)
	}
	for line := range strings.Lines(string(status)) {
		if size, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(size), "kB")), 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("cannot read memory: there is no VmHWM")
}
