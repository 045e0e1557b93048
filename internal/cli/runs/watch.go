package runs

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
)

// again is the pause before a retry after the API server did not respond.
const again = time.Second

// ErrStop ends Watch without an error when its function returns it.
var ErrStop = errors.New("stop watching")

// errGone: the watched object does not exist.
var errGone = errors.New("it does not exist any more")

// change is an event of a watch: a changed object, a deleted one, the list of all objects, or an error that ends the watch.
type change struct {
	object  client.Object
	deleted bool
	// present has the names of all TaskRuns at one time; nil for any other change.
	present map[string]bool
	err     error
}

// look is the time after which Watch reads the CustomRuns and PipelineRuns of a run again, as long as one has not ended.
const look = 2 * time.Second

// Watch calls each with the current run, and again when the run or one of its TaskRuns changes, or may have changed. It ends when
// the run and its TaskRuns have ended, when each returns an error, or when ctx ends. It waits while the API server is unavailable.
// It fails if the run is deleted.
func Watch(ctx context.Context, c *cluster.Cluster, r Run, each func(Snapshot) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes := make(chan change)
	own := []client.ListOption{client.InNamespace(r.Namespace()), client.MatchingFields{"metadata.name": r.Name()}}
	go watcher{c.Client, r.Kind(), own, true}.follow(ctx, changes)
	if r.PipelineRun != nil {
		children := []client.ListOption{client.InNamespace(r.Namespace()), client.MatchingLabels{v1.LabelPipelineRun: r.Name()}}
		go watcher{c.Client, v1.KindTaskRun, children, false}.follow(ctx, changes)
	}
	tasks, ticker := map[string]*v1.TaskRun{}, time.NewTicker(look)
	defer ticker.Stop()
	for {
		s, err := current(ctx, c, r, tasks)
		if err != nil {
			return err
		}
		if err := each(s); err != nil {
			if errors.Is(err, ErrStop) {
				return nil
			}
			return err
		}
		if s.ended() {
			return nil
		}
		var tick <-chan time.Time
		if s.othersRun() {
			tick = ticker.C
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick:
		case seen := <-changes:
			if r, err = apply(r, tasks, seen); err != nil {
				return err
			}
		}
	}
}

// current returns the snapshot of the watched objects. The two watches of a PipelineRun are not synchronized. So when the run has
// ended, current reads its TaskRuns again: it must not miss one, and must not wait for a deleted one.
func current(ctx context.Context, c *cluster.Cluster, r Run, tasks map[string]*v1.TaskRun) (Snapshot, error) {
	if r.PipelineRun == nil || !r.Done() {
		s := newSnapshot(r, tasks)
		others, err := readChildren(ctx, c, r, 0)
		if err != nil && !passing(err) {
			return Snapshot{}, err
		}
		s.Others = others
		return s, nil
	}
	s, err := readPatiently(ctx, c, r)
	if err != nil {
		return Snapshot{}, err
	}
	clear(tasks)
	for _, tr := range s.Tasks {
		tasks[tr.Name] = tr
	}
	return s, nil
}

// readPatiently reads, and retries while the server does not respond.
func readPatiently(ctx context.Context, c *cluster.Cluster, r Run) (Snapshot, error) {
	wait := time.NewTicker(again)
	defer wait.Stop()
	for {
		s, err := Read(ctx, c, r)
		if err == nil || !passing(err) {
			return s, err
		}
		select {
		case <-ctx.Done():
			return s, ctx.Err()
		case <-wait.C:
		}
	}
}

// ended reports whether the run and its TaskRuns have ended.
func (s Snapshot) ended() bool {
	if !s.Run.Done() {
		return false
	}
	return !slices.ContainsFunc(s.Leaves(), func(leaf Leaf) bool { return !leaf.TaskRun.Status.Done() })
}

// othersRun reports whether a child has not ended that is not watched.
func (s Snapshot) othersRun() bool {
	return slices.ContainsFunc(s.Others, func(c Child) bool { return c.State() == Waiting || c.State() == Running })
}

// apply applies a change to tasks, and returns the new state of the run.
func apply(r Run, tasks map[string]*v1.TaskRun, seen change) (Run, error) {
	if seen.present != nil {
		// There is no event for a TaskRun that was deleted between two watches.
		maps.DeleteFunc(tasks, func(name string, _ *v1.TaskRun) bool { return !seen.present[name] })
		return r, nil
	}
	switch object := seen.object.(type) {
	case nil:
		if errors.Is(seen.err, errGone) {
			return r, deleted(r)
		}
		return r, seen.err
	case *v1.PipelineRun:
		r = OfPipeline(object)
	case *v1.TaskRun:
		switch {
		case r.TaskRun != nil:
			r = OfTask(object)
		case seen.deleted:
			delete(tasks, object.Name)
			return r, nil
		default:
			tasks[object.Name] = object
			return r, nil
		}
	}
	if seen.deleted {
		return r, deleted(r)
	}
	return r, nil
}

func deleted(r Run) error {
	return clierror.New(fmt.Sprintf("%s was deleted while it was watched", r.FullName()))
}

// watcher watches some objects of a kind.
type watcher struct {
	client  client.WithWatch
	kind    string
	options []client.ListOption
	// one: the watch is for one object, and ends without it. The object may be deleted before the watch begins, or while the
	// server is unavailable.
	one bool
}

// follow sends all matching objects, and then each change, until ctx ends. It retries after temporary errors. Another error is
// sent and ends it.
func (w watcher) follow(ctx context.Context, changes chan<- change) {
	send := func(ch change) bool {
		select {
		case changes <- ch:
			return true
		case <-ctx.Done():
			return false
		}
	}
	wait := time.NewTicker(again)
	defer wait.Stop()
	for ctx.Err() == nil {
		if err := w.once(ctx, send); err != nil && !passing(err) {
			send(change{err: fmt.Errorf("cannot watch %ss: %w", w.kind, err)})
			return
		}
		select {
		case <-ctx.Done():
		case <-wait.C:
		}
	}
}

// once lists and watches until the watch ends. Servers end a watch after some minutes.
func (w watcher) once(ctx context.Context, send func(change) bool) error {
	list := listFor(w.kind)
	if err := w.client.List(ctx, list, w.options...); err != nil {
		return err
	}
	objects, err := meta.ExtractList(list)
	if err != nil {
		return err
	}
	if w.one && len(objects) == 0 {
		return errGone
	}
	if !w.one && !send(change{present: namesOf(objects)}) {
		return nil
	}
	for _, object := range objects {
		if o, ok := object.(client.Object); ok && !send(change{object: o}) {
			return nil
		}
	}
	from := &client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}}
	stream, err := w.client.Watch(ctx, listFor(w.kind), append(slices.Clip(w.options), from)...)
	if err != nil {
		return err
	}
	defer stream.Stop()
	for event := range stream.ResultChan() {
		switch event.Type {
		case watch.Added, watch.Modified, watch.Deleted:
			o, ok := event.Object.(client.Object)
			if ok && !send(change{object: o, deleted: event.Type == watch.Deleted}) {
				return nil
			}
		case watch.Error:
			return apierrors.FromObject(event.Object)
		case watch.Bookmark:
		default:
		}
	}
	return nil
}

func namesOf(objects []runtime.Object) map[string]bool {
	names := map[string]bool{}
	for _, object := range objects {
		if o, ok := object.(client.Object); ok {
			names[o.GetName()] = true
		}
	}
	return names
}

func listFor(kind string) client.ObjectList {
	if kind == v1.KindTaskRun {
		return &v1.TaskRunList{}
	}
	return &v1.PipelineRunList{}
}

// passing reports whether a retry may help: the server was unreachable, or had an internal error. Other responses are final.
func passing(err error) bool {
	if _, answered := errors.AsType[*apierrors.StatusError](err); !answered {
		return !meta.IsNoMatchError(err) && !errors.Is(err, errGone)
	}
	return apierrors.IsInternalError(err) || apierrors.IsServiceUnavailable(err) || apierrors.IsTooManyRequests(err) ||
		apierrors.IsServerTimeout(err) || apierrors.IsTimeout(err) || apierrors.IsResourceExpired(err) || apierrors.IsGone(err)
}
