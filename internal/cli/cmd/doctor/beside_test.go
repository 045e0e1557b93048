package doctor

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/test/testutil/tektoncrds"
)

// movedAt is when the namespace "moved" got its label.
var movedAt = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// published returns the OpenAPI document of a cluster with Tekton's kinds.
func (h *hospital) published(*cluster.Cluster) ([]byte, error) {
	if len(h.kinds) == 0 {
		return nil, errNotServed
	}
	schemas := map[string]any{}
	for _, kind := range []string{v1.KindTask, v1.KindTaskRun, v1.KindPipeline, v1.KindPipelineRun} {
		fields, err := tektoncrds.Of(kind, "v1")
		if err != nil {
			return nil, err
		}
		schema := fields.Schema()
		schema["x-kubernetes-group-version-kind"] = []any{map[string]any{"group": "tekton.dev", "version": "v1", "kind": kind}}
		if spec, ok := schema["properties"].(map[string]any)["spec"].(map[string]any); ok {
			for _, name := range h.later {
				spec["properties"].(map[string]any)[name] = map[string]any{"type": "string"}
			}
		}
		schemas[kind] = schema
	}
	return json.Marshal(map[string]any{"components": map[string]any{"schemas": schemas}})
}

// neighbors returns a cluster on which Sluice is installed beside Tekton, without problems.
func neighbors() *hospital {
	h := healthy()
	d := h.deployment()
	d.Namespace = "sluice-system"
	d.Spec.Template.Spec.Containers[0].Args = []string{"--coexist", "--tekton-namespace=tekton-pipelines"}
	h.replace(settingsOf("tekton-pipelines", "feature-flags", map[string]string{
		"results-from": "termination-message", "keep-pod-on-cancel": "true",
	}))
	h.objects = append(h.objects,
		settingsOf("tekton-pipelines", "config-defaults", map[string]string{"default-timeout-minutes": "30"}),
		settingsOf("sluice-system", "sluice-settings", map[string]string{"results-from": "sidecar-logs", "max-result-size": "1000000"}),
		&appsv1.Deployment{
			ObjectMeta: metav1.ObjectMeta{Namespace: "tekton-pipelines", Name: "tekton-pipelines-controller"},
			Spec:       appsv1.DeploymentSpec{Replicas: new(int32(1))},
		},
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: "moved", Labels: map[string]string{v1.LabelEngine: v1.EngineSluice},
			// Instead of the managed fields, which the API server has and this client has not.
			Annotations: map[string]string{"sluice.dev/engine-since": movedAt.Format(time.RFC3339)},
		}},
	)
	h.mark = func(tr *v1.TaskRun) error {
		tr.Spec.ManagedBy = new(v1.ManagedBySluice)
		return nil
	}
	return h
}

// uninstallTekton deletes Tekton: its kinds with all their objects, its controller and its settings.
func (h *hospital) uninstallTekton() {
	h.kinds = nil
	h.objects = slices.DeleteFunc(h.objects, func(o client.Object) bool { return o.GetNamespace() == "tekton-pipelines" })
}

// space returns a namespace.
func (h *hospital) space(name string) *corev1.Namespace {
	for _, o := range h.objects {
		if n, ok := o.(*corev1.Namespace); ok && n.Name == name {
			return n
		}
	}
	return nil
}

func TestExamineBesideTekton(t *testing.T) {
	cases := map[string]struct {
		reason string
		change func(h *hospital)
		check  string
		level  Level
		want   string
	}{
		"Tekton": {
			reason: "The other controller is no problem here.",
			check:  "other controllers",
			level:  OK,
			want:   "Tekton runs what Sluice does not manage: deployment tekton-pipelines-controller in namespace tekton-pipelines",
		},
		"TektonIsAway": {
			reason: "Runs of Tekton do not start.",
			change: func(h *hospital) {
				for _, o := range h.objects {
					if d, ok := o.(*appsv1.Deployment); ok && d.Name == "tekton-pipelines-controller" {
						d.Spec.Replicas = new(int32(0))
					}
				}
			},
			check: "other controllers",
			level: Warning,
			want:  "deployment tekton-pipelines-controller in namespace tekton-pipelines is scaled down",
		},
		"TektonIsGone": {
			reason: "Without its Deployment, Tekton was uninstalled.",
			change: (*hospital).uninstallTekton,
			check:  "other controllers",
			level:  Warning,
			want:   "Tekton is not installed: no controller runs what Sluice does not manage",
		},
		"KindsAreGone": {
			reason: "The kinds go with Tekton.",
			change: (*hospital).uninstallTekton,
			check:  "kinds",
			level:  Problem,
			want:   "the cluster does not serve the kinds Task, TaskRun, Pipeline, PipelineRun, StepAction",
		},
		"NamespacesStay": {
			reason: "The labels stay, and no run was missed.",
			change: (*hospital).uninstallTekton,
			check:  "namespaces",
			level:  OK,
			want:   "new runs are run by Sluice in moved",
		},
		"Overridden": {
			reason: "The value of Sluice is in force, and that of Tekton is named.",
			check:  "settings in force",
			level:  OK,
			want:   `results-from: "sidecar-logs" (from sluice-settings in namespace sluice-system; Tekton has "termination-message")`,
		},
		"TektonsFlag": {
			reason: "A value of Tekton is in force as it is.",
			check:  "settings in force",
			level:  OK,
			want:   `keep-pod-on-cancel: "true" (from feature-flags in namespace tekton-pipelines)`,
		},
		"TektonsDefault": {
			reason: "So is a default.",
			check:  "settings in force",
			level:  OK,
			want:   `default-timeout-minutes: "30" (from config-defaults in namespace tekton-pipelines)`,
		},
		"WrongSetting": {
			reason: "An invalid value is reported where it is.",
			change: func(h *hospital) {
				for _, o := range h.objects {
					if cm, ok := o.(*corev1.ConfigMap); ok && cm.Name == "sluice-settings" {
						cm.Data["max-result-size"] = "ten"
					}
				}
			},
			check: "settings",
			level: Problem,
			want:  `sluice-settings: max-result-size: "ten"`,
		},
		"Fields": {
			reason: "Fields that Tekton lacks are named.",
			check:  "fields",
			level:  OK,
			want:   "provenance.featureFlags.signedResultsPolicy",
		},
		"LaterFields": {
			reason: "A later version of Tekton has fields that would be ignored without a word.",
			change: func(h *hospital) { h.later = []string{"burst"} },
			check:  "fields",
			level:  Warning,
			want: "fields of this version of Tekton that have no effect on the runs of Sluice: " +
				"Task spec.burst, TaskRun spec.burst, Pipeline spec.burst, PipelineRun spec.burst",
		},
		"Moved": {
			reason: "The namespaces of Sluice are named.",
			check:  "namespaces",
			level:  OK,
			want:   "new runs are run by Sluice in moved",
		},
		"NoneMoved": {
			reason: "Without a namespace, only single runs are those of Sluice.",
			change: func(h *hospital) { h.space("moved").Labels = nil },
			check:  "namespaces",
			level:  OK,
			want:   "no namespace has the label sluice.dev/engine=sluice",
		},
		"Missed": {
			reason: "A run without managedBy that is younger than the label was missed; an older one is Tekton's by right.",
			change: func(h *hospital) {
				for name, at := range map[string]time.Duration{"late": time.Minute, "early": -time.Minute} {
					h.objects = append(h.objects, &v1.TaskRun{ObjectMeta: metav1.ObjectMeta{
						Namespace: "moved", Name: name, CreationTimestamp: metav1.NewTime(movedAt.Add(at)),
					}})
				}
			},
			check: "namespaces",
			level: Warning,
			want:  "1 run created there without spec.managedBy, because the webhook did not respond; Tekton runs: TaskRun moved/late",
		},
		"Leaving": {
			reason: "A namespace that is being deleted is not one for new runs.",
			change: func(h *hospital) {
				h.objects = append(h.objects, &corev1.Namespace{
					ObjectMeta: metav1.ObjectMeta{Name: "left", Labels: map[string]string{v1.LabelEngine: v1.EngineSluice}},
				})
				h.leave("left")
			},
			check: "namespaces",
			level: OK,
			want:  "being deleted, so that no run can start there: left",
		},
		"MarksBesideLeaving": {
			reason: "The webhook is tried in a namespace in which a run can be created.",
			change: func(h *hospital) {
				h.objects = append(h.objects, &corev1.Namespace{
					ObjectMeta: metav1.ObjectMeta{Name: "first", Labels: map[string]string{v1.LabelEngine: v1.EngineSluice}},
				})
				h.leave("first")
				mark := h.mark
				h.mark = func(tr *v1.TaskRun) error {
					if tr.Namespace == "first" {
						return terminating("taskruns", "first")
					}
					return mark(tr)
				}
			},
			check: "webhooks",
			level: OK,
			want:  "the webhook sets spec.managedBy",
		},
		"LeavesMeanwhile": {
			reason: "The deletion may begin after the namespaces were listed.",
			change: func(h *hospital) { h.mark = func(*v1.TaskRun) error { return terminating("taskruns", "moved") } },
			check:  "webhooks",
			level:  Warning,
			want:   "namespace moved is being deleted",
		},
		"Marks": {
			reason: "The webhook works.",
			check:  "webhooks",
			level:  OK,
			want:   "the webhook sets spec.managedBy of runs in the namespaces of Sluice to sluice.dev/controller",
		},
		"DoesNotMark": {
			reason: "The webhook fails open.",
			change: func(h *hospital) { h.mark = func(*v1.TaskRun) error { return nil } },
			check:  "webhooks",
			level:  Problem,
			want:   "the webhook does not set spec.managedBy of runs in namespace moved, so Tekton runs them",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			h := neighbors()
			if tc.change != nil {
				tc.change(h)
			}
			var seen []string
			for _, f := range Examine(context.Background(), h.cluster(t), Readers{Configz: h.read, OpenAPI: h.published, Storage: h.metrics}) {
				if f.Check == tc.check {
					seen = append(seen, string(f.Level)+" "+f.What)
					if f.Level == tc.level && strings.Contains(f.What, tc.want) {
						return
					}
				}
			}
			t.Errorf("%s: want %s %q, got %q", tc.reason, tc.level, tc.want, seen)
		})
	}
}

// TestBesideTektonWithoutProblems: on a cluster where everything works, doctor has no problems and no warnings.
func TestBesideTektonWithoutProblems(t *testing.T) {
	h := neighbors()
	for _, f := range Examine(context.Background(), h.cluster(t), Readers{Configz: h.read, OpenAPI: h.published, Storage: h.metrics}) {
		if f.Level != OK {
			t.Errorf("%s: %s %s", f.Check, f.Level, f.What)
		}
	}
}

// TestDoctorWithoutTekton: where Tekton was uninstalled and Sluice stays, each problem names what is missing and what to do, and
// nothing sends the user to look for a right that is not missing.
func TestDoctorWithoutTekton(t *testing.T) {
	h := neighbors()
	h.uninstallTekton()
	var problems []string
	for _, f := range Examine(context.Background(), h.cluster(t), Readers{Configz: h.read, OpenAPI: h.published, Storage: h.metrics}) {
		if f.Level == OK {
			continue
		}
		problems = append(problems, f.Check)
		if !strings.Contains(f.Fix, "install Tekton again") {
			t.Errorf("%s: %s %s; fix: %q", f.Check, f.Level, f.What, f.Fix)
		}
	}
	if want := []string{"kinds", "other controllers"}; !slices.Equal(problems, want) {
		t.Errorf("want findings of the checks %q, got %q", want, problems)
	}
}
