package suite

import (
	"context"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/customtask"
	"github.com/sluice-ci/sluice/test/testutil/kube"
)

// Namespace is the namespace of one test.
type Namespace struct {
	*kube.Cluster

	// Name of the namespace.
	Name string
}

// NewNamespace creates a namespace in which pods can be created. labels are names and values in turn.
func NewNamespace(t *testing.T, labels ...string) *Namespace {
	t.Helper()
	c, err := kube.Connect()
	if err != nil {
		t.Fatal(err)
	}
	more := map[string]string{}
	for i := 0; i+1 < len(labels); i += 2 {
		more[labels[i]] = labels[i+1]
	}
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	name, err := c.MakeNamespace(ctx, more)
	if err != nil {
		t.Fatal(err)
	}
	return &Namespace{Cluster: c, Name: name}
}

// UseFlags sets results-from and max-result-size, and waits until the controller uses them.
func (n *Namespace) UseFlags(t *testing.T, from string, limit int64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	if err := n.Cluster.UseFlags(ctx, n.Name, from, limit); err != nil {
		t.Fatal(err)
	}
}

// AwaitFlags waits until a run reports that it uses the flags in want.
func (n *Namespace) AwaitFlags(t *testing.T, want v1.FeatureFlags) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	if err := n.Cluster.AwaitFlags(ctx, n.Name, want); err != nil {
		t.Fatal(err)
	}
}

// Start creates a TaskRun and does not wait for it. If the test fails, everything about the run is printed.
func (n *Namespace) Start(t *testing.T, spec v1.TaskRunSpec) *v1.TaskRun {
	t.Helper()
	run := &v1.TaskRun{Spec: spec}
	run.Namespace, run.GenerateName = n.Name, "run-"
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	if err := kube.Create(ctx, n.Client, run); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			n.dumpTaskRun(t, run.Name)
		}
	})
	return run
}

// Run creates a TaskRun, waits until it has ended, and returns it.
func (n *Namespace) Run(t *testing.T, spec v1.TaskRunSpec) *v1.TaskRun {
	t.Helper()
	run := n.Start(t, spec)
	n.Finish(t, run)
	return run
}

// Task runs a Task that needs no params or workspaces.
func (n *Namespace) Task(t *testing.T, spec v1.TaskSpec) *v1.TaskRun {
	t.Helper()
	return n.Run(t, v1.TaskRunSpec{TaskSpec: &spec})
}

// Finish waits until a TaskRun has ended.
func (n *Namespace) Finish(t *testing.T, run *v1.TaskRun) {
	t.Helper()
	n.Await(t, run, func(run *v1.TaskRun) bool { return run.Status.Done() })
}

// Await waits until done returns true for a TaskRun.
func (n *Namespace) Await(t *testing.T, run *v1.TaskRun, done func(*v1.TaskRun) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	if err := kube.Await(ctx, n.Client, run, &v1.TaskRunList{}, done); err != nil {
		t.Fatal(err)
	}
}

// Pipeline creates a PipelineRun, waits until it has ended, and returns it.
func (n *Namespace) Pipeline(t *testing.T, spec v1.PipelineRunSpec) *v1.PipelineRun {
	t.Helper()
	run := &v1.PipelineRun{Spec: spec}
	run.Namespace, run.GenerateName = n.Name, "pipeline-"
	if err := n.Client.Create(t.Context(), run); err != nil {
		t.Fatalf("cannot create PipelineRun: %v", err)
	}
	n.FinishPipeline(t, run)
	return run
}

// FinishPipeline waits until a PipelineRun has ended. When the test fails, everything about the run is printed.
func (n *Namespace) FinishPipeline(t *testing.T, run *v1.PipelineRun) {
	t.Helper()
	t.Cleanup(func() {
		if t.Failed() {
			n.dumpPipelineRun(t, run.Name)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	done := func(run *v1.PipelineRun) bool { return run.Status.Done() }
	if err := kube.Await(ctx, n.Client, run, &v1.PipelineRunList{}, done); err != nil {
		t.Fatal(err)
	}
}

// ServeCustomTasks runs the controller of custom tasks in the namespace until the test ends. Several can run at the same time.
func (n *Namespace) ServeCustomTasks(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- customtask.Serve(ctx, n.Client, n.Name) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the controller of custom tasks: %v", err)
		}
	})
}

// Child returns the TaskRun of a pipeline's task. It finds it as clients do, by the reference in the status.
func (n *Namespace) Child(t *testing.T, run *v1.PipelineRun, task string) *v1.TaskRun {
	t.Helper()
	for _, reference := range run.Status.ChildReferences {
		if reference.PipelineTaskName != task {
			continue
		}
		var child v1.TaskRun
		if err := n.Client.Get(t.Context(), client.ObjectKey{Namespace: n.Name, Name: reference.Name}, &child); err != nil {
			t.Fatalf("cannot read TaskRun of task %q: %v", task, err)
		}
		return &child
	}
	t.Fatalf("PipelineRun %q has no child for task %q: %+v", run.Name, task, run.Status.ChildReferences)
	return nil
}

// Files creates a ConfigMap with the given files, and returns a binding of the workspace "in" to it.
func (n *Namespace) Files(t *testing.T, files map[string]string) v1.WorkspaceBinding {
	t.Helper()
	config := &corev1.ConfigMap{BinaryData: map[string][]byte{}}
	config.Namespace, config.GenerateName = n.Name, "files-"
	for name, data := range files {
		config.BinaryData[name] = []byte(data)
	}
	if err := n.Client.Create(t.Context(), config); err != nil {
		t.Fatalf("cannot create ConfigMap: %v", err)
	}
	return v1.WorkspaceBinding{
		Name:      "in",
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: config.Name}},
	}
}

// Pod returns the pod of a TaskRun.
func (n *Namespace) Pod(t *testing.T, run *v1.TaskRun) *corev1.Pod {
	t.Helper()
	pod, err := n.Kube.CoreV1().Pods(n.Name).Get(t.Context(), run.Status.PodName, metav1.GetOptions{})
	if err != nil {
		t.Fatalf("cannot read pod of TaskRun %q: %v", run.Name, err)
	}
	return pod
}

// AwaitPod waits until done returns true for the pod of a TaskRun.
func (n *Namespace) AwaitPod(t *testing.T, run *v1.TaskRun, done func(*corev1.Pod) bool) *corev1.Pod {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	pod := n.Pod(t, run)
	if err := kube.Await(ctx, n.Client, pod, &corev1.PodList{}, done); err != nil {
		t.Fatal(err)
	}
	return pod
}

// AwaitPodEnd waits until all containers of a TaskRun's pod have ended.
func (n *Namespace) AwaitPodEnd(t *testing.T, run *v1.TaskRun) *corev1.Pod {
	t.Helper()
	return n.AwaitPod(t, run, func(pod *corev1.Pod) bool {
		return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	})
}

// Pods returns the pods that belong to a TaskRun.
func (n *Namespace) Pods(t *testing.T, run *v1.TaskRun) []corev1.Pod {
	t.Helper()
	list, err := n.Kube.CoreV1().Pods(n.Name).List(t.Context(), metav1.ListOptions{LabelSelector: v1.LabelTaskRun + "=" + run.Name})
	if err != nil {
		t.Fatalf("cannot list pods: %v", err)
	}
	return list.Items
}
