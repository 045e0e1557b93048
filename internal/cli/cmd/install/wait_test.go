package install_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/sluice-ci/sluice/internal/cli/cluster"
)

// withReady returns a cluster whose Deployments of these names are ready.
func withReady(t *testing.T, names []string) *cluster.Cluster {
	t.Helper()
	c := newCluster(t)
	inner := c.Client
	get := func(ctx context.Context, inner client.WithWatch, key client.ObjectKey, o client.Object, options ...client.GetOption) error {
		err := inner.Get(ctx, key, o, options...)
		if d, ok := o.(*appsv1.Deployment); ok && err == nil && slices.Contains(names, key.Name) {
			wanted := int32(1)
			if d.Spec.Replicas != nil {
				wanted = *d.Spec.Replicas
			}
			d.Status = appsv1.DeploymentStatus{
				ObservedGeneration: d.Generation, Replicas: wanted, UpdatedReplicas: wanted, AvailableReplicas: wanted,
			}
		}
		return err
	}
	c.Client = interceptor.NewClient(inner, interceptor.Funcs{Get: get})
	return c
}

// TestInstallWaits: the installation ends when the controller and the resolvers are ready, and otherwise names the one that is not.
func TestInstallWaits(t *testing.T) {
	cases := map[string]struct {
		ready []string
		args  []string
		want  string
	}{
		"Controller": {
			ready: []string{"sluice-resolvers"},
			args:  []string{"--resolvers-image", "r/r:1", "--wait", "1ms"},
			want:  "the controller did not become ready in 1ms",
		},
		"Resolvers": {
			ready: []string{"sluice-controller"},
			args:  []string{"--resolvers-image", "r/r:1", "--wait", "1ms"},
			want:  "the resolvers did not become ready in 1ms",
		},
		"Both": {
			ready: []string{"sluice-controller", "sluice-resolvers"},
			args:  []string{"--resolvers-image", "r/r:1", "--wait", "1m"},
		},
		"WithoutResolvers": {
			ready: []string{"sluice-controller"},
			args:  []string{"--wait", "1m"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, _, err := runInstall(withReady(t, tc.ready), images(tc.args...)...)
			if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
				t.Errorf("want an error with %q, got %v", tc.want, err)
			}
		})
	}
}
