// Package trace watches runs and pods, and records by the clock of this process when it observed their changes. The API's own
// times have whole seconds.
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

// Names of the labels by which pods and TaskRuns refer to their owners.
const (
	taskRunLabel     = "tekton.dev/taskRun"
	pipelineRunLabel = "tekton.dev/pipelineRun"
)

// Event is an observable event of an object.
type Event string

// What can be seen.
const (
	// Seen: the object exists.
	Seen Event = "seen"
	// Scheduled: a pod has a node.
	Scheduled Event = "scheduled"
	// Done: a run has ended, or all containers of a pod have.
	Done Event = "done"
)

// Run holds the observations of one TaskRun, PipelineRun or pod.
type Run struct {
	// Name, and Parent: the TaskRun of a pod, the PipelineRun of a TaskRun.
	Name, Parent string
	// At holds the times of the events.
	At map[Event]time.Time
	// Digest is the SHA-256 of the first result of a TaskRun that has ended, in hexadecimal digits; "" if it has none.
	Digest string
	// Trouble is the reason why the run is not a valid measurement; "" if it is valid.
	Trouble string
	// Pod is the last state of a pod.
	Pod *corev1.Pod
}

// Check returns what is wrong with a successful TaskRun, or "".
type Check func(*v1.TaskRunStatus) string

// Recorder records the events of one namespace from its start on.
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

// Start starts to watch, until the context ends. It calls check for each TaskRun that succeeds, and added for each pod when
// it is first observed. Both may be nil.
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
				r.fail(errors.New("a watch has ended too early"))
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
	r.wake()
}

// wake wakes the waiting goroutines. The caller holds the lock.
func (r *Recorder) wake() {
	close(r.changed)
	r.changed = make(chan struct{})
}

// note records the state of an object.
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
	r.wake()
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

// end records that a run has ended. It returns true the first time.
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

// at returns the run with a name, and records that it was observed.
func (r *Recorder) at(kind Kind, name string, now time.Time) *Run {
	run, ok := r.runs[kind][name]
	if !ok {
		run = &Run{Name: name, At: map[Event]time.Time{Seen: now}}
		r.runs[kind][name] = run
	}
	return run
}

// first records an event if it is new. It returns true in that case.
func (r *Run) first(e Event, now time.Time) bool {
	if _, seen := r.At[e]; seen {
		return false
	}
	r.At[e] = now
	return true
}

// All returns copies of the records, by name.
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

// Await returns when n objects of a kind have ended. It fails if a watch or the context has ended.
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
			return fmt.Errorf("the measured runs did not end: %d of %d %ss have ended: %w", ended, n, kind, ctx.Err())
		case <-changed:
		}
	}
}
