package taskrun

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/resolve/image"
)

// TestSourcesOfStepActions: the status says where a resolver found the StepAction of a step, from the first write to the end of the
// last attempt, although the StepAction is read once.
func TestSourcesOfStepActions(t *testing.T) {
	action := &v1beta1.StepAction{
		ObjectMeta: metav1.ObjectMeta{Name: "greet", Namespace: "other", UID: "action-uid"},
		Spec:       v1beta1.StepActionSpec{Image: "tool"}, // whose command is looked up first
	}
	w := newWorld(t, []client.Object{action, taskRun(retries(1), func(tr *v1.TaskRun) {
		tr.Spec.TaskSpec.Steps[1] = v1.Step{Name: "two", Ref: &v1.StepRef{ResolverRef: v1.ResolverRef{
			Resolver: "cluster", Params: []v1.Param{
				{Name: "name", Value: v1.StringValue("greet")}, {Name: "namespace", Value: v1.StringValue("other")},
			},
		}}}
	})}, interceptor.Funcs{})
	check := func(when string, tr *v1.TaskRun) {
		t.Helper()
		const want = "/apis/tekton.dev/v1beta1/namespaces/other/stepaction/greet@action-uid"
		state := stepOf(tr.Status.Steps, "step-two")
		if state == nil || state.Provenance == nil || state.Provenance.RefSource.URI != want {
			t.Errorf("%s: want the source %q, got %+v", when, want, state)
		}
		if other := stepOf(tr.Status.Steps, "step-one"); other != nil && other.Provenance != nil {
			t.Errorf("%s: want no source of a step without a StepAction, got %+v", when, other)
		}
	}
	w.images["tool"] = &image.WaitError{Step: "spec.steps[1]", Image: "tool", Why: "registry docker.io did not answer", Tried: true}
	check("while there is no pod", w.pass(t))
	if err := w.client.Delete(t.Context(), action); err != nil {
		t.Fatal(err)
	}
	delete(w.images, "tool")
	check("with a pod", w.pass(t))
	w.play(t, corev1.PodRunning, running(), running())
	check("while it runs", w.pass(t))
	w.play(t, corev1.PodFailed, terminated(1, record(1)), terminated(1, record(1)))
	tr := w.pass(t)
	wantCondition(t, tr, "Unknown ToBeRetried")
	check("before the next attempt", tr)
	check("in the next attempt", w.pass(t))
}
