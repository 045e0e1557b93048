//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

func envVar(name, value string) corev1.EnvVar { return corev1.EnvVar{Name: name, Value: value} }

// outcome is the outcome of a TaskRun that cannot work: the API server refused it, or it failed. text is the message.
func outcome(t *testing.T, n *suite.Namespace, spec v1.TaskRunSpec) (reason, text string) {
	t.Helper()
	run := &v1.TaskRun{Spec: spec}
	run.Namespace, run.GenerateName = n.Name, "bad-"
	if err := n.Client.Create(t.Context(), run); err != nil {
		return "refused", err.Error()
	}
	n.Finish(t, run)
	if pods := n.Pods(t, run); len(pods) != 0 {
		t.Errorf("a run that cannot work must not have a pod: %s", pods[0].Name)
	}
	c := run.Status.Condition()
	if c.Status != metav1.ConditionFalse {
		t.Fatalf("a run that cannot work did not fail: %s", kube.Describe(c))
	}
	return c.Reason, c.Message
}

// TestBadRunsAreNamed: the message about a run that cannot work names the field and the value.
func TestBadRunsAreNamed(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, 4096)
	ok := []v1.Step{kube.Script("ok", "true")}
	params := []v1.ParamSpec{{Name: "text"}, {Name: "list", Type: v1.TypeArray}}
	cases := map[string]struct {
		spec    v1.TaskRunSpec
		reasons []string // either of these
		words   []string
	}{
		"unknown task": {
			spec:    v1.TaskRunSpec{TaskRef: &v1.TaskRef{Name: "no-such-task"}},
			reasons: []string{v1.TaskRunReasonResolutionFailed},
			words:   []string{"no-such-task"},
		},
		"missing param": {
			spec: v1.TaskRunSpec{
				TaskSpec: &v1.TaskSpec{Params: params, Steps: ok},
				Params:   []v1.Param{{Name: "list", Value: v1.ArrayValue("x")}},
			},
			reasons: []string{v1.TaskRunReasonValidationFailed},
			words:   []string{"text"},
		},
		"string for an array": {
			spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Params: params, Steps: ok},
				Params: []v1.Param{{Name: "text", Value: v1.StringValue("x")}, {Name: "list", Value: v1.StringValue("not-a-list")}}},
			reasons: []string{v1.TaskRunReasonValidationFailed},
			words:   []string{"list", "array", "string"},
		},
		"array for a string": {
			spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Params: params, Steps: ok},
				Params: []v1.Param{{Name: "text", Value: v1.ArrayValue("x")}, {Name: "list", Value: v1.ArrayValue("x")}}},
			reasons: []string{v1.TaskRunReasonValidationFailed},
			words:   []string{"text", "string", "array"},
		},
		"reserved sidecar": {
			spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{
				Steps:    ok,
				Sidecars: []v1.Sidecar{{Name: v1.ReservedSidecarName, Image: kube.StepImage}},
			}},
			reasons: []string{v1.TaskRunReasonValidationFailed, "refused"},
			words:   []string{"sidecar", v1.ReservedSidecarName},
		},
		"reserved mount": {
			spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{
				Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
				Steps: []v1.Step{{
					Name:         "forge",
					Image:        kube.StepImage,
					Command:      []string{"true"},
					VolumeMounts: []corev1.VolumeMount{{Name: "v", MountPath: "/tekton/../tekton/run"}},
				}}}},
			reasons: []string{v1.TaskRunReasonValidationFailed, "refused"},
			words:   []string{"/tekton/"},
		},
		"reserved volume": {
			spec: v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{
				Volumes: []corev1.Volume{{Name: "tekton-internal-x", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
				Steps:   ok,
			}},
			reasons: []string{v1.TaskRunReasonValidationFailed, "refused"},
			words:   []string{"volumes[0].name", "tekton-internal-"},
		},
		"neither task nor reference": {
			reasons: []string{v1.TaskRunReasonValidationFailed, "refused"},
			words:   []string{"taskRef", "taskSpec"},
		},
		"unknown workspace": {
			spec:    v1.TaskRunSpec{TaskSpec: &v1.TaskSpec{Workspaces: []v1.WorkspaceDeclaration{{Name: "needed"}}, Steps: ok}},
			reasons: []string{v1.TaskRunReasonValidationFailed},
			words:   []string{"needed"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reason, text := outcome(t, n, tc.spec)
			if !strings.Contains(strings.Join(tc.reasons, " "), reason) {
				t.Errorf("got reason %s, want one of %v: %s", reason, tc.reasons, text)
			}
			for _, word := range tc.words {
				if !strings.Contains(text, word) {
					t.Errorf("the message does not name %q: %s", word, text)
				}
			}
		})
	}
	t.Run("pipelines", func(t *testing.T) { t.Parallel(); badPipelines(t, n) })
}

func badPipelines(t *testing.T, n *suite.Namespace) {
	t.Helper()
	ok := v1.TaskSpec{
		Params: []v1.ParamSpec{{Name: "text", Default: &v1.Value{Type: v1.TypeString}}},
		Steps:  []v1.Step{kube.Script("ok", "true")},
	}
	after := func(name, other string) v1.PipelineTask {
		task := embedded(name, ok)
		task.RunAfter = []string{other}
		return task
	}
	inline := func(spec v1.PipelineSpec) v1.PipelineRunSpec { return v1.PipelineRunSpec{PipelineSpec: &spec} }
	cases := map[string]struct {
		spec   v1.PipelineRunSpec
		reason string
		words  []string
	}{
		"unknown pipeline": {
			spec:   v1.PipelineRunSpec{PipelineRef: &v1.PipelineRef{Name: "no-such-pipeline"}},
			reason: v1.PipelineRunReasonCouldntGetPipeline,
			words:  []string{"no-such-pipeline"},
		},
		"unknown task": {
			spec:   inline(v1.PipelineSpec{Tasks: []v1.PipelineTask{{Name: "a", TaskRef: &v1.TaskRef{Name: "no-such-task"}}}}),
			reason: v1.PipelineRunReasonCouldntGetTask,
			words:  []string{"no-such-task"},
		},
		"missing param": {
			spec:   inline(v1.PipelineSpec{Params: []v1.ParamSpec{{Name: "needed"}}, Tasks: []v1.PipelineTask{embedded("a", ok)}}),
			reason: v1.PipelineRunReasonParameterMissing,
			words:  []string{"needed"},
		},
		"circle": {
			spec:   inline(v1.PipelineSpec{Tasks: []v1.PipelineTask{after("a", "b"), after("b", "a")}}),
			reason: v1.PipelineRunReasonInvalidGraph,
			words:  []string{"a", "b"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suite.WantFailed(t, n.Pipeline(t, tc.spec).Status.Condition(), tc.reason, tc.words...)
		})
	}
}

// TestUnknownResultIsRefused: a Pipeline with a wrong reference is not stored.
func TestUnknownResultIsRefused(t *testing.T) {
	n := suite.NewNamespace(t)
	ok := v1.TaskSpec{Params: []v1.ParamSpec{{Name: "text"}}, Steps: []v1.Step{kube.Script("ok", "true")}}
	run := &v1.PipelineRun{Spec: v1.PipelineRunSpec{PipelineSpec: &v1.PipelineSpec{Tasks: []v1.PipelineTask{
		embedded("a", ok, v1.Param{Name: "text", Value: v1.StringValue("x")}),
		embedded("b", ok, v1.Param{Name: "text", Value: v1.StringValue("$(tasks.a.results.nothing)")}),
	}}}}
	run.Namespace, run.GenerateName = n.Name, "bad-"
	err := n.Client.Create(t.Context(), run)
	for _, word := range []string{"spec.pipelineSpec.tasks[1].params[0].value", "nothing"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("want a refusal with %q, got: %v", word, err)
		}
	}
}

// TestObjectThatDoesNotDecode: the API server refuses an object whose YAML has another meaning than intended, and other runs
// continue.
func TestObjectThatDoesNotDecode(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, 4096)
	run := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "tekton.dev/v1", "kind": "TaskRun",
		"metadata": map[string]any{"generateName": "bad-", "namespace": n.Name},
		"spec": map[string]any{"taskSpec": map[string]any{
			"results": []any{map[string]any{"name": false}}, // a result named n, which YAML reads as false
			"steps":   []any{map[string]any{"name": "s", "image": kube.StepImage, "script": "true"}},
		}},
	}}
	err := n.Client.Create(t.Context(), run)
	if err == nil {
		t.Fatal("the API server took a result whose name is false")
	}
	if !strings.Contains(err.Error(), "spec.taskSpec.results[0].name") {
		t.Errorf("the refusal does not name the field: %v", err)
	}
	allTypes(t, n)
}

// TestFlagsThatCannotBe: invalid values of flags are refused or reported.
func TestFlagsThatCannotBe(t *testing.T) {
	n := suite.NewNamespace(t)
	n.UseFlags(t, kube.SidecarLogs, largest)
	t.Run("results-from is refused", func(t *testing.T) {
		err := n.PatchFlags(t.Context(), map[string]any{kube.FlagFrom: "sidecar-log"})
		if err == nil {
			t.Fatal("the API server took results-from: sidecar-log")
		}
		for _, word := range []string{kube.FlagFrom, `"sidecar-log"`, kube.TerminationMessage, kube.SidecarLogs} {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("the refusal does not name %s: %v", word, err)
			}
		}
		n.AwaitFlags(t, v1.FeatureFlags{ResultExtractionMethod: kube.SidecarLogs, MaxResultSize: largest})
	})
	for _, value := range []string{"ten", "0", "2000000", "-1", "1572864", "4096.5"} {
		t.Run("max-result-size "+value+" means the default", func(t *testing.T) {
			out := n.MustKubectl(t, "patch", "cm", kube.FlagsMap, "--namespace", kube.Installation, "-p", `{"data":{"`+
				kube.FlagMax+`":"`+value+`"}}`)
			if !hasLine(out, "warning:", kube.FlagMax, value, "4096") {
				t.Errorf("the client gets no warning: %s", out)
			}
			n.AwaitFlags(t, v1.FeatureFlags{ResultExtractionMethod: kube.SidecarLogs, MaxResultSize: 4096})
			wantLogged(t, n, kube.FlagMax, value)
			wantEvent(t, n, kube.FlagMax, value)
			n.UseFlags(t, kube.SidecarLogs, largest)
		})
	}
}

// wantLogged waits until the controller has logged an error that holds the words.
func wantLogged(t *testing.T, n *suite.Namespace, words ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), promptness)
	defer cancel()
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		pods, err := n.Kube.CoreV1().Pods(kube.Installation).List(ctx, metav1.ListOptions{})
		if err != nil {
			return false, err
		}
		for _, pod := range pods.Items {
			if hasLine(n.Log(ctx, kube.Installation, pod.Name, ""), append(words, "error")...) {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		t.Errorf("the controller's log has no error with %q: %v", words, err)
	}
}

// wantEvent waits for a Warning about the ConfigMap that holds the words.
func wantEvent(t *testing.T, n *suite.Namespace, words ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), promptness)
	defer cancel()
	err := kube.Poll(ctx, func(ctx context.Context) (bool, error) {
		events, err := n.Kube.CoreV1().Events(kube.Installation).List(ctx, metav1.ListOptions{
			FieldSelector: "involvedObject.kind=ConfigMap,involvedObject.name=" + kube.FlagsMap + ",type=Warning"})
		if err != nil {
			return false, err
		}
		for _, event := range events.Items {
			if hasLine(event.Message, words...) {
				return true, nil
			}
		}
		return false, nil
	})
	if err != nil {
		t.Errorf("ConfigMap %q has no event with %q: %v", kube.FlagsMap, words, err)
	}
}

// hasLine reports whether one line of text contains all words, in any letter case.
func hasLine(text string, words ...string) bool {
	for line := range strings.SplitSeq(strings.ToLower(text), "\n") {
		found := true
		for _, word := range words {
			found = found && strings.Contains(line, strings.ToLower(word))
		}
		if found {
			return true
		}
	}
	return false
}
