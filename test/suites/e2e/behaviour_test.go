//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/test/suites/e2e/content"
	"github.com/sluice-ci/sluice/test/testutil/kube"
	"github.com/sluice-ci/sluice/test/testutil/suite"
)

// TestBehaviour holds behavior that does not depend on the transport of results, and runs it with both transports.
func TestBehaviour(t *testing.T) {
	for _, from := range []string{kube.SidecarLogs, kube.TerminationMessage} {
		t.Run(from, func(t *testing.T) {
			n := suite.NewNamespace(t)
			n.UseFlags(t, from, 4096)
			t.Run("all", func(t *testing.T) { behaviour(t, n) })
		})
	}
}

func behaviour(t *testing.T, n *suite.Namespace) {
	t.Helper()
	cases := map[string]func(*testing.T, *suite.Namespace){
		"results of all three types":                      allTypes,
		"results of 0 and 1 bytes":                        tiny,
		"a result that is not written is absent":          absent,
		"a step that fails keeps what it wrote":           keptOnFailure,
		"no step runs after one that failed":              laterSkipped,
		"an array that is none fails":                     wrongType("array", `{"a":"b"}`),
		"an array of numbers fails":                       wrongType("array", `[1,2]`),
		"an object that is none fails":                    wrongType("object", `["a"]`),
		"an object without a declared key fails":          wrongType("object", `{"other":"x"}`),
		"JSON that is none fails":                         wrongType("array", `["a"`),
		"bytes that are not UTF-8 fail":                   notUTF8,
		"a folder in place of a result fails":             unreadable("mkdir $(results.bad.path)"),
		"a pipe in place of a result fails":               unreadable("mkfifo $(results.bad.path)"),
		"a link out of the results fails":                 unreadable("ln -s /etc/passwd $(results.bad.path)"),
		"a result that nobody may read arrives":           private,
		"twelve steps of 450 bytes each":                  twelveSteps,
		"a step that is killed ends the run at once":      killed,
		"a step that runs out of memory is named":         outOfMemory,
		"a run that takes too long is stopped":            timedOut,
		"an image that cannot be pulled is named":         unpullable,
		"a sidecar that ends early does not matter":       sidecarEnds("exit 0"),
		"a sidecar that fails does not hold the run":      sidecarEnds("exit 1"),
		"a later step reads what an earlier one wrote":    shared,
		"a user's sidecar runs beside the steps and ends": besideSteps,
		"the last step that writes a result decides":      lastWriterWins,
	}
	for name, test := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, n)
		})
	}
}

func allTypes(t *testing.T, n *suite.Namespace) {
	run := n.Task(t, v1.TaskSpec{
		Results: []v1.TaskResult{
			kube.Result("text", v1.TypeString),
			kube.Result("list", v1.TypeArray),
			kube.Result("map", v1.TypeObject, "a", "b"),
			kube.Result("empty", v1.TypeArray),
		},
		Steps: []v1.Step{kube.Script("write", `
			printf 'one\ntwo\n' > $(results.text.path)
			printf '["", "a b", "\\"quoted\\"", "ü"]' > $(results.list.path)
			printf ' {"a": "1", "b": "", "more": "kept"}\n' > $(results.map.path)
			printf '[]' > $(results.empty.path)`)},
	})
	suite.WantSucceeded(t, run.Status.Condition())
	want := []v1.TaskRunResult{
		{Name: "text", Type: v1.TypeString, Value: v1.StringValue("one\ntwo\n")},
		{Name: "list", Type: v1.TypeArray, Value: v1.ArrayValue("", "a b", `"quoted"`, "ü")},
		{Name: "map", Type: v1.TypeObject, Value: v1.ObjectValue(map[string]string{"a": "1", "b": "", "more": "kept"})},
		{Name: "empty", Type: v1.TypeArray, Value: v1.Value{Type: v1.TypeArray, Array: []string{}}},
	}
	if diff := cmp.Diff(want, run.Status.Results); diff != "" {
		t.Errorf("results, in the order in which the Task declares them (-want +got):\n%s", diff)
	}
}

func tiny(t *testing.T, n *suite.Namespace) {
	run := n.Task(t, v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("none", v1.TypeString), kube.Result("one", v1.TypeString)},
		Steps:   []v1.Step{kube.Script("write", `: > $(results.none.path); printf x > $(results.one.path)`)},
	})
	suite.WantSucceeded(t, run.Status.Condition())
	want := map[string]v1.Value{"none": v1.StringValue(""), "one": v1.StringValue("x")}
	if diff := cmp.Diff(want, kube.Values(run)); diff != "" {
		t.Errorf("an empty file is a result of no bytes (-want +got):\n%s", diff)
	}
}

func absent(t *testing.T, n *suite.Namespace) {
	run := n.Task(t, v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("written", v1.TypeString), kube.Result("not-written", v1.TypeString)},
		Steps:   []v1.Step{kube.Script("write", `printf x > $(results.written.path)`)},
	})
	suite.WantSucceeded(t, run.Status.Condition())
	if diff := cmp.Diff(map[string]v1.Value{"written": v1.StringValue("x")}, kube.Values(run)); diff != "" {
		t.Errorf("a result that no step wrote is absent, and the run succeeds (-want +got):\n%s", diff)
	}
}

func keptOnFailure(t *testing.T, n *suite.Namespace) {
	run := n.Task(t, v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("reason", v1.TypeString)},
		Steps:   []v1.Step{kube.Script("broken", `printf 'disk full' > $(results.reason.path); exit 3`)},
	})
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonFailed, "broken", "3")
	if got := kube.Values(run)["reason"].String; got != "disk full" {
		t.Errorf("the result that the step wrote before it failed: got %q, want %q", got, "disk full")
	}
}

func laterSkipped(t *testing.T, n *suite.Namespace) {
	run := n.Task(t, v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("first", v1.TypeString), kube.Result("second", v1.TypeString)},
		Steps: []v1.Step{
			kube.Script("first", `printf x > $(results.first.path); exit 1`),
			kube.Script("second", `printf x > $(results.second.path)`),
		},
	})
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonFailed, "first")
	if diff := cmp.Diff(map[string]v1.Value{"first": v1.StringValue("x")}, kube.Values(run)); diff != "" {
		t.Errorf("results of a step that did not run (-want +got):\n%s", diff)
	}
	if len(run.Status.Steps) != 2 || run.Status.Steps[1].TerminationReason != "Skipped" {
		t.Errorf("the second step must be reported as Skipped: %+v", run.Status.Steps)
	}
}

// wrongType returns a test of a Task that writes text into a result of the given type.
func wrongType(kind v1.ValueType, text string) func(*testing.T, *suite.Namespace) {
	return func(t *testing.T, n *suite.Namespace) {
		declared := kube.Result("bad", kind)
		if kind == v1.TypeObject {
			declared = kube.Result("bad", kind, "key")
		}
		run := n.Task(t, v1.TaskSpec{
			Results: []v1.TaskResult{declared, kube.Result("good", v1.TypeString)},
			Steps:   []v1.Step{kube.Script("write", fmt.Sprintf("printf '%%s' '%s' > $(results.bad.path); printf x > $(results.good.path)", text))},
		})
		suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonValidationFailed, "bad", string(kind))
		if _, there := kube.Values(run)["bad"]; there {
			t.Error("a result of the wrong type must not be in the status")
		}
	}
}

func notUTF8(t *testing.T, n *suite.Namespace) {
	run := n.Task(t, v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("binary", v1.TypeString), kube.Result("text", v1.TypeString)},
		Steps:   []v1.Step{kube.Script("write", `printf 'a\377b' > $(results.binary.path); printf kept > $(results.text.path)`)},
	})
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultNotUTF8, "binary")
	if got := kube.Values(run)["text"].String; got != "kept" {
		t.Errorf("the other result has to be kept: got %q", got)
	}
}

// unreadable returns a test of a Task that creates something other than a file at a result's path.
func unreadable(command string) func(*testing.T, *suite.Namespace) {
	return func(t *testing.T, n *suite.Namespace) {
		run := n.Task(t, v1.TaskSpec{
			Results: []v1.TaskResult{kube.Result("bad", v1.TypeString), kube.Result("good", v1.TypeString)},
			Steps:   []v1.Step{kube.Script("write", command+"\nprintf kept > $(results.good.path)")},
		})
		suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonResultUnreadable, "bad")
		if got := kube.Values(run)["good"].String; got != "kept" {
			t.Errorf("the other result has to be kept: got %q", got)
		}
	}
}

func private(t *testing.T, n *suite.Namespace) {
	run := n.Task(t, v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("masked", v1.TypeString), kube.Result("closed", v1.TypeString)},
		Steps: []v1.Step{kube.Script("write", `
			umask 077
			printf a > $(results.masked.path)
			printf b > $(results.closed.path)
			chmod 000 $(results.closed.path)`)},
	})
	suite.WantSucceeded(t, run.Status.Condition())
	want := map[string]v1.Value{"masked": v1.StringValue("a"), "closed": v1.StringValue("b")}
	if diff := cmp.Diff(want, kube.Values(run)); diff != "" {
		t.Errorf("results of files with restricted modes must arrive (-want +got):\n%s", diff)
	}
}

func twelveSteps(t *testing.T, n *suite.Namespace) {
	task := v1.TaskSpec{}
	want := map[string]v1.Value{}
	for i := range 12 {
		name, value := fmt.Sprintf("r%d", i), content.Random(450+i)
		task.Results = append(task.Results, kube.Result(name, v1.TypeString))
		task.Steps = append(task.Steps, kube.Script(fmt.Sprintf("s%d", i), fmt.Sprintf("printf %s > $(results.%s.path)", value, name)))
		want[name] = v1.StringValue(value)
	}
	run := n.Task(t, task)
	suite.WantSucceeded(t, run.Status.Condition())
	if diff := cmp.Diff(want, kube.Values(run)); diff != "" {
		t.Errorf("a step's message must not repeat the results of those before it (-want +got):\n%s", diff)
	}
}

func killed(t *testing.T, n *suite.Namespace) {
	run := n.Task(t, v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("before", v1.TypeString)},
		Steps:   []v1.Step{kube.Script("victim", `printf x > $(results.before.path); kill -9 $$`), kube.Script("next", "true")},
	})
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonFailed, "victim", "137")
	if got := kube.Values(run)["before"].String; got != "x" {
		t.Errorf("the result that was written before: got %q", got)
	}
}

func outOfMemory(t *testing.T, n *suite.Namespace) {
	greedy := kube.Script("greedy", `printf x > $(results.before.path); awk 'BEGIN { s = "0123456789"; while (1) { s = s "" s } }'`)
	greedy.ComputeResources.Limits = corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("48Mi")}
	run := n.Task(t, v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("before", v1.TypeString)},
		Steps:   []v1.Step{greedy, kube.Script("next", "true")},
	})
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonStepOOM, "greedy")
	if got := kube.Values(run)["before"].String; got != "x" {
		t.Errorf("the result that was written before: got %q", got)
	}
}

func timedOut(t *testing.T, n *suite.Namespace) {
	run := n.Run(t, v1.TaskRunSpec{
		Timeout: &metav1.Duration{Duration: 2 * time.Second},
		TaskSpec: &v1.TaskSpec{
			Results: []v1.TaskResult{kube.Result("r", v1.TypeString)},
			Steps:   []v1.Step{kube.Script("slow", "exec sleep 3600")},
		},
	})
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonTimedOut, "2s", "timeout")
}

func unpullable(t *testing.T, n *suite.Namespace) {
	step := kube.Script("strange", "true")
	step.Image = "localhost:1/no-such-image:1" // no process listens on that port, so the pull fails immediately
	run := n.Task(t, v1.TaskSpec{Results: []v1.TaskResult{kube.Result("r", v1.TypeString)}, Steps: []v1.Step{step}})
	suite.WantFailed(t, run.Status.Condition(), v1.TaskRunReasonImagePullFailed, "strange", step.Image)
}

// sidecarEnds returns a test of a Task whose sidecar ends before the steps do.
func sidecarEnds(how string) func(*testing.T, *suite.Namespace) {
	return func(t *testing.T, n *suite.Namespace) {
		run := n.Task(t, v1.TaskSpec{
			Results:  []v1.TaskResult{kube.Result("r", v1.TypeString)},
			Sidecars: []v1.Sidecar{{Name: "brief", Image: kube.StepImage, Script: "#!/bin/sh\n" + how}},
			Steps:    []v1.Step{kube.Script("longer", "sleep 2; printf x > $(results.r.path)")},
		})
		suite.WantSucceeded(t, run.Status.Condition())
		if got := kube.Values(run)["r"].String; got != "x" {
			t.Errorf("the result: got %q, want x", got)
		}
		pod := n.AwaitPodEnd(t, run)
		for _, s := range append(pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses...) {
			if s.Name == "sidecar-brief" && s.RestartCount > 0 {
				t.Errorf("the sidecar was started again %d times", s.RestartCount)
			}
		}
	}
}

func shared(t *testing.T, n *suite.Namespace) {
	run := n.Task(t, v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("first", v1.TypeString), kube.Result("second", v1.TypeString)},
		Steps: []v1.Step{
			kube.Script("one", `printf abc > $(results.first.path)`),
			kube.Script("two", `tr a-c A-C < $(results.first.path) > $(results.second.path)`),
		},
	})
	suite.WantSucceeded(t, run.Status.Condition())
	if got := kube.Values(run)["second"].String; got != "ABC" {
		t.Errorf("the second step's output for the first one's result: got %q, want ABC", got)
	}
}

func lastWriterWins(t *testing.T, n *suite.Namespace) {
	run := n.Task(t, v1.TaskSpec{
		Results: []v1.TaskResult{kube.Result("value", v1.TypeString)},
		Steps: []v1.Step{
			kube.Script("one", `printf first > $(results.value.path)`),
			kube.Script("two", `printf second > $(results.value.path)`),
		},
	})
	suite.WantSucceeded(t, run.Status.Condition())
	if diff := cmp.Diff(map[string]v1.Value{"value": v1.StringValue("second")}, kube.Values(run)); diff != "" {
		t.Errorf("a result is what the last step left (-want +got):\n%s", diff)
	}
}

func besideSteps(t *testing.T, n *suite.Namespace) {
	mount := []corev1.VolumeMount{{Name: "shared", MountPath: "/shared"}}
	step := kube.Script("ask", `cat /shared/hello > $(results.heard.path)`)
	step.VolumeMounts = mount
	sidecar := v1.Sidecar{
		Name: "greeter", Image: kube.StepImage, VolumeMounts: mount,
		Script: "#!/bin/sh\nprintf hello > /shared/hello\nexec sleep 3600\n",
		ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
			Exec: &corev1.ExecAction{Command: []string{"test", "-e", "/shared/hello"}}}},
	}
	run := n.Task(t, v1.TaskSpec{
		Results:  []v1.TaskResult{kube.Result("heard", v1.TypeString)},
		Volumes:  []corev1.Volume{{Name: "shared", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
		Sidecars: []v1.Sidecar{sidecar},
		Steps:    []v1.Step{step},
	})
	suite.WantSucceeded(t, run.Status.Condition())
	if got := kube.Values(run)["heard"].String; got != "hello" {
		t.Errorf("the step starts when the sidecar is ready: heard %q", got)
	}
	n.AwaitPodEnd(t, run)
	if len(run.Status.Sidecars) != 1 || !strings.Contains(run.Status.Sidecars[0].Container, "greeter") {
		t.Errorf("the status must contain the sidecar: %+v", run.Status.Sidecars)
	}
}
