package conflict_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/cmd/install/conflict"
	"github.com/sluice-ci/sluice/internal/scheme"
)

func deployment(namespace, name string, replicas int32, labels map[string]string) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels},
		Spec:       appsv1.DeploymentSpec{Replicas: new(replicas)},
	}
}

func TestIsOne(t *testing.T) {
	cases := map[string]struct {
		reason string
		of     *appsv1.Deployment
		want   bool
	}{
		"ByName": {
			reason: "the name of the peer's controller",
			of:     deployment("x", "tekton-pipelines-controller", 1, nil),
			want:   true,
		},
		"ByLabels": {
			reason: "under another name by its labels",
			of: deployment("x", "pipelines", 1, map[string]string{
				"app.kubernetes.io/part-of":   "tekton-pipelines",
				"app.kubernetes.io/component": "controller",
			}),
			want: true,
		},
		"Webhook": {
			reason: "what only admits objects acts on no run",
			of: deployment("x", "tekton-pipelines-webhook", 1, map[string]string{
				"app.kubernetes.io/part-of":   "tekton-pipelines",
				"app.kubernetes.io/component": "webhook",
			}),
		},
		"Dashboard": {
			reason: "what only shows them neither",
			of:     deployment("x", "tekton-dashboard", 1, map[string]string{"app.kubernetes.io/part-of": "tekton-dashboard"}),
		},
		"Ours": {
			reason: "nor is Sluice its own rival",
			of:     deployment("x", "sluice-controller", 1, map[string]string{"app.kubernetes.io/part-of": "sluice"}),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := conflict.IsOne(tc.of); got != tc.want {
				t.Errorf("%s: want %t, got %t", tc.reason, tc.want, got)
			}
		})
	}
}

func TestStop(t *testing.T) {
	ctx := context.Background()
	known, err := scheme.New()
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster.Cluster{Client: fake.NewClientBuilder().WithScheme(known).WithObjects(
		deployment("other", "tekton-pipelines-controller", 3, nil), deployment("other", "web", 1, nil)).Build()}
	found, err := conflict.Find(ctx, c)
	want := []conflict.Controller{{Namespace: "other", Name: "tekton-pipelines-controller", Replicas: 3}}
	if diff := cmp.Diff(want, found); diff != "" || err != nil {
		t.Fatalf("%v\n%s", err, diff)
	}
	if _, err := conflict.Stop(ctx, c, found[0]); err != nil {
		t.Fatal(err)
	}
	found, err = conflict.Find(ctx, c)
	if err != nil || len(found) != 1 || len(conflict.Acting(found)) != 0 {
		t.Fatalf("want it to be there and not to act, got %+v, %v", found, err)
	}
	if got := found[0].Restore(); got != "kubectl scale deployment tekton-pipelines-controller -n other --replicas=3" {
		t.Errorf("want the way back with as many replicas as there were, got %s", got)
	}
}
