package collect

import (
	"context"
	"io"

	corev1 "k8s.io/api/core/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

// limitBytes is the maximum number of bytes to request in one read of a log: one more than a stream may take, so that a log
// that is too long differs from a truncated one.
const limitBytes = frame.DefaultMaxLogBytes + 1

// Log names the log of one container.
type Log struct {
	Namespace, Pod, Container string
	// Follow keeps the log open while the container runs.
	Follow bool
	// LimitBytes is the maximum number of bytes. The Collector reads no more, even if the source returns more.
	LimitBytes int64
}

// LogSource opens logs. Open returns errors of the Kubernetes API. Open returns when its context ends. The log is closed
// then, which must unblock a read of it.
type LogSource interface {
	Open(ctx context.Context, log Log) (io.ReadCloser, error)
}

// LogSourceFn is a LogSource that calls a function.
type LogSourceFn func(ctx context.Context, log Log) (io.ReadCloser, error)

// Open calls the function.
func (f LogSourceFn) Open(ctx context.Context, log Log) (io.ReadCloser, error) { return f(ctx, log) }

// NewKubernetes returns a LogSource that reads from the API server. It needs "get" on pods/log.
func NewKubernetes(pods typedcorev1.PodsGetter) LogSource {
	return LogSourceFn(func(ctx context.Context, log Log) (io.ReadCloser, error) {
		return pods.Pods(log.Namespace).GetLogs(log.Pod, &corev1.PodLogOptions{
			Container:  log.Container,
			Follow:     log.Follow,
			LimitBytes: &log.LimitBytes,
		}).Stream(ctx)
	})
}
