package measure

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/sluice-ci/sluice/test/load/bench/load"
)

// reader follows logs of containers, as a controller might.
type reader struct {
	bench *Bench
	mu    sync.Mutex
	wait  sync.WaitGroup
	lines map[string]arrival
}

// arrival holds the times at which the first and the last line of a log arrived.
type arrival struct{ first, last time.Time }

func (b *Bench) newReader() *reader { return &reader{bench: b, lines: map[string]arrival{}} }

// added returns the function for new pods of rows that run one after another. It follows the log of the last container of
// bare pods, and of the sidecar in followed rows.
func (r *reader) added(ctx context.Context, row load.Row) func(*corev1.Pod) {
	return func(pod *corev1.Pod) {
		if row.Count > 0 || row.Containers == 0 && !row.Followed {
			return
		}
		container := pod.Spec.Containers[len(pod.Spec.Containers)-1].Name
		if row.Followed {
			container = sidecar(pod)
		}
		if container != "" {
			r.wait.Go(func() { r.follow(ctx, pod.Name, container) })
		}
	}
}

// sidecar returns the first container that is not a step, or "".
func sidecar(pod *corev1.Pod) string {
	for _, container := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
		if strings.HasPrefix(container.Name, "sidecar-") {
			return container.Name
		}
	}
	return ""
}

// retry is the time until a log that does not exist yet is requested again.
const retry = 20 * time.Millisecond

// follow records when the lines of a container's log arrived.
func (r *reader) follow(ctx context.Context, pod, container string) {
	again := time.NewTicker(retry)
	defer again.Stop()
	for {
		stream, err := r.bench.logs(ctx, pod, &corev1.PodLogOptions{Container: container, Follow: true})
		if err == nil {
			lines := readLines(stream)
			if err := stream.Close(); err == nil && !lines.first.IsZero() {
				r.mu.Lock()
				r.lines[pod] = lines
				r.mu.Unlock()
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-again.C:
		}
	}
}

// readLines reads a log to its end.
func readLines(log io.Reader) arrival {
	var a arrival
	lines := bufio.NewScanner(log)
	for lines.Scan() {
		a.last = time.Now()
		if a.first.IsZero() {
			a.first = a.last
		}
	}
	return a
}

// arrived returns the arrival times of each pod's lines.
func (r *reader) arrived() map[string]arrival {
	r.wait.Wait()
	return r.lines
}

func (b *Bench) logs(ctx context.Context, pod string, options *corev1.PodLogOptions) (io.ReadCloser, error) {
	return b.Kube.CoreV1().Pods(b.Namespace).GetLogs(pod, options).Stream(ctx)
}

// stamps returns the times of a container's first and last line, by the clock of its node, and the last line.
func (b *Bench) stamps(ctx context.Context, pod, container string) (first, last time.Time, line string, err error) {
	const short = 4096 // the containers with such lines print two of them
	limit := int64(short)
	stream, err := b.logs(ctx, pod, &corev1.PodLogOptions{Container: container, Timestamps: true, LimitBytes: &limit})
	if err != nil {
		return first, last, "", fmt.Errorf("cannot read log of %q in %q: %w", container, pod, err)
	}
	defer stream.Close()
	lines := bufio.NewScanner(stream)
	for lines.Scan() {
		var stamp string
		stamp, line, _ = strings.Cut(lines.Text(), " ")
		if last, err = time.Parse(time.RFC3339Nano, stamp); err != nil {
			return first, last, line, fmt.Errorf("cannot read log of %q in %q: %w", container, pod, err)
		}
		if first.IsZero() {
			first = last
		}
	}
	if first.IsZero() {
		err = fmt.Errorf("cannot read log of %q in %q: it is empty", container, pod)
	}
	return first, last, line, errors.Join(err, lines.Err())
}

// logBytes returns the number of bytes that all containers of a pod have logged.
func (b *Bench) logBytes(ctx context.Context, pod *corev1.Pod) (int, error) {
	total := 0
	for _, container := range append(pod.Spec.InitContainers, pod.Spec.Containers...) {
		stream, err := b.logs(ctx, pod.Name, &corev1.PodLogOptions{Container: container.Name})
		if err != nil {
			return 0, fmt.Errorf("cannot read log of %q in %q: %w", container.Name, pod.Name, err)
		}
		n, err := io.Copy(io.Discard, stream)
		if err := errors.Join(err, stream.Close()); err != nil {
			return 0, fmt.Errorf("cannot read log of %q in %q: %w", container.Name, pod.Name, err)
		}
		total += int(n)
	}
	return total, nil
}
