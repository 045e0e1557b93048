package cluster

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The output about a failure is bounded, because results may have a megabyte.
const (
	maxRuns   = 10
	maxPods   = 5
	maxEvents = 10
	// tailLines of each container's log, and lineBytes of each line, are printed.
	tailLines = 15
	lineBytes = 200
	// logBytes is the maximum number of bytes read of a log, because a line may be long.
	logBytes = 64 << 10
)

// explain describes the runs that did not succeed, and their pods. It also reports what it could not read.
func (n *Namespace) explain(ctx context.Context) string {
	var w strings.Builder
	fmt.Fprintf(&w, "namespace %s\n", n.name)
	for _, kind := range []string{"PipelineRun", "TaskRun"} {
		n.explainRuns(ctx, &w, kind)
	}
	n.explainEvents(ctx, &w)
	n.explainPods(ctx, &w)
	return w.String()
}

// explainRuns prints the conditions of runs that did not succeed.
func (n *Namespace) explainRuns(ctx context.Context, w io.Writer, kind string) {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(schema.GroupVersionKind{Group: "tekton.dev", Version: "v1", Kind: kind + "List"})
	if err := n.cluster.client.List(ctx, list, client.InNamespace(n.name)); err != nil {
		fmt.Fprintf(w, "cannot list %ss: %v\n", kind, err)
		return
	}
	runs := slices.DeleteFunc(list.Items, func(run unstructured.Unstructured) bool { return condition(&run).Status == "True" })
	for _, run := range first(w, runs, maxRuns) {
		fmt.Fprintf(w, "%s %s: %s\n", kind, run.GetName(), cut(condition(&run).String()))
	}
}

// explainEvents prints warnings, such as a volume that cannot be mounted.
func (n *Namespace) explainEvents(ctx context.Context, w io.Writer) {
	events, err := n.cluster.kube.CoreV1().Events(n.name).List(ctx, metav1.ListOptions{FieldSelector: "type=Warning"})
	if err != nil {
		fmt.Fprintf(w, "cannot list events: %v\n", err)
		return
	}
	for _, e := range first(w, events.Items, maxEvents) {
		fmt.Fprintf(w, "event of %s %s: %s: %s\n", e.InvolvedObject.Kind, e.InvolvedObject.Name, e.Reason, cut(e.Message))
	}
}

// explainPods prints the containers of pods that did not succeed, with the ends of their logs.
func (n *Namespace) explainPods(ctx context.Context, w io.Writer) {
	pods, err := n.cluster.kube.CoreV1().Pods(n.name).List(ctx, metav1.ListOptions{})
	if err != nil {
		fmt.Fprintf(w, "cannot list pods: %v\n", err)
		return
	}
	failed := slices.DeleteFunc(pods.Items, func(p corev1.Pod) bool { return p.Status.Phase == corev1.PodSucceeded })
	for _, pod := range first(w, failed, maxPods) {
		fmt.Fprintf(w, "pod %s: %s\n",
			pod.Name, cut(strings.TrimSpace(fmt.Sprint(pod.Status.Phase, " ", pod.Status.Reason, " ", pod.Status.Message))))
		for _, container := range slices.Concat(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) {
			fmt.Fprintf(w, "  container %s: %s\n", container.Name, cut(stateOf(container.State)))
			if container.State.Waiting == nil {
				n.tail(ctx, w, pod.Name, container.Name)
			}
		}
	}
}

// stateOf describes the state of a container.
func stateOf(s corev1.ContainerState) string {
	switch {
	case s.Terminated != nil:
		return strings.TrimSpace(fmt.Sprintf("ended with %d, %s", s.Terminated.ExitCode, s.Terminated.Reason))
	case s.Running != nil:
		return "runs"
	case s.Waiting != nil:
		return strings.TrimSpace("waits: " + s.Waiting.Reason + " " + s.Waiting.Message)
	default:
		return "does not exist yet"
	}
}

// tail prints the end of a container's log.
func (n *Namespace) tail(ctx context.Context, w io.Writer, pod, container string) {
	options := &corev1.PodLogOptions{Container: container, TailLines: new(int64(tailLines)), LimitBytes: new(int64(logBytes))}
	log, err := n.cluster.kube.CoreV1().Pods(n.name).GetLogs(pod, options).Stream(ctx)
	if err != nil {
		fmt.Fprintf(w, "    cannot read its log: %v\n", err)
		return
	}
	defer log.Close()
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, logBytes+1)
	for lines.Scan() {
		fmt.Fprintf(w, "    | %s\n", cut(lines.Text()))
	}
}

// cut shortens a text to one line of bounded length.
func cut(text string) string {
	text = strings.ReplaceAll(strings.TrimSpace(text), "\n", " ")
	if len(text) <= lineBytes {
		return text
	}
	return strings.ToValidUTF8(text[:lineBytes], "") + "…"
}

// first returns the first few elements, and reports how many it omits.
func first[T any](w io.Writer, all []T, most int) []T {
	if len(all) <= most {
		return all
	}
	fmt.Fprintf(w, "(%d more are omitted)\n", len(all)-most)
	return all[:most]
}
