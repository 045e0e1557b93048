//go:build integration

package beside

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	sluice "github.com/sluice-ci/sluice/internal/cli"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/results/frame"
	"github.com/sluice-ci/sluice/test/load/scale/node"
)

// holdAnnotation keeps a TaskRun of the stand-in engine running.
const holdAnnotation = "test/hold"

// step is a step that writes the result r.
func step() v1.TaskSpec {
	return v1.TaskSpec{
		Results: []v1.TaskResult{{Name: "r"}},
		Steps:   []v1.Step{{Name: "s", Image: "docker.io/library/busybox:1", Command: []string{"true"}}},
	}
}

func newTaskRun(namespace string) *v1.TaskRun {
	tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "task-"}}
	tr.Spec.TaskSpec = new(step())
	return tr
}

func newPipelineRun(namespace string) *v1.PipelineRun {
	pr := &v1.PipelineRun{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "pipeline-"}}
	pr.Spec.PipelineSpec = &v1.PipelineSpec{
		Tasks:   []v1.PipelineTask{{Name: "make", TaskSpec: &v1.EmbeddedTask{TaskSpec: step()}}},
		Results: []v1.PipelineResult{{Name: "sum", Value: v1.StringValue("$(tasks.make.results.r)")}},
	}
	return pr
}

func create(t *testing.T, o client.Object) {
	t.Helper()
	if err := shared.client.Create(t.Context(), o); err != nil {
		t.Fatal(err)
	}
}

// awaitTaskRun waits until done returns nil for a TaskRun.
func awaitTaskRun(t *testing.T, tr *v1.TaskRun, done func(*v1.TaskRun) error) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := shared.client.Get(ctx, client.ObjectKeyFromObject(tr), tr); err != nil {
			return err
		}
		return done(tr)
	})
}

func ended(tr *v1.TaskRun) error {
	if !tr.Status.Done() {
		return fmt.Errorf("TaskRun %s/%s has not ended: %+v\n%s", tr.Namespace, tr.Name, tr.Status.Conditions, shared.sluice.log())
	}
	return nil
}

func awaitPipelineRun(t *testing.T, pr *v1.PipelineRun) {
	t.Helper()
	eventually(t, func(ctx context.Context) error {
		if err := shared.client.Get(ctx, client.ObjectKeyFromObject(pr), pr); err != nil {
			return err
		}
		if !pr.Status.Done() {
			return fmt.Errorf("PipelineRun %s/%s has not ended: %+v\n%s", pr.Namespace, pr.Name, pr.Status.Conditions, shared.sluice.log())
		}
		return nil
	})
}

// play plays the kubelet for the pods of a namespace. Their steps write the result r with this value, and more.
func play(t *testing.T, namespace, value string, more ...frame.Result) {
	t.Helper()
	playResult(t, namespace, "r", value, more...)
}

// playResult is play for a result with any name.
func playResult(t *testing.T, namespace, result, value string, more ...frame.Result) {
	t.Helper()
	c, err := kubernetes.NewForConfig(shared.config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	played := make(chan error, 1)
	go func() { played <- node.New(c, result, value, 4, more...).Run(ctx, namespace) }()
	t.Cleanup(func() {
		cancel()
		if err := <-played; err != nil {
			t.Error(err)
		}
	})
}

// execute runs the command sluice, and returns what it printed.
func execute(t *testing.T, args ...string) (string, clierror.Code) {
	t.Helper()
	var out bytes.Buffer
	code := sluice.Main(t.Context(), terminal.Plain(nil, &out, &out), args)
	return out.String(), code
}

// wantNothingRefused checks that the strict webhook has accepted every write since the test began, of which there was one at
// least.
func wantNothingRefused(t *testing.T) func() {
	t.Helper()
	before, statuses := len(shared.strict.Refused()), shared.strict.Seen("taskruns/status")
	return func() {
		t.Helper()
		if refused := shared.strict.Refused(); len(refused) > before {
			t.Errorf("Tekton's webhook would refuse:\n%s", strings.Join(refused[before:], "\n"))
		}
		if shared.strict.Seen("taskruns/status") == statuses {
			t.Error("the strict webhook has not seen a status of a TaskRun")
		}
	}
}

func wantBy(t *testing.T, managedBy *string, want string) {
	t.Helper()
	if managedBy == nil || *managedBy != want {
		t.Errorf("managedBy is %v, want %q", managedBy, want)
	}
}

// TestTwoNamespaces: the runs of a namespace with the label are run by Sluice, those of another one by Tekton, at the same time.
// Neither controller writes anything in the namespace of the other.
func TestTwoNamespaces(t *testing.T) {
	accepted := wantNothingRefused(t)
	moved, other := newNamespace(t, true), newNamespace(t, false)
	play(t, moved, "by Sluice")
	for _, c := range []struct{ namespace, want string }{{moved, "by Sluice"}, {other, ofTheStandIn}} {
		tr, pr := newTaskRun(c.namespace), newPipelineRun(c.namespace)
		create(t, tr)
		create(t, pr)
		awaitTaskRun(t, tr, ended)
		awaitPipelineRun(t, pr)
		if len(tr.Status.Results) != 1 || tr.Status.Results[0].Value.String != c.want {
			t.Errorf("%s: got results %+v, want %q", c.namespace, tr.Status.Results, c.want)
		}
		if len(pr.Status.Results) != 1 || pr.Status.Results[0].Value.String != c.want {
			t.Errorf("%s: got results %+v of the pipeline, want %q", c.namespace, pr.Status.Results, c.want)
		}
		var children v1.TaskRunList
		if err := shared.client.List(t.Context(), &children, client.InNamespace(c.namespace)); err != nil {
			t.Fatal(err)
		}
		if len(children.Items) != 2 {
			t.Errorf("%s: got %d TaskRuns, want 2", c.namespace, len(children.Items))
		}
		for _, child := range children.Items {
			if c.namespace == moved {
				wantBy(t, child.Spec.ManagedBy, v1.ManagedBySluice)
			} else if child.Spec.ManagedBy != nil {
				t.Errorf("TaskRun %q has managedBy %q", child.Name, *child.Spec.ManagedBy)
			}
		}
	}
	here, there := writes(t, moved), writes(t, other)
	if foreign := by(there, sluiceUser); len(foreign) > 0 {
		t.Errorf("Sluice wrote in a namespace that is not its own: %v", foreign)
	}
	if foreign := by(here, tektonUser); len(foreign) > 0 {
		t.Errorf("Tekton wrote in a namespace of Sluice: %v", foreign)
	}
	if len(by(here, sluiceUser)) == 0 || len(by(there, tektonUser)) == 0 {
		t.Errorf("the audit log does not have the writes of both controllers: %v, %v", here, there)
	}
	accepted()
}

// TestOneRunOneEngine: whatever managedBy a run has, and wherever it is created, at most one controller writes it.
func TestOneRunOneEngine(t *testing.T) {
	type run struct {
		*v1.TaskRun

		engine string
	}
	var runs []run
	for _, labeled := range []bool{true, false} {
		namespace := newNamespace(t, labeled)
		play(t, namespace, "x")
		byDefault := tektonUser
		if labeled {
			byDefault = sluiceUser
		}
		for managedBy, engine := range map[string]string{
			"none":              byDefault,
			"":                  byDefault,
			v1.ManagedByThis:    tektonUser,
			v1.ManagedBySluice:  sluiceUser,
			"example.com/other": "",
		} {
			tr := newTaskRun(namespace)
			if managedBy != "none" {
				tr.Spec.ManagedBy = &managedBy
			}
			create(t, tr)
			runs = append(runs, run{tr, engine})
		}
	}
	for _, r := range runs {
		if r.engine != "" {
			awaitTaskRun(t, r.TaskRun, ended)
		}
	}
	for _, r := range runs {
		writers := map[string]bool{}
		for _, w := range writes(t, r.Namespace) {
			if w.name == r.Name && strings.HasPrefix(w.resource, "taskruns") && (w.user == sluiceUser || w.user == tektonUser) {
				writers[w.user] = true
			}
		}
		want := map[string]bool{}
		if r.engine != "" {
			want[r.engine] = true
		}
		if diff := cmp.Diff(want, writers); diff != "" {
			t.Errorf("controllers that wrote %s/%s (-want +got):\n%s", r.Namespace, r.Name, diff)
		}
	}
}

// TestRunsInFlightStay: a run that has not ended when the label changes is finished by the controller that has begun it, with
// all its tasks.
func TestRunsInFlightStay(t *testing.T) {
	namespace := newNamespace(t, false)
	begun := newTaskRun(namespace)
	begun.Annotations = map[string]string{holdAnnotation: "yes"}
	create(t, begun)
	awaitTaskRun(t, begun, func(tr *v1.TaskRun) error {
		if tr.Status.StartTime == nil {
			return errors.New("the stand-in has not started it")
		}
		return nil
	})
	out, code := execute(t, "engine", "use", namespace)
	want := "namespace/" + namespace + ": new runs now go to Sluice\n1 run in flight stays with Tekton: taskrun/" + begun.Name + "\n"
	if code != clierror.Success || !strings.HasPrefix(out, want) {
		t.Fatalf("exit status %d: got %q, want %q", code, out, want)
	}
	// A task that Tekton starts after the change, of a run that it has begun before.
	owner := newPipelineRun(namespace)
	owner.Spec.ManagedBy = new(v1.ManagedByThis)
	create(t, owner)
	late := newTaskRun(namespace)
	late.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(owner, v1.GroupVersion.WithKind(v1.KindPipelineRun))}
	create(t, late)
	if late.Spec.ManagedBy != nil {
		t.Errorf("the TaskRun of a run of Tekton got managedBy %q", *late.Spec.ManagedBy)
	}
	mine := newTaskRun(namespace)
	create(t, mine)
	wantBy(t, mine.Spec.ManagedBy, v1.ManagedBySluice)
	awaitTaskRun(t, mine, func(tr *v1.TaskRun) error {
		if tr.Status.PodName == "" {
			return fmt.Errorf("Sluice has not started it\n%s", shared.sluice.log())
		}
		return nil
	})
	list, _ := execute(t, "engine", "list")
	if line := regexp.MustCompile(namespace + ` +sluice +1 (running|waiting) +`); !line.MatchString(list) {
		t.Errorf("want a line like %q in\n%s", line, list)
	}
	out, code = execute(t, "engine", "reset", namespace)
	if code != clierror.Success || !strings.Contains(out, "new runs now go to Tekton\n") ||
		!strings.Contains(out, "1 run in flight stays with Sluice: taskrun/"+mine.Name+"\n") {
		t.Errorf("exit status %d: %q", code, out)
	}
	release := client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"annotations":{"`+holdAnnotation+`":null}}}`))
	if err := shared.client.Patch(t.Context(), begun, release); err != nil {
		t.Fatal(err)
	}
	awaitTaskRun(t, begun, ended)
	play(t, namespace, "by Sluice")
	awaitTaskRun(t, mine, ended)
	if len(mine.Status.Results) != 1 || mine.Status.Results[0].Value.String != "by Sluice" {
		t.Errorf("got results %+v", mine.Status.Results)
	}
}

// TestWebhookAway: without the webhook runs go to Tekton, and the metric and doctor say so.
func TestWebhookAway(t *testing.T) {
	namespace := newNamespace(t, true)
	shared.marker.away.Store(true)
	defer shared.marker.away.Store(false)
	awaitNextSecond(t, namespace)
	tr := newTaskRun(namespace)
	create(t, tr)
	if tr.Spec.ManagedBy != nil {
		t.Fatalf("managedBy is %q without the webhook", *tr.Spec.ManagedBy)
	}
	awaitTaskRun(t, tr, ended)
	if len(tr.Status.Results) != 1 || tr.Status.Results[0].Value.String != ofTheStandIn {
		t.Errorf("got results %+v, want those of Tekton", tr.Status.Results)
	}
	eventually(t, func(ctx context.Context) error {
		page, err := get(ctx, "http://"+shared.sluice.metrics+"/metrics")
		if err == nil && !regexp.MustCompile(`sluice_runs_missed\{kind="taskrun"\} [1-9]`).MatchString(page) {
			err = errors.New("the metric does not count the run")
		}
		return err
	})
	out, code := execute(t, "doctor")
	for _, want := range []string{
		"created there without spec.managedBy, because the webhook did not respond; Tekton runs: TaskRun " + namespace + "/" + tr.Name,
		"the webhook does not set spec.managedBy of runs in namespace",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("doctor does not say %q:\n%s", want, out)
		}
	}
	if code == clierror.Success {
		t.Error("doctor finds no problem")
	}
	for _, w := range by(writes(t, namespace), sluiceUser) {
		if w.resource != "events" {
			t.Errorf("Sluice wrote a run of Tekton: %v", w)
		}
	}
	shared.marker.away.Store(false)
	back := newTaskRun(namespace)
	create(t, back)
	wantBy(t, back.Spec.ManagedBy, v1.ManagedBySluice)
}

// awaitNextSecond waits until runs are created in a later second than the namespace with its label. A run of the same second may
// be from before the label, so it does not count as missed.
func awaitNextSecond(t *testing.T, namespace string) {
	t.Helper()
	var labeled corev1.Namespace
	if err := shared.client.Get(t.Context(), client.ObjectKey{Name: namespace}, &labeled); err != nil {
		t.Fatal(err)
	}
	eventually(t, func(ctx context.Context) error {
		probe := newTaskRun(namespace)
		err := shared.client.Create(ctx, probe, client.DryRunAll)
		if err == nil && !probe.CreationTimestamp.After(labeled.CreationTimestamp.Time) {
			err = errors.New("the clock of the API server still shows the second in which the namespace was created")
		}
		return err
	})
}
