package traces

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/manager"
)

// Drain sends what is queued for a worker. It takes as long as it needs; the end of a controller has a limit.
func Drain(ctx context.Context, w manager.Runnable) {
	if one, ok := w.(worker); ok {
		one.drain(ctx)
	}
}
