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

// hops notes when the kubelet said what it did to a pod. Its events come at once, unlike the pod's status, in which they
// wait for one another.
type hops struct {
	mu sync.Mutex
	at map[string]map[string]time.Time
}

// watchHops begins to note the events of all pods in the namespace, for rows that are followed.
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

// note notes an event. The kubelet looks for the image of the first container as soon as the sandbox is there.
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

// of tells the hops of a pod, counted from start.
func (h *hops) of(pod string, start time.Time) map[string]float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.at[pod]) == 0 {
		return nil
	}
	told := map[string]float64{}
	for hop, then := range h.at[pod] {
		told[hop] = since(start, then)
	}
	return told
}
