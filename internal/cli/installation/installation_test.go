package installation_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	v1 "github.com/sluice-ci/sluice/api/v1"
	"github.com/sluice-ci/sluice/internal/cli/cluster"
	"github.com/sluice-ci/sluice/internal/cli/installation"
	"github.com/sluice-ci/sluice/internal/scheme"
)

func deployment(namespace, name string, available int32, args ...string) *appsv1.Deployment {
	d := &appsv1.Deployment{}
	d.Namespace, d.Name = namespace, name
	d.Spec.Template.Spec.Containers = []corev1.Container{{Name: "controller", Args: args}}
	d.Status.AvailableReplicas = available
	return d
}

func TestFind(t *testing.T) {
	for name, tc := range map[string]struct {
		reason    string
		objects   []client.Object
		forbidden bool
		want      installation.Installation
	}{
		"Absent": {
			reason:  "A Deployment of Tekton is not one of Sluice.",
			objects: []client.Object{deployment("tekton-pipelines", "tekton-pipelines-controller", 1)},
			want:    installation.Installation{Mode: installation.Absent},
		},
		"Full": {
			reason:  "A controller without the argument manages all runs.",
			objects: []client.Object{deployment("tekton-pipelines", "sluice-controller", 1, "--leader-elect=true")},
			want: installation.Installation{
				Mode: installation.Full, Namespace: "tekton-pipelines", ManagedBy: v1.ManagedByThis, Available: true,
			},
		},
		"Beside": {
			reason:  "The argument may be the only word, and no replica may be available.",
			objects: []client.Object{deployment("sluice-system", "sluice-controller", 0, "--coexist")},
			want:    installation.Installation{Mode: installation.Beside, Namespace: "sluice-system", ManagedBy: v1.ManagedBySluice},
		},
		"Beside in another namespace": {
			reason:  "The namespace and the name of the controller are choices of the administrator.",
			objects: []client.Object{deployment("builds", "sluice-controller", 2, "--coexist=true", "--managed-by=example.com/x")},
			want:    installation.Installation{Mode: installation.Beside, Namespace: "builds", ManagedBy: "example.com/x", Available: true},
		},
		"Switched off": {
			reason:  "The argument has a value.",
			objects: []client.Object{deployment("builds", "sluice-controller", 2, "--coexist=false")},
			want:    installation.Installation{Mode: installation.Full, Namespace: "builds", ManagedBy: v1.ManagedByThis, Available: true},
		},
		"Without the right to list": {
			reason:    "A user may have rights in the default namespaces only.",
			objects:   []client.Object{deployment("sluice-system", "sluice-controller", 1, "--coexist")},
			forbidden: true,
			want: installation.Installation{
				Mode: installation.Beside, Namespace: "sluice-system", ManagedBy: v1.ManagedBySluice, Available: true,
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			known, err := scheme.New()
			if err != nil {
				t.Fatal(err)
			}
			c := fake.NewClientBuilder().WithScheme(known).WithObjects(tc.objects...).WithInterceptorFuncs(interceptor.Funcs{
				List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, options ...client.ListOption) error {
					if tc.forbidden {
						return apierrors.NewForbidden(schema.GroupResource{Group: "apps", Resource: "deployments"}, "", nil)
					}
					return c.List(ctx, list, options...)
				},
			}).Build()
			got, err := installation.Find(t.Context(), &cluster.Cluster{Client: c})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tc.reason, diff)
			}
		})
	}
}

func TestEngineOf(t *testing.T) {
	type row struct {
		managedBy            *string
		absent, full, beside installation.Engine
	}
	for name, tc := range map[string]row{
		"None": {
			managedBy: nil,
			absent:    installation.Tekton,
			full:      installation.Sluice,
			beside:    installation.Tekton,
		},
		"Tekton's": {
			managedBy: new("tekton.dev/pipeline"),
			absent:    installation.Tekton,
			full:      installation.Sluice,
			beside:    installation.Tekton,
		},
		"Sluice's": {
			managedBy: new("sluice.dev/controller"),
			absent:    installation.Sluice,
			full:      installation.Other,
			beside:    installation.Sluice,
		},
		"Another": {
			managedBy: new("kueue.x-k8s.io/multikueue"),
			absent:    installation.Other,
			full:      installation.Other,
			beside:    installation.Other,
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := row{
				managedBy: tc.managedBy,
				absent:    installation.Installation{Mode: installation.Absent}.EngineOf(tc.managedBy),
				full:      installation.Installation{Mode: installation.Full}.EngineOf(tc.managedBy),
				beside:    installation.Installation{Mode: installation.Beside, ManagedBy: v1.ManagedBySluice}.EngineOf(tc.managedBy),
			}
			if diff := cmp.Diff(tc, got, cmp.AllowUnexported(row{})); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestEngineOfNew(t *testing.T) {
	labeled := map[string]string{v1.LabelEngine: v1.EngineSluice}
	for name, tc := range map[string]struct {
		mode   installation.Mode
		labels map[string]string
		want   installation.Engine
	}{
		"Beside, labeled": {
			mode:   installation.Beside,
			labels: labeled,
			want:   installation.Sluice,
		},
		"Beside, not labeled": {
			mode: installation.Beside,
			want: installation.Tekton,
		},
		"Beside, another value": {
			mode:   installation.Beside,
			labels: map[string]string{v1.LabelEngine: "Sluice"},
			want:   installation.Tekton,
		},
		"Absent, labeled": {
			mode:   installation.Absent,
			labels: labeled,
			want:   installation.Tekton,
		},
		"Full, not labeled": {
			mode: installation.Full,
			want: installation.Sluice,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := (installation.Installation{Mode: tc.mode}).EngineOfNew(tc.labels); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
		})
	}
}
