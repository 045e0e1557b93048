package reconcile

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// written is what a controller has logged.
type written struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *written) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *written) has(words ...string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, word := range words {
		if !strings.Contains(l.text.String(), word) {
			return false
		}
	}
	return true
}

// panics is the metric of the controller-runtime.
func panics(t *testing.T, name string) float64 {
	t.Helper()
	families, err := metrics.Registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() != "controller_runtime_reconcile_panics_total" {
			continue
		}
		for _, metric := range family.GetMetric() {
			if metric.GetLabel()[0].GetValue() == name {
				return metric.GetCounter().GetValue()
			}
		}
	}
	return 0
}

// TestOthersGoOn: in a running controller, one object that panics each time is reported, counted and logged with its
// stack; the others are reconciled by the same worker, and the one that panics does not come back at full speed.
func TestOthersGoOn(t *testing.T) {
	const others = 200
	before := panics(t, "crash-test") // of earlier runs of the test in this process
	crashes := NewPanicTracker(clock.RealClock{})
	var mu sync.Mutex
	passes, told := 0, []Panic{}
	done := make(chan string, others)
	reconciler := reconcile.Func(func(ctx context.Context, request ctrl.Request) (ctrl.Result, error) {
		o := &corev1.Pod{}
		o.UID = types.UID(request.Name)
		if left := crashes.Backoff(o); left > 0 {
			return ctrl.Result{RequeueAfter: left}, nil
		}
		defer crashes.Recover(ctx, o, func(c Panic) error {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, c)
			return nil
		})
		if request.Name == "bad" {
			mu.Lock()
			passes++
			mu.Unlock()
			o.Labels["none"] = "" // a mistake as it happens
		}
		done <- request.Name
		return ctrl.Result{}, nil
	})
	logged := &written{}
	logger := logr.FromSlogHandler(slog.NewJSONHandler(logged, nil))
	c, err := controller.NewTypedUnmanaged("crash-test", controller.TypedOptions[reconcile.Request]{
		Reconciler: reconciler, MaxConcurrentReconciles: 1, SkipNameValidation: new(true),
		RateLimiter:    workqueue.DefaultTypedControllerRateLimiter[reconcile.Request](),
		LogConstructor: func(*reconcile.Request) logr.Logger { return logger },
	})
	if err != nil {
		t.Fatal(err)
	}
	wake := make(chan event.GenericEvent)
	if err := c.Watch(source.Channel(wake, &handler.EnqueueRequestForObject{})); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- c.Start(ctx) }()
	send := func(name string) {
		o := &corev1.Pod{}
		o.Name = name
		wake <- event.GenericEvent{Object: o}
	}
	send("bad")
	for i := range others {
		send(fmt.Sprint("good-", i))
		send("bad") // which everything that happens wakes, too
	}
	for range others {
		select {
		case <-done:
		case <-time.After(time.Minute):
			t.Fatal("the others do not go on")
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("want the controller to go on to its end, got %v", err)
	}
	mu.Lock()
	defer mu.Unlock()
	if counted := panics(t, "crash-test") - before; passes == 0 || passes > PanicTries || len(told) != passes || counted != float64(passes) {
		t.Errorf("want each panic told and counted, and few of them, got %d passes, %d told, %v counted", passes, len(told), counted)
	}
	if !logged.has("assignment to entry in nil map", "controller_test.go") {
		t.Errorf("want the stack in the log, got\n%s", logged.text.String())
	}
}
