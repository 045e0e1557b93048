//go:build e2e

package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

// namespace is a namespace of one test's own.
type namespace struct {
	*cluster
	name string
}

// newNamespace makes a namespace in which pods can be created; labels are added to it.
func newNamespace(t *testing.T, labels ...string) *namespace {
	t.Helper()
	c, err := connect()
	if err != nil {
		t.Fatal(err)
	}
	made := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "e2e-", Labels: map[string]string{suiteLabel: ""}}}
	for i := 0; i+1 < len(labels); i += 2 {
		made.Labels[labels[i]] = labels[i+1]
	}
	if err := c.client.Create(t.Context(), made); err != nil {
		t.Fatalf("cannot create namespace: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	err = poll(ctx, func(ctx context.Context) (bool, error) {
		_, err := c.kube.CoreV1().ServiceAccounts(made.Name).Get(ctx, "default", metav1.GetOptions{})
		return err == nil, client.IgnoreNotFound(err)
	})
	if err != nil {
		t.Fatalf("namespace %q has no default service account: %v", made.Name, err)
	}
	return &namespace{cluster: c, name: made.Name}
}

// await reads obj until done says so. It watches, so that it answers at once.
func await[T client.Object](ctx context.Context, c client.WithWatch, obj T, list client.ObjectList, done func(T) bool) error {
	key := client.ObjectKeyFromObject(obj)
	for {
		if err := c.Get(ctx, key, obj); err != nil {
			return fmt.Errorf("cannot read %T %q: %w", obj, key.Name, err)
		}
		if done(obj) {
			return nil
		}
		if err := changed(ctx, c, obj, list); err != nil {
			return fmt.Errorf("%T %q did not get there: %w", obj, key.Name, err)
		}
	}
}

// changed returns once obj is another than the one at hand, or the watch has ended for a reason that is no failure.
func changed(ctx context.Context, c client.WithWatch, obj client.Object, list client.ObjectList) error {
	w, err := c.Watch(ctx, list, client.InNamespace(obj.GetNamespace()),
		client.MatchingFields{"metadata.name": obj.GetName()},
		&client.ListOptions{Raw: &metav1.ListOptions{ResourceVersion: obj.GetResourceVersion()}})
	if apierrors.IsResourceExpired(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer w.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case event, open := <-w.ResultChan():
		if open && event.Type == watch.Deleted {
			return errors.New("it was deleted")
		}
		return nil
	}
}

// script is a step that runs text in sh.
func script(name, text string) v1.Step {
	return v1.Step{Name: name, Image: stepImage, Script: "#!/bin/sh\nset -eu\n" + text}
}

// result declares a result.
func result(name string, kind v1.ValueType, keys ...string) v1.TaskResult {
	r := v1.TaskResult{Name: name, Type: kind}
	for _, key := range keys {
		if r.Properties == nil {
			r.Properties = map[string]v1.PropertySpec{}
		}
		r.Properties[key] = v1.PropertySpec{Type: v1.TypeString}
	}
	return r
}

// start creates a TaskRun and returns without waiting. When the test fails, everything about the run is printed.
func (n *namespace) start(t *testing.T, spec v1.TaskRunSpec) *v1.TaskRun {
	t.Helper()
	run := &v1.TaskRun{Spec: spec}
	run.Namespace, run.GenerateName = n.name, "run-"
	if err := n.client.Create(t.Context(), run); err != nil {
		t.Fatalf("cannot create TaskRun: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			n.dumpTaskRun(t, run.Name)
		}
	})
	return run
}

// run creates a TaskRun and returns it once it has ended.
func (n *namespace) run(t *testing.T, spec v1.TaskRunSpec) *v1.TaskRun {
	t.Helper()
	run := n.start(t, spec)
	n.finish(t, run)
	return run
}

// task runs a Task that needs nothing.
func (n *namespace) task(t *testing.T, spec v1.TaskSpec) *v1.TaskRun {
	t.Helper()
	return n.run(t, v1.TaskRunSpec{TaskSpec: &spec})
}

// finish waits until a TaskRun has ended.
func (n *namespace) finish(t *testing.T, run *v1.TaskRun) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := func(run *v1.TaskRun) bool { return run.Status.Done() }
	if err := await(ctx, n.client, run, &v1.TaskRunList{}, done); err != nil {
		t.Fatal(err)
	}
}

// pipeline creates a PipelineRun and returns it once it has ended.
func (n *namespace) pipeline(t *testing.T, spec v1.PipelineRunSpec) *v1.PipelineRun {
	t.Helper()
	run := &v1.PipelineRun{Spec: spec}
	run.Namespace, run.GenerateName = n.name, "pipeline-"
	if err := n.client.Create(t.Context(), run); err != nil {
		t.Fatalf("cannot create PipelineRun: %v", err)
	}
	n.finishPipeline(t, run)
	return run
}

// finishPipeline waits until a PipelineRun has ended. When the test fails, everything about the run is printed.
func (n *namespace) finishPipeline(t *testing.T, run *v1.PipelineRun) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			n.dumpPipelineRun(t, run.Name)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := func(run *v1.PipelineRun) bool { return run.Status.Done() }
	if err := await(ctx, n.client, run, &v1.PipelineRunList{}, done); err != nil {
		t.Fatal(err)
	}
}

// child returns the TaskRun of a pipeline's task, found as clients do: by the reference in the status.
func (n *namespace) child(t *testing.T, run *v1.PipelineRun, task string) *v1.TaskRun {
	t.Helper()
	for _, reference := range run.Status.ChildReferences {
		if reference.PipelineTaskName != task {
			continue
		}
		var child v1.TaskRun
		if err := n.client.Get(t.Context(), client.ObjectKey{Namespace: n.name, Name: reference.Name}, &child); err != nil {
			t.Fatalf("cannot read TaskRun of task %q: %v", task, err)
		}
		return &child
	}
	t.Fatalf("PipelineRun %q has no child for task %q: %+v", run.Name, task, run.Status.ChildReferences)
	return nil
}

// pod returns the pod of a TaskRun.
func (n *namespace) pod(t *testing.T, run *v1.TaskRun) *corev1.Pod {
	t.Helper()
	pod, err := n.kube.CoreV1().Pods(n.name).Get(t.Context(), run.Status.PodName, metav1.GetOptions{})
	if err != nil {
		t.Fatalf("cannot read pod of TaskRun %q: %v", run.Name, err)
	}
	return pod
}

// awaitPodEnd waits until the pod of a TaskRun has ended, sidecars and all.
func (n *namespace) awaitPodEnd(t *testing.T, run *v1.TaskRun) *corev1.Pod {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	pod := n.pod(t, run)
	ended := func(pod *corev1.Pod) bool {
		return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	}
	if err := await(ctx, n.client, pod, &corev1.PodList{}, ended); err != nil {
		t.Fatal(err)
	}
	return pod
}

// pods returns the pods that belong to a TaskRun.
func (n *namespace) pods(t *testing.T, run *v1.TaskRun) []corev1.Pod {
	t.Helper()
	list, err := n.kube.CoreV1().Pods(n.name).List(t.Context(), metav1.ListOptions{LabelSelector: v1.LabelTaskRun + "=" + run.Name})
	if err != nil {
		t.Fatalf("cannot list pods: %v", err)
	}
	return list.Items
}

// values returns the results of a run by name.
func values(run *v1.TaskRun) map[string]v1.Value {
	all := map[string]v1.Value{}
	for _, r := range run.Status.Results {
		all[r.Name] = r.Value
	}
	return all
}

// wantSucceeded fails the test unless the run ended well.
func wantSucceeded(t *testing.T, c *metav1.Condition) {
	t.Helper()
	if c == nil || c.Status != metav1.ConditionTrue || c.Reason != v1.TaskRunReasonSucceeded {
		t.Fatalf("the run did not succeed: %s", describe(c))
	}
}

// wantFailed fails the test unless the run failed with the reason and a message that holds every one of words.
func wantFailed(t *testing.T, c *metav1.Condition, reason string, words ...string) {
	t.Helper()
	if c == nil || c.Status != metav1.ConditionFalse || c.Reason != reason {
		t.Fatalf("the run did not fail with reason %s: %s", reason, describe(c))
	}
	for _, word := range words {
		if !strings.Contains(c.Message, word) {
			t.Errorf("the message does not name %q: %q", word, c.Message)
		}
	}
}

func describe(c *metav1.Condition) string {
	if c == nil {
		return "it has no condition"
	}
	return fmt.Sprintf("Succeeded=%s %s: %s", c.Status, c.Reason, c.Message)
}
