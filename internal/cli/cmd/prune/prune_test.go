package prune

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/api/v1beta1"
	"github.com/sluice-ci/sluice/internal/cli/clierror"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/terminal"
	"github.com/sluice-ci/sluice/internal/cloudevents/mark"
	"github.com/sluice-ci/sluice/internal/scheme"
)

var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// installedAt returns a controller, beside Tekton if it has arguments, and a ConfigMap with rules in its namespace.
func installedAt(namespace, configMap, rules string, args ...string) []client.Object {
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "sluice-controller"}}
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "controller", Args: args}}
	cm := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: configMap}, Data: map[string]string{}}
	if rules != "" {
		cm.Data["default-retention"] = rules
	}
	return []client.Object{d, cm}
}

// ended is a TaskRun that ended minutes ago, with a result of these bytes.
func ended(name string, minutes, bytes int, change ...func(*v1.TaskRun)) *v1.TaskRun {
	tr := &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: name, UID: types.UID(name)}}
	tr.Status.Conditions = []metav1.Condition{v1.Succeeded("done")}
	tr.Status.CompletionTime = new(metav1.NewTime(noon.Add(-time.Duration(minutes) * time.Minute)))
	tr.Status.Results = []v1.TaskRunResult{{Name: "r", Value: v1.StringValue(strings.Repeat("x", bytes))}}
	for _, c := range change {
		c(tr)
	}
	return tr
}

func kept(tr *v1.TaskRun)    { tr.Annotations = map[string]string{v1.AnnotationKeep: "true"} }
func besides(tr *v1.TaskRun) { tr.Spec.ManagedBy = new(v1.ManagedBySluice) }

// execute runs the command, and returns its output, the text of its error with hints, and the runs that are left.
func execute(t *testing.T, objects []client.Object, in string, args ...string) (out, problem string, left []string) {
	t.Helper()
	known, err := scheme.New()
	if err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(known).WithObjects(objects...).WithInterceptorFuncs(interceptor.Funcs{
		Delete: func(ctx context.Context, under client.WithWatch, o client.Object, options ...client.DeleteOption) error {
			if strings.HasPrefix(o.GetName(), "protected") {
				return errors.New(`admission webhook "keep.example.com" denied the request: protected`)
			}
			return under.Delete(ctx, o, options...)
		},
	}).Build()
	var stdout bytes.Buffer
	term := terminal.Plain(strings.NewReader(in), &stdout, &stdout)
	term.Interactive = in != ""
	command := newCommand(term, cluster.Fixed{Cluster: &cluster.Cluster{Client: c, Namespace: "ci"}}, func() time.Time { return noon })
	command.SetArgs(args)
	command.SilenceErrors, command.SilenceUsage = true, true
	if err := command.ExecuteContext(t.Context()); err != nil {
		problem = err.Error() + "\n" + strings.Join(clierror.HintsOf(err), "\n")
	}
	var list v1.TaskRunList
	if err := c.List(t.Context(), &list); err != nil {
		t.Fatal(err)
	}
	for i := range list.Items {
		left = append(left, list.Items[i].Name)
	}
	return stdout.String(), problem, left
}

func TestPrune(t *testing.T) {
	alone := installedAt("tekton-pipelines", "config-defaults", "historyLimit: 1")
	some := slices.Concat(alone, []client.Object{ended("a", 9, 10), ended("b", 5, 10), ended("c", 7, 10, kept)})
	for name, tc := range map[string]struct {
		reason  string
		objects []client.Object
		in      string
		args    []string
		out     []string
		problem string
		left    []string
	}{
		"DryRun": {
			reason:  "It shows the rule, and what stays in spite of it, and deletes nothing.",
			objects: some,
			args:    []string{"--dry-run"},
			out:     []string{"taskrun/a", "history", "goes", "taskrun/c", "stays: keep annotation", "1 runs would go"},
			left:    []string{"a", "b", "c"},
		},
		"Yes": {
			reason:  "It deletes what it shows.",
			objects: some,
			args:    []string{"--yes"},
			out:     []string{"1 runs go", "1 runs deleted"},
			left:    []string{"b", "c"},
		},
		"Asked": {
			reason:  "On a terminal the user confirms.",
			objects: some,
			in:      "y\n",
			out:     []string{"delete these 1 runs", "1 runs deleted"},
			left:    []string{"b", "c"},
		},
		"Declined": {
			reason:  "Without a yes nothing is deleted.",
			objects: some,
			in:      "n\n",
			problem: "nothing was deleted",
			left:    []string{"a", "b", "c"},
		},
		"NoTerminal": {
			reason:  "There is no terminal to confirm on.",
			objects: some,
			problem: "use --yes to delete them without confirmation, or --dry-run",
			left:    []string{"a", "b", "c"},
		},
		"Flags": {
			reason:  "Flags replace the rules of the installation.",
			objects: some,
			args:    []string{"--ttl", "6m", "--yes"},
			out:     []string{"ttl", "1 runs deleted"},
			left:    []string{"b", "c"},
		},
		"CustomRun": {
			reason: "A PipelineRun that gave up on a custom task stays with the CustomRun that still runs.",
			objects: slices.Concat(alone, []client.Object{
				&v1.PipelineRun{
					ObjectMeta: metav1.ObjectMeta{Namespace: "ci", Name: "release", UID: "release"},
					Status: v1.PipelineRunStatus{
						Conditions:      []metav1.Condition{v1.Succeeded("done")},
						CompletionTime:  new(metav1.NewTime(noon.Add(-time.Hour))),
						ChildReferences: []v1.ChildReference{{Kind: v1beta1.KindCustomRun, Name: "approve"}},
					},
				},
				&v1beta1.CustomRun{ObjectMeta: metav1.ObjectMeta{
					Namespace: "ci", Name: "approve", OwnerReferences: []metav1.OwnerReference{
						{APIVersion: v1.GroupVersion.String(), Kind: v1.KindPipelineRun, Name: "release", UID: "release"},
					},
				}},
			}),
			args: []string{"--history-limit", "0", "--dry-run"},
			out:  []string{"pipelinerun/release", "stays: a run that it owns is under way", "0 runs would go"},
		},
		"Events": {
			reason: "A run whose CloudEvents are not sent yet stays for some minutes.",
			objects: slices.Concat(alone, []client.Object{ended("a", 5, 10, func(tr *v1.TaskRun) {
				tr.Status.Annotations = map[string]string{v1.AnnotationEvents: "3 3:successful"}
			})}),
			args: []string{"--history-limit", "0", "--yes"},
			out:  []string{"stays: its CloudEvents are not sent yet", "0 runs go"},
			left: []string{"a"},
		},
		"EventsInTheMark": {
			reason: "The mark says that the CloudEvents of one run are sent, and not those of a later batch.",
			objects: slices.Concat(alone, []client.Object{
				&corev1.ConfigMap{
					ObjectMeta: metav1.ObjectMeta{Namespace: "tekton-pipelines", Name: mark.Name},
					Data:       map[string]string{"epoch": "7", "since": "7", "sent": "7.16"},
				},
				ended("a", 5, 10, func(tr *v1.TaskRun) {
					tr.Status.Annotations = map[string]string{v1.AnnotationEvents: "3 3:successful @7.16"}
				}),
				ended("b", 5, 10, func(tr *v1.TaskRun) {
					tr.Status.Annotations = map[string]string{v1.AnnotationEvents: "3 3:successful @7.17"}
				}),
			}),
			args: []string{"--history-limit", "0", "--yes"},
			out:  []string{"stays: its CloudEvents are not sent yet", "1 runs go"},
			left: []string{"b"},
		},
		"Nothing": {
			reason:  "Nothing to delete needs no confirmation.",
			objects: some,
			args:    []string{"--history-limit", "5"},
			out:     []string{"0 runs go"},
			left:    []string{"a", "b", "c"},
		},
		"Beside": {
			reason: "Beside Tekton, the runs of Tekton stay, and the rules are those of Sluice.",
			objects: append(installedAt("sluice-system", "sluice-settings", "historyLimit: 0", "--coexist"),
				ended("a", 9, 10, besides), ended("b", 9, 10)),
			args: []string{"--yes"},
			out:  []string{"1 runs deleted"},
			left: []string{"b"},
		},
		"NoRules": {
			reason:  "Without rules the command says where they could be.",
			objects: append(installedAt("tekton-pipelines", "config-defaults", ""), ended("a", 9, 10)),
			problem: "config-defaults has no key default-retention",
			left:    []string{"a"},
		},
		"InvalidRules": {
			reason:  "Invalid rules delete nothing.",
			objects: append(installedAt("tekton-pipelines", "config-defaults", "historyLimits: 1"), ended("a", 9, 10)),
			problem: `unknown field "historyLimits"`,
			left:    []string{"a"},
		},
		"InvalidFlag": {
			reason:  "A negative limit below -1 has no meaning.",
			objects: some,
			args:    []string{"--history-limit", "-5"},
			problem: "historyLimit: -5 is not from 0",
			left:    []string{"a", "b", "c"},
		},
		"NegativeTime": {
			reason:  "In whole seconds it would be 0, which deletes every run.",
			objects: some,
			args:    []string{"--ttl", "-500ms", "--yes"},
			problem: "cannot use --ttl -500ms: give a duration of at least 0",
			left:    []string{"a", "b", "c"},
		},
		"FractionOfASecond": {
			reason:  "A time that cannot be exact is not rounded to a shorter one.",
			objects: some,
			args:    []string{"--failed-ttl", "500ms", "--successful-ttl", "1h", "--yes"},
			problem: "cannot use --failed-ttl 500ms: give a duration of at least 0, in whole seconds",
			left:    []string{"a", "b", "c"},
		},
		"Thousandths": {
			reason:  "A limit of a fifth of a byte, meant as megabytes, would delete every run.",
			objects: some,
			args:    []string{"--stored-bytes-limit", "200m", "--yes"},
			problem: "storedBytesLimit: 200m is not a whole number of bytes",
			left:    []string{"a", "b", "c"},
		},
		"Denied": {
			reason:  "A run that a webhook protects does not keep the later ones.",
			objects: append(installedAt("tekton-pipelines", "config-defaults", "historyLimit: 0"), ended("protected", 9, 10), ended("b", 5, 10)),
			args:    []string{"--yes"},
			out:     []string{`TaskRun "protected" in namespace "ci" stays: admission webhook "keep.example.com" denied`, "1 runs deleted"},
			problem: "cannot delete 1 runs: a policy or a webhook",
			left:    []string{"protected"},
		},
		"NotInstalled": {
			reason:  "Rules of the command line need no installation.",
			objects: []client.Object{ended("a", 9, 10)},
			args:    []string{"--history-limit", "0", "--yes"},
			out:     []string{"1 runs deleted"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			out, problem, left := execute(t, tc.objects, tc.in, tc.args...)
			for _, want := range tc.out {
				if !strings.Contains(out, want) {
					t.Errorf("%s: want %q, got\n%s", tc.reason, want, out)
				}
			}
			if !strings.Contains(problem, tc.problem) || tc.problem == "" && problem != "" {
				t.Errorf("%s: want the error %q, got %q", tc.reason, tc.problem, problem)
			}
			if diff := cmp.Diff(tc.left, left); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

// TestPruneJSON: programs get the same decision, with bytes.
func TestPruneJSON(t *testing.T) {
	objects := append(installedAt("tekton-pipelines", "config-defaults", "storedBytesLimit: 6k"), ended("a", 9, 5000), ended("b", 5, 5000))
	out, problem, _ := execute(t, objects, "", "--dry-run", "-o", "json")
	var got plan
	if err := json.Unmarshal([]byte(out), &got); err != nil || problem != "" {
		t.Fatalf("%v, %q in\n%s", err, problem, out)
	}
	if len(got.Delete) != 1 || got.Delete[0].Name != "a" || got.Delete[0].Rule != "bytes" || got.Delete[0].Bytes < 5000 ||
		got.Freed != got.Delete[0].Bytes || got.Bytes < 10_000 {
		t.Errorf("want the older run to go, got\n%s", out)
	}
}
