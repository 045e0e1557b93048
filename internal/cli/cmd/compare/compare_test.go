package compare

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/yaml"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/scheme"
)

// engines are two engines that end each run as soon as it is created.
type engines struct {
	// results are the values of the result of each run, by its managedBy. A run without one does not end.
	results map[string]string
	// created is called after a run was created.
	created func(name string)

	mu     sync.Mutex
	events []string
	runs   []v1.TaskRun
}

func (e *engines) note(event string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.events = append(e.events, event)
}

func (e *engines) create(ctx context.Context, c client.WithWatch, o client.Object, options ...client.CreateOption) error {
	if err := c.Create(ctx, o, options...); err != nil {
		return err
	}
	var tr v1.TaskRun
	if err := c.Get(ctx, client.ObjectKeyFromObject(o), &tr); err != nil {
		return err
	}
	e.note("created " + tr.Name)
	e.mu.Lock()
	e.runs = append(e.runs, *tr.DeepCopy())
	e.mu.Unlock()
	if value, ends := e.results[*tr.Spec.ManagedBy]; ends {
		tr.Status.Conditions = []metav1.Condition{v1.Succeeded("")}
		tr.Status.Results = []v1.TaskRunResult{{Name: "r", Type: v1.TypeString, Value: v1.StringValue(value)}}
		if err := c.Status().Update(ctx, &tr); err != nil {
			return err
		}
		e.note("ended " + tr.Name)
	}
	if e.created != nil {
		e.created(tr.Name)
	}
	return nil
}

func (e *engines) delete(ctx context.Context, c client.WithWatch, o client.Object, options ...client.DeleteOption) error {
	err := c.Delete(ctx, o, options...)
	if err == nil {
		e.note("deleted " + o.GetName())
	}
	return err
}

// execute runs the command in a cluster with these engines and objects.
func execute(ctx context.Context, t *testing.T, e *engines, objects []client.Object, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	known, err := scheme.New()
	if err != nil {
		t.Fatal(err)
	}
	byName := func(o client.Object) []string { return []string{o.GetName()} }
	kinds := meta.NewDefaultRESTMapper(nil)
	kinds.Add(v1.GroupVersion.WithKind(v1.KindTaskRun), meta.RESTScopeNamespace)
	c := fake.NewClientBuilder().WithScheme(known).WithRESTMapper(kinds).WithObjects(objects...).
		WithStatusSubresource(&v1.TaskRun{}, &v1.PipelineRun{}).WithIndex(&v1.TaskRun{}, "metadata.name", byName).
		WithInterceptorFuncs(interceptor.Funcs{Create: e.create, Delete: e.delete}).Build()
	var out, errOut bytes.Buffer
	command := NewCommand(terminal.Plain(nil, &out, &errOut), cluster.Fixed{Cluster: &cluster.Cluster{Client: c, Namespace: "ci"}})
	command.SetArgs(args)
	command.SilenceErrors, command.SilenceUsage = true, true
	err = command.ExecuteContext(ctx)
	return out.String(), errOut.String(), err
}

func controller(args ...string) *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "sluice-system", Name: "sluice-controller"}}
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "controller", Args: args}}
	return d
}

// file writes a TaskRun, with workspaces in YAML.
func file(t *testing.T, workspaces string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "run.yaml")
	text := "apiVersion: tekton.dev/v1\nkind: TaskRun\nmetadata: {generateName: build-}\n" +
		"spec: {workspaces: " + workspaces + ", taskSpec: {steps: [{name: s, image: busybox}]}}\n"
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func same() map[string]string {
	return map[string]string{v1.ManagedBySluice: "x", v1.ManagedByThis: "x"}
}

func TestCommand(t *testing.T) {
	claim := "[{name: w, persistentVolumeClaim: {claimName: cache}}]"
	both := []string{"created T", "ended T", "created S", "ended S"}
	removed := append(slices.Clone(both), "deleted S", "deleted T")
	for name, tc := range map[string]struct {
		reason     string
		results    map[string]string
		workspaces string
		args       []string
		code       clierror.Code
		out        string
		err        string
		events     []string
	}{
		"Equal": {
			reason:     "Equal runs are deleted, and the exit status is 0.",
			results:    same(),
			workspaces: "[]",
			out:        "equal: the same outcome (succeeded) and the same result",
			err:        "created for Sluice",
			events:     removed,
		},
		"Not equal": {
			reason:     "One byte makes the exit status 1.",
			results:    map[string]string{v1.ManagedBySluice: "x", v1.ManagedByThis: "y"},
			workspaces: "[]",
			code:       clierror.RunFailed,
			out:        "not equal: 1 difference in outcome and results\n\nDIFFERENCE   SLUICE",
			events:     removed,
		},
		"Kept": {
			reason:     "With --keep both runs stay, and their names are printed.",
			results:    same(),
			workspaces: "[]",
			args:       []string{"--keep"},
			out:        "equal: ",
			err:        "kept taskrun/S and taskrun/T\n",
			events:     both,
		},
		"Not in time": {
			reason:     "A run that does not end in time is a difference, and is deleted.",
			results:    map[string]string{v1.ManagedByThis: "x"},
			workspaces: "[]",
			args:       []string{"--timeout", "2s"},
			code:       clierror.RunFailed,
			out:        "outcome      not ended after 2s   succeeded",
			events:     []string{"created T", "ended T", "created S", "deleted S", "deleted T"},
		},
		"One claim": {
			reason:     "Runs that write to one claim do not run at the same time, so that the first has ended before the second is created.",
			results:    map[string]string{v1.ManagedBySluice: "x"},
			workspaces: claim,
			args:       []string{"--timeout", "2s"},
			code:       clierror.RunFailed,
			out:        "outcome",
			err: "both runs write to claim \"cache\", so they run one after the other; --parallel runs them at the same time\n" +
				"taskrun/T created for Tekton\ntaskrun/T: not ended after 2s\ntaskrun/S created for Sluice\n",
			events: []string{"created T", "created S", "ended S", "deleted S", "deleted T"},
		},
		"One claim in parallel": {
			reason:     "With --parallel both are created first.",
			results:    same(),
			workspaces: claim,
			args:       []string{"--parallel"},
			out:        "equal: ",
			err: "both runs write to claim \"cache\" at the same time\n" +
				"taskrun/T created for Tekton\ntaskrun/S created for Sluice\n",
			events: removed,
		},
		"JSON": {
			reason:     "Programs get the same.",
			results:    same(),
			workspaces: "[]",
			args:       []string{"-o", "json"},
			out: "{\n  \"equal\": true,\n  \"differences\": [],\n  \"sluice\": {\n    \"run\": \"taskrun/S\",\n" +
				"    \"outcome\": \"succeeded\",",
			events: removed,
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := &engines{results: tc.results}
			out, errOut, err := execute(t.Context(), t, e, []client.Object{controller("--coexist")}, append(tc.args, file(t, tc.workspaces))...)
			if clierror.CodeOf(err) != tc.code || err != nil && !errors.Is(err, clierror.ErrQuiet) {
				t.Fatalf("%s got error %v, want exit status %d\n%s", tc.reason, err, tc.code, errOut)
			}
			names := neutral(e)
			if !strings.Contains(names.Replace(out), tc.out) {
				t.Errorf("%s want %q in\n%s", tc.reason, tc.out, out)
			}
			if !strings.Contains(names.Replace(errOut), tc.err) {
				t.Errorf("%s want %q in\n%s", tc.reason, tc.err, errOut)
			}
			var events []string
			for _, event := range e.events {
				events = append(events, names.Replace(event))
			}
			if diff := cmp.Diff(tc.events, events); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// neutral replaces the names of the runs by S and T.
func neutral(e *engines) *strings.Replacer {
	var pairs []string
	for _, tr := range e.runs {
		short := "T"
		if strings.HasSuffix(tr.Name, "-sluice") {
			short = "S"
		}
		pairs = append(pairs, tr.Name, short)
	}
	return strings.NewReplacer(pairs...)
}

// TestInterrupted: after an interrupt both runs are deleted, whenever it comes.
func TestInterrupted(t *testing.T) {
	for name, when := range map[string]string{
		"Between the runs": "-tekton",
		"While both run":   "-sluice",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			e := &engines{created: func(name string) {
				if strings.HasSuffix(name, when) {
					cancel()
				}
			}}
			_, _, err := execute(ctx, t, e, []client.Object{controller("--coexist")}, file(t, "[]"))
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got error %v", err)
			}
			created, deleted := 0, 0
			for _, event := range e.events {
				if strings.HasPrefix(event, "created") {
					created++
				} else {
					deleted++
				}
			}
			if created == 0 || created != deleted {
				t.Errorf("%d runs were created and %d deleted: %v", created, deleted, e.events)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	two := filepath.Join(t.TempDir(), "two.yaml")
	const text = "{apiVersion: tekton.dev/v1, kind: TaskRun, metadata: {name: a}}\n---\n" +
		"{apiVersion: tekton.dev/v1, kind: TaskRun, metadata: {name: b}}\n"
	if err := os.WriteFile(two, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		reason  string
		objects []client.Object
		what    string
		want    string
	}{
		"Absent": {
			reason: "Without Sluice there is one engine.",
			what:   file(t, "[]"),
			want:   "cannot compare: Sluice is not installed beside Tekton",
		},
		"Full": {
			reason:  "Without Tekton there is one engine, too.",
			objects: []client.Object{controller()},
			what:    file(t, "[]"),
			want:    "runs all runs of this cluster, so there is no second engine",
		},
		"No file": {
			reason:  "A name that ends like a file is a file.",
			objects: []client.Object{controller("--coexist")},
			what:    "nothing.yaml",
			want:    `cannot read file "nothing.yaml"`,
		},
		"No run": {
			reason:  "Any other is a run.",
			objects: []client.Object{controller("--coexist")},
			what:    "pr/nothing",
			want:    `there is no PipelineRun "nothing" in namespace "ci"`,
		},
		"Two runs": {
			reason:  "Two runs of a file cannot be told apart in the output.",
			objects: []client.Object{controller("--coexist")},
			what:    two,
			want:    `cannot compare 2 runs at once: ` + two + ` has TaskRun "a", TaskRun "b"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			e := &engines{}
			_, _, err := execute(t.Context(), t, e, tc.objects, tc.what)
			if err == nil || !strings.Contains(err.Error(), tc.want) || len(e.events) > 0 {
				t.Errorf("%s got %v and %v, want %q", tc.reason, err, e.events, tc.want)
			}
		})
	}
}

// TestOfARun: the spec of a run of the cluster is run again without what a user or a controller has done to that run.
func TestOfARun(t *testing.T) {
	var old v1.TaskRun
	const text = `
metadata:
  name: old
  namespace: ci
  labels: {team: a, tekton.dev/pipelineRun: p, app.kubernetes.io/managed-by: tekton-pipelines}
  annotations: {note: mine, chains.tekton.dev/signed: "true", kubectl.kubernetes.io/last-applied-configuration: "{}"}
spec:
  status: TaskRunCancelled
  statusMessage: enough
  managedBy: tekton.dev/pipeline
  serviceAccountName: builder
  taskSpec: {steps: [{name: s, image: busybox}]}
`
	if err := yaml.UnmarshalStrict([]byte(text), &old); err != nil {
		t.Fatal(err)
	}
	e := &engines{results: same()}
	if _, errOut, err := execute(t.Context(), t, e, []client.Object{controller("--coexist"), &old}, "old"); err != nil {
		t.Fatal(err, errOut)
	}
	var managed []string
	for _, tr := range e.runs {
		managed = append(managed, *tr.Spec.ManagedBy)
		id := tr.Labels[Label]
		if id == "" || tr.Name != "compare-"+id+strings.TrimPrefix(tr.Name, "compare-"+id) {
			t.Errorf("the label %q does not have the part of the name %q", id, tr.Name)
		}
		if diff := cmp.Diff(map[string]string{"team": "a", Label: id}, tr.Labels); diff != "" {
			t.Errorf("labels (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]string{"note": "mine"}, tr.Annotations); diff != "" {
			t.Errorf("annotations (-want +got):\n%s", diff)
		}
		want := *old.Spec.DeepCopy()
		want.Status, want.StatusMessage, want.ManagedBy = "", "", tr.Spec.ManagedBy
		if diff := cmp.Diff(want, tr.Spec); diff != "" {
			t.Errorf("spec (-want +got):\n%s", diff)
		}
	}
	if diff := cmp.Diff([]string{v1.ManagedByThis, v1.ManagedBySluice}, managed); diff != "" {
		t.Errorf("one run for each engine (-want +got):\n%s", diff)
	}
}

func TestSharedClaims(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		spec   string
		want   []string
	}{
		"None": {
			reason: "Volumes of one run are not shared.",
			spec:   "{workspaces: [{emptyDir: {}}, {volumeClaimTemplate: {spec: {}}}, {configMap: {name: c}}]}",
		},
		"Workspaces": {
			reason: "Each claim counts once.",
			spec: "{workspaces: [{persistentVolumeClaim: {claimName: b}}, {persistentVolumeClaim: {claimName: a}}, " +
				"{persistentVolumeClaim: {claimName: a}}]}",
			want: []string{"a", "b"},
		},
		"Volumes": {
			reason: "A volume of a task or of a pod template is shared, too.",
			spec: "{podTemplate: {volumes: [{persistentVolumeClaim: {claimName: a}}]}, " +
				"pipelineSpec: {tasks: [{taskSpec: {volumes: [{persistentVolumeClaim: {claimName: b}}]}}]}}",
			want: []string{"a", "b"},
		},
		"Read only": {
			reason: "Two runs may read one claim.",
			spec:   "{workspaces: [{persistentVolumeClaim: {claimName: a, readOnly: true}}]}",
		},
	} {
		t.Run(name, func(t *testing.T) {
			var spec map[string]any
			if err := yaml.Unmarshal([]byte(tc.spec), &spec); err != nil {
				t.Fatal(err)
			}
			got := sharedClaims(&unstructured.Unstructured{Object: map[string]any{"spec": spec}})
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
