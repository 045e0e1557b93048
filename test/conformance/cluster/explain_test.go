package cluster

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/sluice-ci/sluice/test/conformance/suite"
)

func TestExplain(t *testing.T) {
	c := server(t, nil)
	n := &Namespace{cluster: c, name: "n"}
	for _, run := range []struct {
		name string
		is   suite.Condition
	}{
		{name: "bad", is: suite.Condition{Status: "False", Reason: "Failed", Message: strings.Repeat("m", 300)}},
		{name: "good", is: suite.Condition{Status: "True", Reason: "Succeeded"}},
		{name: "new"},
	} {
		if err := n.Create(t.Context(), taskRun(run.name, run.is)); err != nil {
			t.Fatal(err)
		}
	}
	pods := []*corev1.Pod{
		{ObjectMeta: metav1.ObjectMeta{Name: "good-pod"}, Status: corev1.PodStatus{Phase: corev1.PodSucceeded}},
		{ObjectMeta: metav1.ObjectMeta{
			Name: "bad-pod",
		}, Status: corev1.PodStatus{Phase: corev1.PodFailed, ContainerStatuses: []corev1.ContainerStatus{
			{Name: "step-a", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error"}}},
			{
				Name:  "step-b",
				State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ImagePullBackOff", Message: "no such image"}},
			},
		}}},
	}
	for _, pod := range pods {
		if _, err := c.kube.CoreV1().Pods("n").Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	event := &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "e"}, Type: corev1.EventTypeWarning, Reason: "FailedMount", Message: "no such volume",
		InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: "bad-pod"},
	}
	if _, err := c.kube.CoreV1().Events("n").Create(t.Context(), event, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}

	want := `namespace n
TaskRun bad: Failed: ` + strings.Repeat("m", lineBytes-len("Failed: ")) + `…
TaskRun new: the controller has not acted on it
event of Pod bad-pod: FailedMount: no such volume
pod bad-pod: Failed
  container step-a: ended with 1, Error
    | fake logs
  container step-b: waits: ImagePullBackOff no such image
`
	if diff := cmp.Diff(want, n.explain(t.Context())); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFirst(t *testing.T) {
	var w strings.Builder
	if got := first(&w, []int{1, 2, 3}, 2); len(got) != 2 || w.String() != "(1 more are omitted)\n" {
		t.Errorf("got %v, output %q", got, w.String())
	}
}
