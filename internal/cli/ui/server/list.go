package server

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/runs"
)

// entry is a run in the list.
type entry struct {
	Namespace string     `json:"namespace"`
	Kind      string     `json:"kind"`
	Name      string     `json:"name"`
	State     runs.State `json:"state"`
	Reason    string     `json:"reason"`
	Created   time.Time  `json:"created"`
	// Seconds that the run took, or has taken so far.
	Seconds float64 `json:"seconds"`
}

func entryOf(r runs.Run, now time.Time) entry {
	return entry{
		Namespace: r.Namespace(), Kind: r.Kind(), Name: r.Name(), State: r.State(), Reason: r.Reason(),
		Created: r.Object().GetCreationTimestamp().Time, Seconds: r.Took(now).Seconds(),
	}
}

const (
	// pause is how often the list is sent at most.
	pause = 400 * time.Millisecond
	// again is how long is waited before a watch that broke is made anew.
	again = time.Second
)

// listEvents sends the list of runs, and again whenever one of them changes.
func (s *Server) listEvents(w http.ResponseWriter, r *http.Request) {
	out, ok := newStream(w)
	if !ok {
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	changes := make(chan watch.Event)
	for _, list := range []client.ObjectList{&v1.PipelineRunList{}, &v1.TaskRunList{}} {
		go s.watch(ctx, list, changes)
	}
	known, changed := map[types.UID]runs.Run{}, true
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case event := <-changes:
			changed = note(known, event) || changed
		case <-ticker.C:
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

// note puts an event into what is known, and reports whether that changes the list. What is large in a run is not kept.
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

// listed is the list, the latest run first.
func listed(known map[types.UID]runs.Run, now time.Time) []entry {
	entries := make([]entry, 0, len(known))
	for _, r := range known {
		entries = append(entries, entryOf(r, now))
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Or(b.Created.Compare(a.Created), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return entries
}

// watch sends what there is, and what changes, until ctx ends. A watch that breaks is made anew.
func (s *Server) watch(ctx context.Context, list client.ObjectList, changes chan<- watch.Event) {
	for ctx.Err() == nil {
		watcher, err := s.Cluster.Client.Watch(ctx, list, client.InNamespace(s.Cluster.Scope()))
		if err == nil {
			forward(ctx, watcher, changes)
			watcher.Stop()
		}
		timer := time.NewTimer(again)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

func forward(ctx context.Context, watcher watch.Interface, changes chan<- watch.Event) {
	for {
		select {
		case <-ctx.Done():
			return
		case event, open := <-watcher.ResultChan():
			if !open {
				return
			}
			select {
			case changes <- event:
			case <-ctx.Done():
				return
			}
		}
	}
}
