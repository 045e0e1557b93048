//go:build e2e

package e2e

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// TestEntrypointOfAnImage runs a step that sets only args.
func TestEntrypointOfAnImage(t *testing.T) {
	n := suite.NewNamespace(t)
	run := n.Task(t, v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("r", v1.TypeString)},
		Steps:   []v1.Step{{Name: "s", Image: kube.StepImage, Args: []string{"-c", "printf abc > $(results.r.path)"}}},
	})
	suite.WantSucceeded(t, run.Status.Condition())
	if got := kube.Values(run)["r"].String; got != "abc" {
		t.Errorf("the result: got %q, want abc", got)
	}
}

// TestEntrypointOfNoImage: the run fails before a pod is created, and its message names the image.
func TestEntrypointOfNoImage(t *testing.T) {
	n := suite.NewNamespace(t)
	run := n.Task(t, v1.TaskSpec{Steps: []v1.Step{{Name: "s", Image: "docker.io/library/no such image"}}})
	if c := run.Status.Condition(); c.Status != metav1.ConditionFalse || !strings.Contains(c.Message, "no such image") {
		t.Errorf("want the image named, got %s", kube.Describe(c))
	}
	if len(n.Pods(t, run)) != 0 {
		t.Error("a pod was made")
	}
}

// TestMissingSecret: a container that cannot be created ends the run, after a delay in which the Secret could be created.
func TestMissingSecret(t *testing.T) {
	n := suite.NewNamespace(t)
	step := kube.Script("s", "true")
	step.Env = []corev1.EnvVar{{Name: "X", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: "absent"}, Key: "x",
	}}}}
	run := n.Task(t, v1.TaskSpec{Steps: []v1.Step{step}})
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonContainerConfigError, `"step-s"`, `"absent" not found`)
}

// TestLimitRange runs three steps in a namespace with a default request for containers. All steps together must request it
// once.
func TestLimitRange(t *testing.T) {
	n := suite.NewNamespace(t)
	item := corev1.LimitRangeItem{Type: corev1.LimitTypeContainer,
		DefaultRequest: corev1.ResourceList{corev1.ResourceCPU: *quantity("90m")}, Min: corev1.ResourceList{corev1.ResourceCPU: *quantity("10m")}}
	limits := &corev1.LimitRange{
		ObjectMeta: metav1.ObjectMeta{Name: "small", Namespace: n.Name},
		Spec:       corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{item}},
	}
	if err := n.Client.Create(t.Context(), limits); err != nil {
		t.Fatal(err)
	}
	run := n.Task(t, v1.TaskSpec{Steps: []v1.Step{kube.Script("a", "true"), kube.Script("b", "true"), kube.Script("c", "true")}})
	suite.WantSucceeded(t, run.Status.Condition())
	for _, c := range n.Pod(t, run).Spec.Containers {
		if got := c.Resources.Requests.Cpu().String(); strings.HasPrefix(c.Name, "step-") && got != "30m" {
			t.Errorf("container %q requests %s, want 30m", c.Name, got)
		}
	}
}
