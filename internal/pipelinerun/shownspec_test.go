package pipelinerun

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"pgregory.net/rapid"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/objectsize"
)

// relay is a run that gives a result of its task as its own, after another task has used it together with a param.
func relay(name, given string) *v1.PipelineRun {
	use := embedded("use", v1.TaskSpec{Steps: []v1.Step{{Image: "busybox", Script: "true", Env: []corev1.EnvVar{
		{Name: "GIVEN", Value: "$(params.given)"}, {Name: "MADE", Value: "$(params.made)"},
	}}}}, param("given", "$(params.given)"), param("made", "$(tasks.make.results.r)"), param("token", "s3cret"))
	pr := run(producing("make", "r"), use)
	pr.Name, pr.UID = name, types.UID("uid-of-"+name)
	pr.Spec.PipelineSpec.Params = []v1.ParamSpec{{Name: "given"}}
	pr.Spec.PipelineSpec.Results = []v1.PipelineResult{{Name: "r", Value: v1.StringValue("$(tasks.make.results.r)")}}
	pr.Spec.Params = []v1.Param{param("given", given)}
	return pr
}

// settleAnew is settle with another reconciler before each pass.
func (c *cluster) settleAnew(t *testing.T, pr *v1.PipelineRun) *v1.PipelineRun {
	t.Helper()
	for range 100 {
		before := get(t, c, client.ObjectKeyFromObject(pr), &v1.PipelineRun{})
		c.restart(t, interceptor.Funcs{})
		if pr, _ = c.pass(t, pr); pr.ResourceVersion == before.ResourceVersion {
			return pr
		}
	}
	t.Fatal("the run wakes itself for ever")
	return nil
}

// TestValuesArriveThroughTwoPipelines: what a task of one pipeline writes arrives in a task of the next one byte for byte, whatever
// it contains, and whichever controller continues the runs. The status shows it only when a run has ended.
func TestValuesArriveThroughTwoPipelines(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		value := drawHostile(rt, "first")
		c := newCluster(t, interceptor.Funcs{})
		for _, name := range []string{"one", "two"} {
			made := drawHostile(rt, "made by "+name)
			pr := relay(name, value)
			if err := c.Create(t.Context(), pr); err != nil {
				rt.Fatal(err)
			}
			pr = c.settleAnew(t, pr)
			c.end(t, pr, "make", done(), text("r", made))
			pr = c.settleAnew(t, pr)
			if got := pr.Status.PipelineSpec.Tasks[1].Params[0].Value.String; got != "$(params.given)" {
				rt.Fatalf("want the text of the pipeline while the run continues, got %q", got)
			}
			child := c.child(t, pr, "use", -1)
			if _, err := c.taskRunReconciler(t).Reconcile(t.Context(), ctrl.Request{NamespacedName: client.ObjectKeyFromObject(child)}); err != nil {
				rt.Fatal(err)
			}
			child = c.child(t, pr, "use", -1)
			env := map[string]string{}
			p := get(t, c, client.ObjectKey{Namespace: "ns", Name: child.Status.PodName}, &corev1.Pod{})
			for _, e := range p.Spec.Containers[0].Env {
				env[e.Name] = kubelet(e.Value)
			}
			if env["GIVEN"] != value || env["MADE"] != made {
				rt.Fatalf("%s: want %q and %q, got %q", name, value, made, env)
			}
			c.end(t, pr, "use", done())
			pr = c.settleAnew(t, pr)
			if !pr.Status.Done() || len(pr.Status.Results) != 1 || pr.Status.Results[0].Value.String != made {
				rt.Fatalf("%s: want the result %q, got %+v", name, made, pr.Status)
			}
			shown := pr.Status.PipelineSpec.Tasks[1].Params
			if shown[0].Value.String != value || shown[1].Value.String != "$(tasks.make.results.r)" {
				rt.Fatalf("%s: want %q shown, and the result as text, got %+v", name, value, shown)
			}
			value = pr.Status.Results[0].Value.String
		}
	})
}

// TestShownPipelineNeedsRoom: the results of a run have precedence over the values in the copy of its pipeline.
func TestShownPipelineNeedsRoom(t *testing.T) {
	const text = "$(params.p)"
	value := strings.Repeat("x", 4000)
	cases := map[string]struct {
		reason string
		free   int
		want   string
	}{
		"Room": {
			reason: "there is room for both",
			free:   20_000,
			want:   value,
		},
		"NoRoom": {
			reason: "the object is almost full",
			free:   2000,
			want:   text,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			pr := run(taking("a", text))
			pr.Spec.Params = []v1.Param{param("p", value)}
			status := v1.PipelineRunStatus{PipelineSpec: pr.Spec.PipelineSpec}
			fill := objectsize.Limit - runKind().Stored(pr, status) - tc.free
			status.Results = []v1.PipelineRunResult{{Name: "r", Value: v1.StringValue(strings.Repeat("r", fill))}}
			obs := Observation{Spec: pr.Spec.PipelineSpec, Vars: runVariables(pr, pr.Spec.PipelineSpec, nil)}
			if got := withShownSpec(pr, status, obs).PipelineSpec.Tasks[0].Params[0].Value.String; got != tc.want {
				t.Errorf("%s: want %.20q, got %.20q", tc.reason, tc.want, got)
			}
		})
	}
}
