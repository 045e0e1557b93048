package taskrun

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// firstEventsPause is the time between the first and the second read of a pod's events. Each further pause is twice as
	// long, up to lastEventsPause: a kubelet that has warned 25 times about a pod warns once in five minutes.
	firstEventsPause = 15 * time.Second
	lastEventsPause  = 5 * time.Minute
	// busyEventsPause is how long a run waits if its events cannot be read because those of other runs are being read.
	busyEventsPause = 5 * time.Second
	// eventsPerSecond and eventsAtOnce limit the reads over all runs. For one read the API server searches all events of the
	// namespace.
	eventsPerSecond, eventsAtOnce = 2, 10
	// eventsTimeout bounds one read.
	eventsTimeout = 5 * time.Second
	// eventsPage and eventsPages limit the size of one read: an event may have 1.5 MiB.
	eventsPage, eventsPages = 4, 12
)

// podEvents reads the events of pods that do not start, one pod at a time and rarely. It caches the outcome.
type podEvents struct {
	live  client.Reader
	clock clock.PassiveClock
	rate  *rate.Limiter

	mu      sync.Mutex
	reading bool
	known   map[types.NamespacedName]podRead
}

// podRead is the last read of one pod's events.
type podRead struct {
	pod      types.UID
	warnings Warnings
	pause    time.Duration
}

func newPodEvents(live client.Reader, c clock.PassiveClock) *podEvents {
	return &podEvents{live: live, clock: c, rate: rate.NewLimiter(eventsPerSecond, eventsAtOnce), known: map[types.NamespacedName]podRead{}}
}

// Forget drops what is known about the pod of a run.
func (e *podEvents) Forget(run types.NamespacedName) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.known, run)
}

// Warnings returns the kubelet's warnings in the events of a run's pod. They are read only if the pod should have started,
// and not again before Warnings.Next. Without the permission to read them, it returns none.
func (e *podEvents) Warnings(ctx context.Context, run types.NamespacedName, p *corev1.Pod) Warnings {
	due, now := eventsDue(p), e.clock.Now()
	if due.IsZero() || now.Before(due) {
		e.Forget(run)
		return Warnings{Next: due}
	}
	last, turn := e.begin(run, p.UID, now)
	if !turn {
		return last.warnings
	}
	found, err := e.read(ctx, p)
	return e.end(run, last, found, err)
}

// begin returns what is known about a pod, and whether its events must be read now.
func (e *podEvents) begin(run types.NamespacedName, uid types.UID, now time.Time) (last podRead, turn bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	last, known := e.known[run]
	if !known || last.pod != uid {
		last = podRead{pod: uid}
	}
	switch {
	case now.Before(last.warnings.Next):
		return last, false
	case e.reading || !e.rate.AllowN(now, 1):
		last.warnings.Next = now.Add(busyEventsPause)
		return last, false
	}
	e.reading = true
	return last, true
}

// end stores the outcome of a read. After a failed read it keeps the previous outcome.
func (e *podEvents) end(run types.NamespacedName, last podRead, found Warnings, err error) Warnings {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reading = false
	if err == nil {
		last.warnings = found
	}
	last.pause = min(max(2*last.pause, firstEventsPause), lastEventsPause)
	last.warnings.Next = e.clock.Now().Add(last.pause)
	e.known[run] = last
	return last.warnings
}

// read lists the warnings about a pod, page by page.
func (e *podEvents) read(ctx context.Context, p *corev1.Pod) (Warnings, error) {
	ctx, cancel := context.WithTimeout(ctx, eventsTimeout)
	defer cancel()
	selector := fields.Set{"involvedObject.uid": string(p.UID), "type": corev1.EventTypeWarning}.AsSelector()
	var found Warnings
	next := ""
	for range eventsPages {
		list := &corev1.EventList{}
		err := e.live.List(ctx, list, client.InNamespace(p.Namespace), client.MatchingFieldsSelector{Selector: selector},
			client.Limit(eventsPage), client.Continue(next))
		if err != nil {
			return found, fmt.Errorf("cannot list the events of pod %q: %w", p.Name, err)
		}
		for i := range list.Items {
			found.note(p, &list.Items[i])
		}
		if next = list.Continue; next == "" {
			break
		}
	}
	return found, nil
}
