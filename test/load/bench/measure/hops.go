package measure

import (
	"context"
	"fmt"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"

	"github.com/sluice-ci/sluice/test/load/bench/load"
	"github.com/sluice-ci/sluice/test/load/bench/record"
)

// hops records the times of the kubelet's events about a pod. Events arrive immediately, but changes of the pod's status are
// batched.
type hops struct {
	mu sync.Mutex
	at map[string]map[string]time.Time
}

// watchHops starts to record the events of all pods in the namespace, for followed rows.
func (b *Bench) watchHops(ctx context.Context, row load.Row) (*hops, error) {
	h := &hops{at: map[string]map[string]time.Time{}}
	if !row.Followed {
		return h, nil
	}
	events := b.Kube.CoreV1().Events(b.Namespace)
	list, err := events.List(ctx, metav1.ListOptions{Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("cannot list events: %w", err)
	}
	w, err := events.Watch(ctx, metav1.ListOptions{ResourceVersion: list.ResourceVersion})
	if err != nil {
		return nil, fmt.Errorf("cannot watch events: %w", err)
	}
	go h.follow(ctx, w)
	return h, nil
}

func (h *hops) follow(ctx context.Context, w watch.Interface) {
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case event, open := <-w.ResultChan():
			if !open {
				return
			}
			if e, ok := event.Object.(*corev1.Event); ok && e.InvolvedObject.Kind == "Pod" {
				h.note(e.InvolvedObject.Name, e.Reason, time.Now())
			}
		}
	}
}

// note records an event. The kubelet pulls the image of the first container as soon as the sandbox exists.
func (h *hops) note(pod, reason string, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := h.at[pod]
	if at == nil {
		at = map[string]time.Time{}
		h.at[pod] = at
	}
	first := func(hop string) {
		if _, known := at[hop]; !known {
			at[hop] = now
		}
	}
	switch reason {
	case "Pulling", "Pulled":
		first(record.Sandbox)
	case "Started":
		first(record.FirstContainer)
		at[record.LastContainer] = now
	}
}

// of returns the hops of a pod, counted from start.
func (h *hops) of(pod string, start time.Time) map[string]float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.at[pod]) == 0 {
		return nil
	}
	times := map[string]float64{}
	for hop, then := range h.at[pod] {
		times[hop] = since(start, then)
	}
	return times
}
