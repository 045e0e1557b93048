package engine

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/scheme"
)

func controller(namespace string, args ...string) *appsv1.Deployment {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "sluice-controller"}}
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "controller", Args: args}}
	d.Status.AvailableReplicas = 1
	return d
}

func space(name string, labels ...string) *corev1.Namespace {
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{}}}
	for _, value := range labels {
		n.Labels[v1.LabelEngine] = value
	}
	return n
}

func taskRun(namespace, name, managedBy string, condition *metav1.Condition) *v1.TaskRun {
	tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	if managedBy != "" {
		tr.Spec.ManagedBy = &managedBy
	}
	if condition != nil {
		tr.Status.Conditions = []metav1.Condition{*condition}
	}
	return tr
}

func running() *metav1.Condition   { return new(v1.Running(v1.TaskRunReasonRunning, "")) }
func succeeded() *metav1.Condition { return new(v1.Succeeded("")) }

// child makes a TaskRun belong to a PipelineRun.
func child(tr *v1.TaskRun) *v1.TaskRun {
	tr.OwnerReferences = []metav1.OwnerReference{{APIVersion: "tekton.dev/v1", Kind: v1.KindPipelineRun, Name: "p", Controller: new(true)}}
	return tr
}

// gone is a namespace that makes the cluster one without the kinds of Tekton.
const gone = "kinds-are-gone"

// listRuns lists objects; it fails for runs if there is a namespace gone.
func listRuns(ctx context.Context, c client.WithWatch, into client.ObjectList, options ...client.ListOption) error {
	_, taskRuns := into.(*v1.TaskRunList)
	_, pipelineRuns := into.(*v1.PipelineRunList)
	if (taskRuns || pipelineRuns) && c.Get(ctx, client.ObjectKey{Name: gone}, &corev1.Namespace{}) == nil {
		return &meta.NoKindMatchError{GroupKind: schema.GroupKind{Group: v1.GroupName, Kind: v1.KindTaskRun}}
	}
	return c.List(ctx, into, options...)
}

// execute runs a subcommand, and returns its output, and the text of its error with the hints.
func execute(t *testing.T, objects []client.Object, args ...string) (out, problem string, c client.Client) {
	t.Helper()
	known, err := scheme.New()
	if err != nil {
		t.Fatal(err)
	}
	fakeClient := fake.NewClientBuilder().WithScheme(known).WithObjects(objects...).
		WithStatusSubresource(&v1.TaskRun{}, &v1.PipelineRun{}).WithInterceptorFuncs(interceptor.Funcs{List: listRuns}).Build()
	var stdout, stderr bytes.Buffer
	command := NewCommand(terminal.Plain(nil, &stdout, &stderr), cluster.Fixed{Cluster: &cluster.Cluster{Client: fakeClient, Namespace: "ci"}})
	command.SetArgs(args)
	command.SilenceErrors, command.SilenceUsage = true, true
	if err := command.ExecuteContext(t.Context()); err != nil {
		problem = err.Error() + "\n" + strings.Join(clierror.HintsOf(err), "\n")
	}
	return stdout.String() + stderr.String(), problem, fakeClient
}

func TestUse(t *testing.T) {
	beside := controller("sluice-system", "--coexist")
	leaving := space("leaving")
	leaving.Finalizers, leaving.DeletionTimestamp = []string{"x"}, new(metav1.Now())
	stopped := controller("sluice-system", "--coexist")
	stopped.Status.AvailableReplicas = 0
	for name, tc := range map[string]struct {
		reason  string
		objects []client.Object
		args    []string
		out     string
		problem string
		label   string
	}{
		"Moved": {
			reason: "New runs go to Sluice, and every other run stays where it is. Runs that have ended and TaskRuns of a run do not count.",
			objects: []client.Object{
				beside, space("ci"), taskRun("ci", "a", "", running()), taskRun("ci", "b", v1.ManagedByThis, nil),
				taskRun("ci", "c", v1.ManagedBySluice, running()), taskRun("ci", "d", "", succeeded()), child(taskRun("ci", "e", "", running())),
				taskRun("other", "f", "", running()),
			},
			args: []string{"use", "ci"},
			out: "namespace/ci: new runs now go to Sluice\n1 run in flight stays with Sluice: taskrun/c\n" +
				"2 runs in flight stay with Tekton: taskrun/a, taskrun/b\n",
			label: "sluice",
		},
		"Again": {
			reason:  "A second time changes nothing and says so.",
			objects: []client.Object{beside, space("ci", "sluice")},
			args:    []string{"use", "ci"},
			out:     "namespace/ci: new runs already go to Sluice\nno runs are in flight\n",
			label:   "sluice",
		},
		"Another value": {
			reason:  "A label with an unknown value is replaced.",
			objects: []client.Object{beside, space("ci", "Sluice")},
			args:    []string{"use", "ci"},
			out:     "namespace/ci: new runs now go to Sluice\nno runs are in flight\n",
			label:   "sluice",
		},
		"Not ready": {
			reason:  "Runs would wait, so it says so.",
			objects: []client.Object{stopped, space("ci")},
			args:    []string{"use", "ci"},
			out: "namespace/ci: new runs now go to Sluice\nno runs are in flight\n" +
				"hint: no replica of the controller of Sluice is ready, so new runs wait for it; check it: sluice doctor\n",
			label: "sluice",
		},
		"Absent": {
			reason:  "The label would have no effect.",
			objects: []client.Object{space("ci")},
			args:    []string{"use", "ci"},
			problem: "cannot move a namespace to Sluice: Sluice is not installed beside Tekton\ninstall it: sluice install --beside-tekton",
		},
		"Full": {
			reason:  "Sluice runs everything already.",
			objects: []client.Object{controller("tekton-pipelines"), space("ci")},
			args:    []string{"use", "ci"},
			problem: "the Sluice in namespace \"tekton-pipelines\" runs all runs of this cluster already",
		},
		"Missing": {
			reason:  "A namespace with a similar name is suggested.",
			objects: []client.Object{beside, space("ci")},
			args:    []string{"use", "cii"},
			problem: "there is no namespace \"cii\"\ndid you mean ci?\nsluice engine list --all lists the namespaces",
		},
		"Being deleted": {
			reason:  "Nothing can be created in it.",
			objects: []client.Object{beside, leaving},
			args:    []string{"use", "leaving"},
			problem: "cannot change the engine of namespace \"leaving\": it is being deleted",
		},
		"Of Sluice": {
			reason:  "Sluice does not run in its own namespace.",
			objects: []client.Object{beside, space("sluice-system")},
			args:    []string{"use", "sluice-system"},
			problem: "cannot move namespace \"sluice-system\" to Sluice: it is the namespace of Sluice",
		},
		"Back": {
			reason:  "Runs of Sluice stay with Sluice.",
			objects: []client.Object{beside, space("ci", "sluice"), taskRun("ci", "a", v1.ManagedBySluice, running())},
			args:    []string{"reset", "ci"},
			out:     "namespace/ci: new runs now go to Tekton\n1 run in flight stays with Sluice: taskrun/a\n",
		},
		"Back again": {
			reason:  "A namespace without the label is not changed.",
			objects: []client.Object{beside, space("ci")},
			args:    []string{"reset", "ci"},
			out:     "namespace/ci: new runs already go to Tekton\nno runs are in flight\n",
		},
		"Back without Sluice": {
			reason:  "The label can be removed after Sluice, whose runs wait for ever.",
			objects: []client.Object{space("ci", "sluice"), taskRun("ci", "a", v1.ManagedBySluice, running())},
			args:    []string{"reset", "ci"},
			out: "namespace/ci: new runs now go to Tekton\n1 run in flight stays with Sluice: taskrun/a; " +
				"Sluice is not installed, so delete them: sluice delete taskrun/a -n ci\n",
		},
		"Back without Tekton": {
			reason:  "The label can be removed after Tekton and its kinds, with which all runs are gone.",
			objects: []client.Object{beside, space("ci", "sluice"), space(gone)},
			args:    []string{"reset", "ci"},
			out:     "namespace/ci: new runs now go to Tekton\nno runs are in flight\n",
		},
		"JSON": {
			reason:  "Programs get the same.",
			objects: []client.Object{beside, space("ci"), taskRun("ci", "a", "", running())},
			args:    []string{"use", "ci", "-o", "json"},
			out: "{\n  \"namespace\": \"ci\",\n  \"engine\": \"sluice\",\n  \"changed\": true,\n  \"inFlight\": {\n    \"tekton\": [\n" +
				"      \"taskrun/a\"\n    ]\n  }\n}\n",
			label: "sluice",
		},
	} {
		t.Run(name, func(t *testing.T) {
			out, problem, c := execute(t, tc.objects, tc.args...)
			if diff := cmp.Diff(tc.out, out); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
			if (problem == "") != (tc.problem == "") || !strings.Contains(problem, tc.problem) {
				t.Errorf("%s got error %q, want %q", tc.reason, problem, tc.problem)
			}
			var n corev1.Namespace
			if err := c.Get(t.Context(), client.ObjectKey{Name: tc.args[1]}, &n); client.IgnoreNotFound(err) != nil {
				t.Fatal(err)
			}
			if tc.problem == "" && n.Labels[v1.LabelEngine] != tc.label {
				t.Errorf("%s got labels %v, want the value %q", tc.reason, n.Labels, tc.label)
			}
		})
	}
}

func TestList(t *testing.T) {
	objects := []client.Object{
		space("a", "sluice"), space("b"), space("c", "tekton"), space("empty"), space("done"),
		taskRun("a", "1", v1.ManagedBySluice, running()), taskRun("a", "2", v1.ManagedBySluice, nil), taskRun("a", "3", "", running()),
		taskRun("b", "1", "", running()), taskRun("b", "2", "kueue.x-k8s.io/multikueue", nil), taskRun("done", "1", "", succeeded()),
	}
	for name, tc := range map[string]struct {
		reason  string
		objects []client.Object
		args    []string
		want    string
	}{
		"Beside": {
			reason:  "Namespaces with the label or with runs are listed, and runs in flight are counted by their managedBy.",
			objects: append([]client.Object{controller("sluice-system", "--coexist")}, objects...),
			args:    []string{"list"},
			want: `NAMESPACE   ENGINE                                            ON SLUICE              ON TEKTON   OTHER
a           sluice                                            1 running, 1 waiting   1 running   -
b           tekton                                            -                      1 running   1 waiting
c           tekton (the label has the unknown value tekton)   -                      -           -
done        tekton                                            -                      -           -
`,
		},
		"Full": {
			reason:  "Without Tekton all runs are those of Sluice, and it says so.",
			objects: []client.Object{controller("tekton-pipelines"), space("b"), taskRun("b", "1", "", running())},
			args:    []string{"list"},
			want: `NAMESPACE   ENGINE   ON SLUICE   ON TEKTON
b           sluice   1 running   -
Sluice runs all runs of this cluster; the label sluice.dev/engine has no effect
`,
		},
		"Absent": {
			reason:  "Without Sluice nothing goes to it.",
			objects: []client.Object{space("b", "sluice")},
			args:    []string{"list"},
			want: `NAMESPACE   ENGINE   ON SLUICE   ON TEKTON
b           tekton   -           -
Sluice is not installed; the label sluice.dev/engine has no effect
`,
		},
		"Nothing": {
			reason:  "An empty list is said, not shown.",
			objects: []client.Object{controller("sluice-system", "--coexist"), space("empty")},
			args:    []string{"list"},
			want:    "no namespace has the label sluice.dev/engine or a run\n",
		},
		"All": {
			reason:  "All namespaces can be listed.",
			objects: []client.Object{controller("sluice-system", "--coexist"), space("empty")},
			args:    []string{"list", "--all"},
			want:    "NAMESPACE   ENGINE   ON SLUICE   ON TEKTON\nempty       tekton   -           -\n",
		},
		"JSON": {
			reason:  "Programs get the same.",
			objects: []client.Object{controller("sluice-system", "--coexist"), space("a", "sluice"), taskRun("a", "1", "", running())},
			args:    []string{"list", "-o", "yaml"},
			want: `namespaces:
- engine: sluice
  inFlight:
    tekton:
      running: 1
      waiting: 0
  label: sluice
  name: a
sluice:
  available: true
  managedBy: sluice.dev/controller
  mode: beside
  namespace: sluice-system
`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			out, problem, _ := execute(t, tc.objects, tc.args...)
			if problem != "" {
				t.Fatal(problem)
			}
			if diff := cmp.Diff(tc.want, out); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}
