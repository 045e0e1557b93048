package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/machine"
)

// metricsURL is the controller's metrics endpoint, in the network of its pod.
const metricsURL = "http://127.0.0.1:9090/metrics"

// idle are the metrics that must be 0 when the controller has no work.
func idle() []string {
	return []string{
		"sluice_results_collecting", "sluice_results_followers", "sluice_results_readers",
		"sluice_results_waiting_for_turn", "sluice_results_memory_bytes",
	}
}

// busy lists those of the idle metrics that are not 0.
func busy(ctx context.Context, c *kube.Cluster) ([]string, error) {
	leader, _, err := c.Leader(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range leader.Status.ContainerStatuses {
		if process, ok := machine.FirstOf(s.ContainerID); ok {
			text, err := metricsOf(ctx, process.PID)
			if err != nil {
				return nil, err
			}
			return over(text, idle())
		}
	}
	return nil, fmt.Errorf("cannot find the process of pod %q on this machine", leader.Name)
}

// metricsOf reads the metrics of the controller with that process. They are available only from within its pod's network.
func metricsOf(ctx context.Context, pid int) (string, error) {
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		return dialWithin(ctx, fmt.Sprintf("/proc/%d/ns/net", pid), network, address)
	}
	client := http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, metricsURL, nil)
	if err != nil {
		return "", err
	}
	response, err := client.Do(request)
	if err != nil {
		return "", fmt.Errorf("cannot read the controller's metrics: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // it was only read
	text, err := io.ReadAll(response.Body)
	return string(text), err
}

// dialWithin connects from within a network namespace.
func dialWithin(ctx context.Context, namespace, network, address string) (net.Conn, error) {
	type answer struct {
		conn net.Conn
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		// The thread stays locked, so that it ends with this goroutine. No other goroutine may run in that namespace.
		runtime.LockOSThread()
		file, err := os.Open(namespace)
		if err == nil {
			defer file.Close() //nolint:errcheck // it was only read
			err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET)
		}
		if err != nil {
			answers <- answer{err: fmt.Errorf("cannot enter network namespace %q: %w", namespace, err)}
			return
		}
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		answers <- answer{conn: conn, err: err}
	}()
	a := <-answers
	return a.conn, a.err
}

// over lists the metrics of the given names whose value is not 0, with their values. All names must exist.
func over(text string, wanted []string) ([]string, error) {
	var all []string
	seen := map[string]bool{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		series, value, _ := strings.Cut(lines.Text(), " ")
		name, _, _ := strings.Cut(series, "{")
		for _, want := range wanted {
			if name != want {
				continue
			}
			seen[name] = true
			if n, err := strconv.ParseFloat(value, 64); err != nil || n != 0 {
				all = append(all, lines.Text())
			}
		}
	}
	err := lines.Err()
	for _, want := range wanted {
		if !seen[want] {
			err = errors.Join(err, fmt.Errorf("the controller has no metric %q", want))
		}
	}
	return all, err
}
