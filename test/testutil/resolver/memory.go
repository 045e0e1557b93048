package resolver

import (
	"context"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	resolutionv1beta1 "github.com/sluice-ci/sluice/api/resolution/v1beta1"
	"github.com/sluice-ci/sluice/internal/scheme"
)

// InMemory returns a client of a cluster in memory with these objects. A Resolver answers the requests of a namespace until the test
// ends.
func InMemory(t *testing.T, namespace string, answer func(*resolutionv1beta1.ResolutionRequest) Answer,
	objects ...client.Object) client.WithWatch {
	t.Helper()
	kinds, err := scheme.New()
	if err != nil {
		t.Fatal(err)
	}
	c := fake.NewClientBuilder().WithScheme(kinds).WithObjects(objects...).
		WithStatusSubresource(&resolutionv1beta1.ResolutionRequest{}).Build()
	ctx, end := context.WithCancel(t.Context())
	t.Cleanup(end)
	go func() {
		if err := new(Resolver).Serve(ctx, c, namespace, answer); err != nil {
			t.Errorf("the stand-in resolver: %v", err)
		}
	}()
	return c
}
