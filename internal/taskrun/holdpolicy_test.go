package taskrun

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/pod/podpaths"
)

// denial is the answer of an API server whose policy refuses a pod.
func denial(policy string) error {
	err := apierrors.NewForbidden(schema.GroupResource{Resource: "pods"}, "build-pod", errors.New(
		"ValidatingAdmissionPolicy '"+policy+"' with binding '"+policy+"' denied request: containers were added to the pod: istio-proxy"))
	err.ErrStatus.Reason, err.ErrStatus.Code = metav1.StatusReasonInvalid, 422
	return err
}

// policed injects a container, as injecting does, into an API server with the policy of config/policy/pods. It records the mark
// of each pod as it is stored.
func policed(policy string, stored *[]string) interceptor.Funcs {
	return interceptor.Funcs{Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
		p, ok := o.(*corev1.Pod)
		if !ok {
			return c.Create(ctx, o, opts...)
		}
		if p.Annotations[v1.AnnotationSteps] != v1.StepsHeld {
			return denial(policy)
		}
		*stored = append(*stored, p.Annotations[v1.AnnotationSteps])
		p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "istio-proxy"})
		return c.Create(ctx, o, opts...)
	}}
}

// TestStepsAreHeldFromTheBeginning: a pod into which a container is injected is stored with its first step held, so that no
// kubelet is fast enough to start the step before.
func TestStepsAreHeldFromTheBeginning(t *testing.T) {
	var stored []string
	w := newWorld(t, []client.Object{taskRun()}, policed(heldSteps, &stored))
	w.pass(t)
	if diff := cmp.Diff([]string{v1.StepsHeld}, stored); diff != "" {
		t.Fatalf("marks of pods as they are stored: -want +got:\n%s", diff)
	}
	w.playMesh(t, running(), running(), false)
	wantCondition(t, w.pass(t), "Unknown Running", "the first step waits for injected containers", `"istio-proxy"`)
	w.playMesh(t, running(), running(), true)
	wantCondition(t, w.pass(t), "Unknown Running", "steps are running")
	w.markedAs(t, v1.StepsReleased)
	for request, want := range map[string]int{"create *v1.Pod": 2, "patch *v1.Pod": 1} {
		if got := w.requests[request]; got != want {
			t.Errorf("want %d times %q, got %d", want, request, got)
		}
	}
}

// TestPolicyOfOthersEndsTheRun: only the refusal of Sluice's own policy makes the controller create a pod again.
func TestPolicyOfOthersEndsTheRun(t *testing.T) {
	var stored []string
	w := newWorld(t, []client.Object{taskRun()}, policed("sluice-held-steps-of-others", &stored))
	wantCondition(t, w.pass(t), "False PodCreationFailed", "sluice-held-steps-of-others")
	if len(stored) > 0 || w.requests["create *v1.Pod"] != 1 {
		t.Errorf("want one request and no pod, got %d and %v", w.requests["create *v1.Pod"], stored)
	}
}

// TestHeldStepsPolicy: the policy and the controller use the same words.
func TestHeldStepsPolicy(t *testing.T) {
	text, err := os.ReadFile("../../config/policy/pods/held_steps.yaml")
	if err != nil {
		t.Fatal(err)
	}
	first, second, _ := strings.Cut(string(text), "\n---\n")
	var policy admissionv1.ValidatingAdmissionPolicy
	var binding admissionv1.ValidatingAdmissionPolicyBinding
	if err := errors.Join(yaml.UnmarshalStrict([]byte(first), &policy), yaml.UnmarshalStrict([]byte(second), &binding)); err != nil {
		t.Fatal(err)
	}
	if policy.Name != heldSteps || binding.Spec.PolicyName != heldSteps {
		t.Errorf("want policy %q, got %q, and %q in the binding", heldSteps, policy.Name, binding.Spec.PolicyName)
	}
	if diff := cmp.Diff([]admissionv1.ValidationAction{admissionv1.Deny}, binding.Spec.ValidationActions); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if got := policy.Spec.Validations[0].Reason; got == nil || *got != metav1.StatusReasonInvalid {
		t.Errorf("want reason %s, which the controller expects, got %v", metav1.StatusReasonInvalid, got)
	}
	if got := policy.Spec.MatchConstraints.ObjectSelector.MatchExpressions[0].Key; got != v1.LabelTaskRunUID {
		t.Errorf("want the label %q of each pod, got %q", v1.LabelTaskRunUID, got)
	}
	condition := policy.Spec.MatchConditions[0].Expression
	if !strings.Contains(condition, "['"+v1.AnnotationSteps+"'] == '"+v1.StepsFree+"'") {
		t.Errorf("want it for pods with annotation %s: %s, got %s", v1.AnnotationSteps, v1.StepsFree, condition)
	}
	injected := policy.Spec.Variables[0].Expression
	prefix := strings.TrimSuffix(podpaths.StepContainer(v1.Step{Name: "x"}, 0), "x")
	for _, own := range []string{"'" + prefix + "'", "'" + podpaths.ResultsContainer + "'"} {
		if !strings.Contains(injected, own) {
			t.Errorf("want the container %s known to the policy, got %s", own, injected)
		}
	}
}
