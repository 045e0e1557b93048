package collect

import (
	"context"
	"io"

	corev1 "k8s.io/api/core/v1"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"

	"github.com/sluice-ci/sluice/internal/results/frame"
)

// limitBytes is the most that is asked for in one read of a log: one byte more than a stream may take, so that a log
// that is too long is known from one that was cut off.
const limitBytes = frame.DefaultMaxLogBytes + 1

// Log names the log of one container.
type Log struct {
	Namespace, Pod, Container string
	// Follow keeps the log open while the container runs.
	Follow bool
	// LimitBytes is the most that is wanted, in bytes. No more than that is read of a source that gives more.
	LimitBytes int64
}

// LogSource opens logs. An error of Open is one of the Kubernetes API's. Open returns when its context has ended; the
// log is closed then, which must end a read of it that waits.
type LogSource interface {
	Open(ctx context.Context, log Log) (io.ReadCloser, error)
}

// LogSourceFn is a function as a LogSource.
type LogSourceFn func(ctx context.Context, log Log) (io.ReadCloser, error)

// Open calls the function.
func (f LogSourceFn) Open(ctx context.Context, log Log) (io.ReadCloser, error) { return f(ctx, log) }

// NewKubernetes returns a LogSource that asks the API server, which needs "get" on pods/log.
func NewKubernetes(pods typedcorev1.PodsGetter) LogSource {
	return LogSourceFn(func(ctx context.Context, log Log) (io.ReadCloser, error) {
		return pods.Pods(log.Namespace).GetLogs(log.Pod, &corev1.PodLogOptions{
			Container:  log.Container,
			Follow:     log.Follow,
			LimitBytes: &log.LimitBytes,
		}).Stream(ctx)
	})
}
