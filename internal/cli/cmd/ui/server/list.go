package server

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"slices"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

// entry is one run of the list.
type entry struct {
	Namespace string     `json:"namespace"`
	Kind      string     `json:"kind"`
	Name      string     `json:"name"`
	State     runs.State `json:"state"`
	Reason    string     `json:"reason"`
	Created   time.Time  `json:"created"`
	// Seconds is the duration of the run so far, or its whole duration after it has ended.
	Seconds float64 `json:"seconds"`
}

func entryOf(r runs.Run, now time.Time) entry {
	return entry{
		Namespace: r.Namespace(), Kind: r.Kind(), Name: r.Name(), State: r.State(), Reason: r.Reason(),
		Created: r.Object().GetCreationTimestamp().Time, Seconds: r.Took(now).Seconds(),
	}
}

const (
	// pause is the shortest time between two sent lists.
	pause = 400 * time.Millisecond
	// again is the time from the end of a broken watch to the next one.
	again = time.Second
)

// listEvents sends the list of runs at once, and then whenever one of them changes.
func (s *Server) listEvents(w http.ResponseWriter, r *http.Request) {
	out, ok := newStream(w)
	if !ok {
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	changes := make(chan change)
	for _, kind := range []string{v1.KindPipelineRun, v1.KindTaskRun} {
		go s.watch(ctx, kind, changes)
	}
	known, changed := map[types.UID]runs.Run{}, true
	counted, shown, quota := newSizes(), int64(-1), s.quota(ctx)
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-changes:
			counted.apply(c) // before the large parts are dropped
			changed = c.apply(known) || changed
		case <-ticker.C:
			if counted.total != shown {
				shown = counted.total
				if err := out.send("stored", counted.storage(quota)); err != nil {
					return
				}
			}
			if !changed {
				continue
			}
			changed = false
			if err := out.send("runs", listed(known, s.Now())); err != nil {
				return
			}
		}
	}
}

// change is an event of a watch, or a list of all runs of a kind.
type change struct {
	event watch.Event
	// kind is the kind of the listed runs; empty for an event.
	kind   string
	listed []runtime.Object
}

// apply applies the change to the known runs, and reports whether the list changes.
func (c change) apply(known map[types.UID]runs.Run) bool {
	if c.kind == "" {
		return note(known, c.event)
	}
	return replace(known, c.kind, c.listed)
}

// replace replaces the known runs of a kind by the listed ones, because no watch reports a run that is deleted between two
// watches.
func replace(known map[types.UID]runs.Run, kind string, listed []runtime.Object) bool {
	before := len(known)
	maps.DeleteFunc(known, func(_ types.UID, r runs.Run) bool { return r.Kind() == kind })
	changed := len(known) < before
	for _, object := range listed {
		changed = note(known, watch.Event{Type: watch.Added, Object: object}) || changed
	}
	return changed
}

// note applies an event to the known runs, and reports whether the list changes. It drops the large parts of a run.
func note(known map[types.UID]runs.Run, event watch.Event) bool {
	var r runs.Run
	switch object := event.Object.(type) {
	case *v1.PipelineRun:
		r = runs.OfPipeline(object)
	case *v1.TaskRun:
		if owner := metav1.GetControllerOf(object); owner != nil && owner.Kind == v1.KindPipelineRun {
			return false
		}
		r = runs.OfTask(object)
	default:
		return false
	}
	if event.Type == watch.Deleted {
		delete(known, r.Object().GetUID())
	} else {
		known[r.Object().GetUID()] = r.Summary()
	}
	return true
}

// listed returns the list, the latest run first.
func listed(known map[types.UID]runs.Run, now time.Time) []entry {
	entries := make([]entry, 0, len(known))
	for _, r := range known {
		entries = append(entries, entryOf(r, now))
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.Namespace, b.Namespace),
			cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return entries
}

// watch sends the runs of a kind, and their changes, until ctx ends. After a broken watch it lists the runs and watches
// again.
func (s *Server) watch(ctx context.Context, kind string, changes chan<- change) {
	for ctx.Err() == nil {
		s.watchOnce(ctx, kind, changes)
		timer := time.NewTimer(again)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// watchOnce lists the runs, and watches them until the watch breaks. While the server does not respond, the page keeps its
// list.
func (s *Server) watchOnce(ctx context.Context, kind string, changes chan<- change) {
	list := listOf(kind)
	scope := client.InNamespace(s.Cluster.Scope())
	if err := s.Cluster.Client.List(ctx, list, scope); err != nil {
		return
	}
	objects, err := meta.ExtractList(list)
	if err != nil || !send(ctx, changes, change{kind: kind, listed: objects}) {
		return
	}
	from := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}}
	watcher, err := s.Cluster.Client.Watch(ctx, listOf(kind), scope, from)
	if err != nil {
		return
	}
	defer watcher.Stop()
	forward(ctx, watcher, changes)
}

func listOf(kind string) client.ObjectList {
	if kind == v1.KindTaskRun {
		return &v1.TaskRunList{}
	}
	return &v1.PipelineRunList{}
}

// forward sends events until the watch breaks.
func forward(ctx context.Context, watcher watch.Interface, changes chan<- change) {
	for {
		select {
		case <-ctx.Done():
			return
		case event, open := <-watcher.ResultChan():
			if !open || event.Type == watch.Error || !send(ctx, changes, change{event: event}) {
				return
			}
		}
	}
}

func send(ctx context.Context, changes chan<- change, c change) bool {
	select {
	case changes <- c:
		return true
	case <-ctx.Done():
		return false
	}
}
