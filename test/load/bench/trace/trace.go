// Package trace watches runs and pods and notes, by the clock of this process, when it saw what happen to them: the API's
// own times have whole seconds.
package trace

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Names of the labels by which pods and TaskRuns name what they belong to.
const (
	taskRunLabel     = "tekton.dev/taskRun"
	pipelineRunLabel = "tekton.dev/pipelineRun"
)

// Event is something that can be seen to happen to an object.
type Event string

// What can be seen.
const (
	// Seen is when the object was there.
	Seen Event = "seen"
	// Scheduled is when a pod had a node.
	Scheduled Event = "scheduled"
	// Done is when a run had ended, or a pod all its containers.
	Done Event = "done"
)

// Run is what was seen of one TaskRun, PipelineRun or pod.
type Run struct {
	// Name, and Parent: the TaskRun of a pod, the PipelineRun of a TaskRun.
	Name, Parent string
	// At says when what was seen.
	At map[Event]time.Time
	// Digest is the SHA-256 of the first result of a TaskRun that has ended, in hexadecimal digits; "" if it has none.
	Digest string
	// Trouble says why the run is no good measurement; "" if it is one.
	Trouble string
	// Pod is the last state of a pod.
	Pod *corev1.Pod
}

// Check looks at a TaskRun that succeeded and says what is wrong with it, "" if nothing is.
type Check func(*v1.TaskRunStatus) string

// Recorder notes what happens in one namespace from when it was started.
type Recorder struct {
	check Check
	added func(*corev1.Pod)

	mu      sync.Mutex
	runs    map[Kind]map[string]*Run
	ended   map[Kind]int
	changed chan struct{}
	err     error
}

// Kind of an object.
type Kind string

// The kinds that are watched.
const (
	Pod         Kind = "pod"
	TaskRun     Kind = "TaskRun"
	PipelineRun Kind = "PipelineRun"
)

// Start begins to watch. It ends with the context. TaskRuns that succeed are given to check, and pods to added when they
// are first seen, which may be nil.
func Start(ctx context.Context, c client.WithWatch, namespace string, check Check, added func(*corev1.Pod)) (*Recorder, error) {
	r := newRecorder(check, added)
	for _, list := range []client.ObjectList{&corev1.PodList{}, &v1.TaskRunList{}, &v1.PipelineRunList{}} {
		if err := c.List(ctx, list, client.InNamespace(namespace), client.Limit(1)); err != nil {
			return nil, fmt.Errorf("cannot list %T: %w", list, err)
		}
		w, err := c.Watch(ctx, list, client.InNamespace(namespace),
			&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}})
		if err != nil {
			return nil, fmt.Errorf("cannot watch %T: %w", list, err)
		}
		go r.follow(ctx, w)
	}
	return r, nil
}

func newRecorder(check Check, added func(*corev1.Pod)) *Recorder {
	return &Recorder{
		check: check, added: added, ended: map[Kind]int{}, changed: make(chan struct{}),
		runs: map[Kind]map[string]*Run{Pod: {}, TaskRun: {}, PipelineRun: {}},
	}
}

func (r *Recorder) follow(ctx context.Context, w watch.Interface) {
	defer w.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case event, open := <-w.ResultChan():
			if !open || event.Type == watch.Error {
				r.fail(errors.New("a watch has ended before what it was for"))
				return
			}
			r.note(event.Object, time.Now())
		}
	}
}

func (r *Recorder) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = errors.Join(r.err, err)
	r.tell()
}

// tell wakes who waits. The lock is held.
func (r *Recorder) tell() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// note notes what an object says.
func (r *Recorder) note(object any, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch o := object.(type) {
	case *corev1.Pod:
		r.notePod(o, now)
	case *v1.TaskRun:
		run := r.at(TaskRun, o.Name, now)
		run.Parent = o.Labels[pipelineRunLabel]
		if o.Status.Done() && r.end(TaskRun, run, now) {
			run.Trouble = r.judge(o.Status.Condition(), &o.Status)
			if len(o.Status.Results) > 0 {
				run.Digest = fmt.Sprintf("%x", sha256.Sum256([]byte(o.Status.Results[0].Value.String)))
			}
		}
	case *v1.PipelineRun:
		run := r.at(PipelineRun, o.Name, now)
		if o.Status.Done() && r.end(PipelineRun, run, now) {
			run.Trouble = r.judge(o.Status.Condition(), nil)
		}
	}
	r.tell()
}

func (r *Recorder) notePod(o *corev1.Pod, now time.Time) {
	_, known := r.runs[Pod][o.Name]
	run := r.at(Pod, o.Name, now)
	run.Pod, run.Parent = o, o.Labels[taskRunLabel]
	if !known && r.added != nil {
		r.added(o)
	}
	if o.Spec.NodeName != "" {
		run.first(Scheduled, now)
	}
	if o.Status.Phase == corev1.PodSucceeded || o.Status.Phase == corev1.PodFailed {
		r.end(Pod, run, now)
	}
}

// end notes that a run has ended, and says whether that is news.
func (r *Recorder) end(kind Kind, run *Run, now time.Time) bool {
	news := run.first(Done, now)
	if news {
		r.ended[kind]++
	}
	return news
}

func (r *Recorder) judge(c *metav1.Condition, status *v1.TaskRunStatus) string {
	if c.Status != metav1.ConditionTrue {
		return fmt.Sprintf("it failed with reason %s: %s", c.Reason, c.Message)
	}
	if status == nil || r.check == nil {
		return ""
	}
	return r.check(status)
}

// at returns the run that is noted under a name, and notes that it was seen.
func (r *Recorder) at(kind Kind, name string, now time.Time) *Run {
	run, ok := r.runs[kind][name]
	if !ok {
		run = &Run{Name: name, At: map[Event]time.Time{Seen: now}}
		r.runs[kind][name] = run
	}
	return run
}

// first notes an event, if it was not seen before, and says whether that was so.
func (r *Run) first(e Event, now time.Time) bool {
	if _, seen := r.At[e]; seen {
		return false
	}
	r.At[e] = now
	return true
}

// All returns copies of what is noted, by name.
func (r *Recorder) All(kind Kind) map[string]Run {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string]Run{}
	for name, run := range r.runs[kind] {
		c := *run
		c.At = maps.Clone(run.At)
		all[name] = c
	}
	return all
}

// Await returns once as many objects of a kind have ended. It fails when a watch has ended or the context has.
func (r *Recorder) Await(ctx context.Context, kind Kind, n int) error {
	for {
		r.mu.Lock()
		changed, err, ended := r.changed, r.err, r.ended[kind]
		r.mu.Unlock()
		if err != nil {
			return err
		}
		if ended >= n {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("cannot see the end of what is measured: %d of %d %ss have ended: %w", ended, n, kind, ctx.Err())
		case <-changed:
		}
	}
}
