package doctor

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/test/testutil/tektoncrds"
)

// movedAt is when the namespace "moved" got its label.
var movedAt = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// published returns the OpenAPI document of a cluster with Tekton's kinds.
func (h *hospital) published(*cluster.Cluster) ([]byte, error) {
	fields, err := tektoncrds.Of(v1.KindTaskRun, "v1")
	if err != nil {
		return nil, err
	}
	schema := fields.Schema()
	schema["x-kubernetes-group-version-kind"] = []any{map[string]any{"group": "tekton.dev", "version": "v1", "kind": v1.KindTaskRun}}
	return json.Marshal(map[string]any{"components": map[string]any{"schemas": map[string]any{"TaskRun": schema}}})
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
			want:  "no controller of Tekton is active",
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
		"Moved": {
			reason: "The namespaces of Sluice are named.",
			check:  "namespaces",
			level:  OK,
			want:   "new runs are run by Sluice in moved",
		},
		"NoneMoved": {
			reason: "Without a namespace, only single runs are those of Sluice.",
			change: func(h *hospital) { h.remove(&corev1.Namespace{}) },
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
			for _, f := range Examine(context.Background(), h.cluster(t), Readers{Configz: h.read, OpenAPI: h.published}) {
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
	for _, f := range Examine(context.Background(), h.cluster(t), Readers{Configz: h.read, OpenAPI: h.published}) {
		if f.Level != OK {
			t.Errorf("%s: %s %s", f.Check, f.Level, f.What)
		}
	}
}
