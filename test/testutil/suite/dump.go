package suite

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
)

const (
	// dumpTime bounds the time for printing the state of a failed run.
	dumpTime = 20 * time.Second
	// dumpLine is the maximum length of a printed line, and dumpTail the maximum number of lines of a log. Values are large
	// here.
	dumpLine = 300
	dumpTail = 60
)

// dumpTaskRun prints a TaskRun, its pod, the pod's logs and the controller's log.
func (n *Namespace) dumpTaskRun(t *testing.T, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), dumpTime)
	defer cancel()
	var run v1.TaskRun
	if err := n.Client.Get(ctx, client.ObjectKey{Namespace: n.Name, Name: name}, &run); err != nil {
		t.Logf("TaskRun %q: %v", name, err)
		return
	}
	n.dumpObject(t, "TaskRun "+name, &run)
	n.dumpPods(ctx, t, v1.LabelTaskRun+"="+name)
	n.dumpController(ctx, t)
}

// dumpPipelineRun prints a PipelineRun, and for each TaskRun what dumpTaskRun prints.
func (n *Namespace) dumpPipelineRun(t *testing.T, name string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), dumpTime)
	defer cancel()
	var run v1.PipelineRun
	if err := n.Client.Get(ctx, client.ObjectKey{Namespace: n.Name, Name: name}, &run); err != nil {
		t.Logf("PipelineRun %q: %v", name, err)
		return
	}
	n.dumpObject(t, "PipelineRun "+name, &run)
	var children v1.TaskRunList
	if err := n.Client.List(ctx, &children, client.InNamespace(n.Name), client.MatchingLabels{v1.LabelPipelineRun: name}); err != nil {
		t.Logf("TaskRuns of PipelineRun %q: %v", name, err)
	}
	for i := range children.Items {
		n.dumpObject(t, "TaskRun "+children.Items[i].Name, &children.Items[i])
	}
	n.dumpPods(ctx, t, v1.LabelPipelineRun+"="+name)
	n.dumpController(ctx, t)
}

func (n *Namespace) dumpObject(t *testing.T, title string, obj client.Object) {
	t.Helper()
	obj.SetManagedFields(nil)
	text, err := yaml.Marshal(obj)
	if err != nil {
		t.Logf("%s: %v", title, err)
		return
	}
	t.Logf("---- %s\n%s", title, Shorten(string(text)))
}

func (n *Namespace) dumpPods(ctx context.Context, t *testing.T, selector string) {
	t.Helper()
	pods, err := n.Kube.CoreV1().Pods(n.Name).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		t.Logf("pods: %v", err)
		return
	}
	for i := range pods.Items {
		pod := &pods.Items[i]
		n.dumpObject(t, "Pod "+pod.Name, pod)
		for _, container := range Containers(pod) {
			t.Logf("---- log of %s/%s\n%s", pod.Name, container, Shorten(n.Log(ctx, n.Name, pod.Name, container)))
		}
	}
}

func (n *Namespace) dumpController(ctx context.Context, t *testing.T) {
	t.Helper()
	pods, err := n.Kube.CoreV1().Pods(n.Controller).List(ctx, metav1.ListOptions{})
	if err != nil {
		t.Logf("controller: %v", err)
		return
	}
	for _, pod := range pods.Items {
		t.Logf("---- log of %s\n%s", pod.Name, Shorten(n.Log(ctx, n.Controller, pod.Name, "")))
	}
}

// Containers returns the names of all containers of a pod.
func Containers(pod *corev1.Pod) []string {
	var names []string
	for _, c := range pod.Spec.InitContainers {
		names = append(names, c.Name)
	}
	for _, c := range pod.Spec.Containers {
		names = append(names, c.Name)
	}
	return names
}

// Log returns the last lines of a container's log, or the error that prevents reading it.
func (n *Namespace) Log(ctx context.Context, space, pod, container string) string {
	tail := int64(dumpTail)
	stream, err := n.Kube.CoreV1().Pods(space).GetLogs(pod, &corev1.PodLogOptions{Container: container, TailLines: &tail}).Stream(ctx)
	if err != nil {
		return err.Error()
	}
	defer stream.Close()
	text, err := io.ReadAll(stream)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Shorten cuts every line to a readable length.
func Shorten(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if len(line) > dumpLine {
			lines[i] = fmt.Sprintf("%s… (%d bytes)", line[:dumpLine], len(line))
		}
	}
	return strings.Join(lines, "\n")
}
