// Package measure runs TaskRuns and bare pods one after another and takes the time of each with its own clock: the API's
// times have whole seconds.
package measure

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// Bench measures on one cluster.
type Bench struct {
	// Client reads and writes tekton.dev/v1 and core objects.
	Client client.WithWatch
	// Kube reads logs.
	Kube kubernetes.Interface
	// Namespace that TaskRuns and pods are made in.
	Namespace string
	// Installation is the namespace of the ConfigMap feature-flags.
	Installation string
	// Image that steps and containers run in.
	Image string
}

// SetResultsFrom sets the flag results-from and max-result-size for results of size bytes, and waits until a new run
// says that it goes by them.
func (b *Bench) SetResultsFrom(ctx context.Context, from string, size int) error {
	limit := int64(max(size, 4096))
	patch, err := json.Marshal(map[string]any{"data": map[string]string{"results-from": from, "max-result-size": fmt.Sprint(limit)}})
	if err != nil {
		return err
	}
	_, err = b.Kube.CoreV1().ConfigMaps(b.Installation).Patch(ctx, "feature-flags", types.StrategicMergePatchType, patch, metav1.PatchOptions{})
	if err != nil {
		return fmt.Errorf("cannot set results-from to %q: %w", from, err)
	}
	for ctx.Err() == nil {
		run, err := b.run(ctx, "probe-", v1.TaskSpec{Steps: []v1.Step{b.step("none", "true")}})
		if err != nil {
			return err
		}
		if p := run.Status.Provenance; p != nil && p.FeatureFlags != nil && *p.FeatureFlags == (v1.FeatureFlags{ResultExtractionMethod: from, MaxResultSize: limit}) {
			return nil
		}
	}
	return fmt.Errorf("cannot see results-from %q in force: %w", from, ctx.Err())
}

// TaskRun runs a Task of two steps, of which the first writes one result of size bytes, and returns the time from before
// the TaskRun's creation until it was seen to have ended. It fails when the run did, or the result is not whole.
func (b *Bench) TaskRun(ctx context.Context, size int) (time.Duration, error) {
	task := v1.TaskSpec{
		Results: []v1.TaskResult{{Name: "value", Type: v1.TypeString}},
		Steps: []v1.Step{
			b.step("one", fmt.Sprintf("head -c %d /dev/zero | tr '\\0' x > $(results.value.path)", size)),
			b.step("two", "true"),
		},
	}
	start := time.Now()
	run, err := b.run(ctx, "bench-", task)
	took := time.Since(start)
	if err != nil {
		return 0, err
	}
	if c := run.Status.Condition(); c.Status != metav1.ConditionTrue {
		return 0, fmt.Errorf("TaskRun %q failed with reason %s: %s", run.Name, c.Reason, c.Message)
	}
	if len(run.Status.Results) != 1 || run.Status.Results[0].Value.String != strings.Repeat("x", size) {
		return 0, fmt.Errorf("TaskRun %q has not the result of %d bytes that its step wrote", run.Name, size)
	}
	return took, nil
}

func (b *Bench) step(name, script string) v1.Step {
	return v1.Step{Name: name, Image: b.Image, ImagePullPolicy: corev1.PullIfNotPresent, Script: "#!/bin/sh\n" + script}
}

// run creates a TaskRun and returns it once it has ended.
func (b *Bench) run(ctx context.Context, prefix string, task v1.TaskSpec) (*v1.TaskRun, error) {
	run := &v1.TaskRun{Spec: v1.TaskRunSpec{TaskSpec: &task}}
	run.Namespace, run.GenerateName = b.Namespace, prefix
	if err := b.Client.Create(ctx, run); err != nil {
		return nil, fmt.Errorf("cannot create TaskRun: %w", err)
	}
	return until(ctx, b.Client, run, &v1.TaskRunList{}, func(run *v1.TaskRun) bool { return run.Status.Done() })
}

// Pod runs a bare pod of as many containers, each of which prints a line, and returns the times from before its creation
// until the last container's line reached a reader of its log, and until the pod's status said that it had ended. This
// is the least that anything which runs in pods can take.
func (b *Bench) Pod(ctx context.Context, containers int) (firstLine, ended time.Duration, err error) {
	pod := &corev1.Pod{Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever}}
	pod.Namespace, pod.GenerateName = b.Namespace, "bare-"
	for i := range containers {
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{
			Name: fmt.Sprintf("c%d", i), Image: b.Image, ImagePullPolicy: corev1.PullIfNotPresent, Command: []string{"sh", "-c", "echo line"}})
	}
	start := time.Now()
	if err := b.Client.Create(ctx, pod); err != nil {
		return 0, 0, fmt.Errorf("cannot create pod: %w", err)
	}
	lines := make(chan time.Duration, 1)
	go func() { lines <- b.firstLine(ctx, pod.Name, fmt.Sprintf("c%d", containers-1), start) }()
	_, err = until(ctx, b.Client, pod, &corev1.PodList{}, func(pod *corev1.Pod) bool {
		return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	})
	ended = time.Since(start)
	return <-lines, ended, err
}

// retry is how soon a log is asked for again that is not there yet.
const retry = 20 * time.Millisecond

// firstLine returns when the first line of a container's log arrived, counted from start; zero if none did.
func (b *Bench) firstLine(ctx context.Context, pod, container string, start time.Time) time.Duration {
	tick := time.NewTicker(retry)
	defer tick.Stop()
	for {
		stream, err := b.Kube.CoreV1().Pods(b.Namespace).GetLogs(pod, &corev1.PodLogOptions{Container: container, Follow: true}).Stream(ctx)
		if err == nil {
			_, err = bufio.NewReader(stream).ReadString('\n')
			arrived := time.Since(start)
			if errors.Join(err, stream.Close()) == nil {
				return arrived
			}
		}
		select {
		case <-ctx.Done():
			return 0
		case <-tick.C:
		}
	}
}

// until watches an object, from the state at hand, until done says so, and returns it as it is then.
func until[T client.Object](ctx context.Context, c client.WithWatch, obj T, list client.ObjectList, done func(T) bool) (T, error) {
	w, err := c.Watch(ctx, list, client.InNamespace(obj.GetNamespace()), client.MatchingFields{"metadata.name": obj.GetName()},
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: obj.GetResourceVersion()}})
	if err != nil {
		return obj, fmt.Errorf("cannot watch %T %q: %w", obj, obj.GetName(), err)
	}
	defer w.Stop()
	for event := range w.ResultChan() {
		changed, ok := event.Object.(T)
		if event.Type == watch.Deleted || !ok {
			return obj, fmt.Errorf("cannot see the end of %T %q: %s", obj, obj.GetName(), event.Type)
		}
		if done(changed) {
			return changed, nil
		}
	}
	return obj, fmt.Errorf("cannot see the end of %T %q: the watch was closed", obj, obj.GetName())
}
