package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/chaos/check"
)

// again is the time until the watcher retries after an error of the API server.
const again = 200 * time.Millisecond

// watcher observes the objects of a namespace.
type watcher struct {
	client    client.WithWatch
	namespace string

	mu sync.Mutex
	// histories are by the names of objects. A TaskRun and a PipelineRun never have the same name.
	histories map[string]*check.History
	// ended holds the times at which objects were first observed to have ended.
	ended map[string]time.Time
}

func newWatcher(c client.WithWatch, namespace string) *watcher {
	return &watcher{client: c, namespace: namespace, histories: map[string]*check.History{}, ended: map[string]time.Time{}}
}

// follow observes all objects of a kind until ctx ends. It restarts the watch when the API server closes it.
func (w *watcher) follow(ctx context.Context, list client.ObjectList) {
	for ctx.Err() == nil {
		if err := w.once(ctx, list); err != nil {
			select {
			case <-ctx.Done():
			case <-time.After(again):
			}
		}
	}
}

// once lists all objects, and watches them from there until the watch ends.
func (w *watcher) once(ctx context.Context, list client.ObjectList) error {
	if err := w.client.List(ctx, list, client.InNamespace(w.namespace)); err != nil {
		return err
	}
	w.seeAll(list)
	changes, err := w.client.Watch(ctx, list, client.InNamespace(w.namespace),
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: list.GetResourceVersion()}})
	if err != nil {
		return err
	}
	defer changes.Stop()
	for change := range changes.ResultChan() {
		if change.Type == watch.Added || change.Type == watch.Modified || change.Type == watch.Deleted {
			w.see(change.Object)
		}
	}
	return nil
}

func (w *watcher) seeAll(list client.ObjectList) {
	switch list := list.(type) {
	case *v1.TaskRunList:
		for i := range list.Items {
			w.see(&list.Items[i])
		}
	case *v1.PipelineRunList:
		for i := range list.Items {
			w.see(&list.Items[i])
		}
	case *corev1.PodList:
		for i := range list.Items {
			w.see(&list.Items[i])
		}
	}
}

// see records the state of an object.
func (w *watcher) see(object runtime.Object) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	switch o := object.(type) {
	case *v1.TaskRun:
		h := w.history(o.Name, now)
		for len(h.Attempts) < len(o.Status.RetriesStatus) {
			h.Attempts = append(h.Attempts, now)
		}
		w.stands(o.Name, h, o.Status.Condition(), o.Status.Results, now)
		seeLookup(h, o.Status.Condition(), now)
	case *v1.PipelineRun:
		w.stands(o.Name, w.history(o.Name, now), o.Status.Condition(), o.Status.Results, now)
	case *corev1.Pod:
		if name := o.Labels[v1.LabelTaskRun]; name != "" {
			seePod(w.history(name, now), o, now)
		}
	}
}

// noPod is the beginning of the message of a run whose pod cannot be created now.
const noPod = "the pod cannot be made yet: "

// seeLookup records that a run waits because the registry did not answer the request for an image's command.
func seeLookup(h *check.History, condition *metav1.Condition, now time.Time) {
	if condition == nil || condition.Status != metav1.ConditionUnknown || condition.Reason != v1.TaskRunReasonPullImageFailed {
		return
	}
	if why, ok := strings.CutPrefix(condition.Message, noPod); ok {
		h.Lookups = append(h.Lookups, check.Lookup{At: now, Message: why})
	}
}

// history returns that of an object, and creates it for an object that is observed for the first time.
func (w *watcher) history(name string, now time.Time) *check.History {
	h := w.histories[name]
	if h == nil {
		h = &check.History{Seen: now}
		w.histories[name] = h
	}
	return h
}

// stands records an outcome, and every state of an object after its first outcome.
func (w *watcher) stands(name string, h *check.History, condition *metav1.Condition, results any, now time.Time) {
	over := condition != nil && condition.Status != metav1.ConditionUnknown
	if !over && len(h.Outcomes) == 0 {
		return
	}
	o := check.Outcome{Status: metav1.ConditionUnknown}
	if condition != nil {
		o = check.Outcome{Status: condition.Status, Reason: condition.Reason, Message: condition.Message, Results: digest(results)}
	}
	if len(h.Outcomes) == 0 || h.Outcomes[len(h.Outcomes)-1] != o {
		h.Outcomes = append(h.Outcomes, o)
	}
	if w.ended[name].IsZero() {
		w.ended[name] = now
	}
}

func digest(results any) string {
	text, err := json.Marshal(results)
	if err != nil {
		return err.Error()
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// seePod records a pod, and the time at which all its containers have started.
func seePod(h *check.History, pod *corev1.Pod, now time.Time) {
	i := slices.IndexFunc(h.Pods, func(p check.Pod) bool { return p.UID == string(pod.UID) })
	if i < 0 {
		i = len(h.Pods)
		h.Pods = append(h.Pods, check.Pod{Name: pod.Name, UID: string(pod.UID), Seen: now})
	}
	begun := len(pod.Status.ContainerStatuses) == len(pod.Spec.Containers)
	for _, s := range pod.Status.ContainerStatuses {
		begun = begun && (s.State.Running != nil || s.State.Terminated != nil)
	}
	if begun && h.Pods[i].Running.IsZero() {
		h.Pods[i].Running = now
	}
}

// over reports whether an object was observed to have ended, and when.
func (w *watcher) over(name string) (time.Time, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at := w.ended[name]
	return at, !at.IsZero()
}

// copies returns copies of the histories of objects.
func (w *watcher) copies(names []string) map[string]*check.History {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := map[string]*check.History{}
	for _, name := range names {
		if h := w.histories[name]; h != nil {
			twin := *h
			twin.Attempts, twin.Outcomes, twin.Pods = slices.Clone(h.Attempts), slices.Clone(h.Outcomes), slices.Clone(h.Pods)
			twin.Lookups = slices.Clone(h.Lookups)
			all[name] = &twin
		}
	}
	return all
}

// forget drops the histories of objects that are deleted.
func (w *watcher) forget(names []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, name := range names {
		delete(w.histories, name)
		delete(w.ended, name)
	}
}
